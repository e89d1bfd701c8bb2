#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build domain 0's image for running guests, an initramfs in one file: initrd.py's and
toolstack.py's archives, and a third one, made here, with the `hospes` command, Debian's hotplug
scripts and what they need, dnsmasq, the back-end drivers, a guest's kernel and initramfs, and the
files of dom0/, whose etc/hospes/start sets it all up.

    dom0.py CACHE OUTPUT --parts INITRD TOOLSTACK --hospes FILE --guest KERNEL INITRAMFS

The same packages give the same bytes. Limits: no systemd, no udev; small programs are busybox's.
"""
import argparse
import gzip
import os
import stat
import sys

import initrd
import packages
import toolstack

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAMS = [                                # package, path in it, path in the image
    ('bash', 'bin/bash', 'bin/bash'),
    ('iproute2', 'bin/ip', 'bin/ip'),
    ('mount', 'sbin/losetup', 'sbin/losetup'),
    ('util-linux', 'usr/bin/flock', 'usr/bin/flock'),
    ('dnsmasq-base', 'usr/sbin/dnsmasq', 'usr/sbin/dnsmasq'),
    ('nftables', 'usr/sbin/nft', 'usr/sbin/nft'),
]
LIBRARY_PACKAGES = toolstack.LIBRARY_PACKAGES + [
    'libbpf1', 'libbsd0', 'libcap2', 'libdbus-1-3', 'libedit2', 'libelf1', 'libgcrypt20',
    'libgmp10', 'libgpg-error0', 'libhogweed6', 'libidn2-0', 'libjansson4', 'libjson-c5',
    'liblz4-1', 'libmd0', 'libmnl0', 'libnetfilter-conntrack3', 'libnettle8', 'libnfnetlink0',
    'libnftables1', 'libnftnl11', 'libsmartcols1', 'libsystemd0', 'libunistring2', 'libxtables12',
]
SCRIPTS = ('xen-utils-common', 'etc/xen/scripts')
MODULES = {                                 # what etc/hospes/start loads together, in this order
    'host': ['xen-blkback', 'xen-netback', 'loop', 'bridge'],
    'uplink': ['virtio_pci', 'virtio_net', 'crc32c_generic', 'nf_tables', 'nft_chain_nat',
               'nft_masq'],
}
FOLDERS = ['boot', 'etc', 'lib', 'lib/modules', 'usr', 'usr/bin', 'usr/sbin', 'sbin', 'bin',
           'var/lib/hospes', 'var/lib/misc', 'var/log/hospes']


def _layer(cache, hospes):
    """The tree of what the two other archives have not, and the tree of all three."""
    base = toolstack.tree(cache)
    tree = dict(base)
    tree.update({name: (stat.S_IFDIR | 0o755,) for name in FOLDERS})
    initrd.add_programs(tree, cache, PROGRAMS + [(None, hospes, 'usr/sbin/hospes')],
                        LIBRARY_PACKAGES)
    initrd.add_modules(tree, cache, MODULES)
    scripts = {}
    initrd.add_folder(scripts, os.path.join(packages.unpack(cache, SCRIPTS[0]), SCRIPTS[1]))
    tree[SCRIPTS[1]] = (stat.S_IFDIR | 0o755,)
    tree.update({f'{SCRIPTS[1]}/{name}': row for name, row in scripts.items()})
    initrd.add_folder(tree, os.path.join(HERE, 'dom0'))
    # dom0's udhcpc sets its address by the same script as the guest's.
    initrd.add_files(tree, [(os.path.join(HERE, 'guest', 'etc', 'dhcp-lease'), 'etc/dhcp-lease')])
    return {n: row for n, row in tree.items() if n not in base or base[n] != row}


def build(cache, output, parts, hospes, guest):
    """Write the image to output; parts: paths of the two other archives; guest: kernel, initrd."""
    tree = _layer(cache, hospes)
    # What is compressed already goes in as it is.
    plain = {'boot': (stat.S_IFDIR | 0o755,)}
    for name, path in zip(('vmlinuz', 'guest.img'), guest):
        plain[f'boot/{name}'] = (stat.S_IFREG | 0o644, initrd.read(path))
    pieces = [initrd.read(path) for path in parts]
    pieces += [gzip.compress(initrd.archive(tree), 6, mtime=0), initrd.archive(plain)]
    partial = f'{output}.{os.getpid()}'
    try:
        with open(partial, 'wb') as f:
            for piece in pieces:
                f.write(piece + bytes(-len(piece) % 4))
        os.rename(partial, output)
    finally:
        if os.path.exists(partial):
            os.unlink(partial)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('cache')
    parser.add_argument('output')
    parser.add_argument('--parts', nargs=2, required=True, metavar=('INITRD', 'TOOLSTACK'))
    parser.add_argument('--hospes', required=True, metavar='FILE')
    parser.add_argument('--guest', nargs=2, required=True, metavar=('KERNEL', 'INITRAMFS'))
    args = parser.parse_args()
    build(args.cache, args.output, args.parts, args.hospes, args.guest)


if __name__ == '__main__':
    try:
        main()
    except (initrd.InitrdError, packages.PackageError, OSError) as error:
        sys.exit(f'dom0: failed: {error}')
