#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build the small PV guest's initramfs: busybox, the front-end drivers, and the files of
guest/, whose etc/rc brings up its network and disk and says what it found.

    guest.py CACHE OUTPUT [--add FILE:PATH]...

busybox is its init, so that it answers to "poweroff" and "reboot" as any system does. The same
packages give the same bytes.
"""
import os
import stat
import sys

import initrd
import packages

PROGRAMS = [('busybox-static', 'bin/busybox', 'bin/busybox')]
MODULES = {                                 # what etc/rc loads together, in this order
    'net': ['xen-netfront'],
    'disk': ['xen-blkfront', 'crc32c_generic', 'ext4'],
}
FOLDERS = ['bin', 'dev', 'etc', 'lib', 'lib/modules', 'mnt', 'proc', 'root', 'run', 'sbin', 'srv',
           'sys', 'tmp', 'usr', 'usr/bin', 'usr/sbin', 'var']


def build(cache, output, added=()):
    """Write the initramfs to output; added: (file, path inside) of further programs."""
    tree = {name: (stat.S_IFDIR | 0o755,) for name in FOLDERS}
    tree.update({n: (stat.S_IFCHR | 0o600, b'', device) for n, device in initrd.NODES.items()})
    tree['init'] = (stat.S_IFLNK | 0o777, b'/bin/busybox')
    initrd.add_programs(tree, cache, PROGRAMS, [])
    initrd.add_modules(tree, cache, MODULES)
    initrd.add_folder(tree, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'guest'))
    initrd.add_files(tree, added)
    initrd.write(tree, output)


def main(args):
    if len(args) < 2 or len(args) % 2 or any(a != '--add' for a in args[2::2]):
        sys.exit(__doc__)
    build(args[0], args[1], [tuple(a.split(':', 1)) for a in args[3::2]])


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (initrd.InitrdError, packages.PackageError, OSError) as error:
        sys.exit(f'guest: failed: {error}')
