#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build a second initramfs for dom0 with Debian's own Xen tools, unpatched: xl with libxl, xentop,
xenpm, both store daemons, xenconsoled and the small ones, where Debian puts them.

    toolstack.py CACHE OUTPUT [--add FILE:PATH]...

It holds only what initrd.py's archive has not, and is meant to follow that one in the same file
(the kernel unpacks both): `cat initrd.img toolstack.img`. The same packages give the same bytes.
Limits: no Python, so neither pygrub nor the tools written in it.
"""
import os
import stat
import sys

import initrd
import packages

BIN = 'usr/lib/xen-4.17/bin'
PROGRAMS = [('xen-utils-4.17', f'{BIN}/{name}', f'{BIN}/{name}') for name in (
    'libxl-save-helper', 'lsevtchn', 'oxenstored', 'test-cpu-policy', 'test-paging-mempool',
    'test-tsx', 'xen-cpuid', 'xen-diag', 'xen-hptool', 'xen-init-dom0', 'xen-lowmemd',
    'xen-mfndump', 'xenconsole', 'xenconsoled', 'xenctx', 'xenlockprof', 'xenperf', 'xenpm',
    'xentop', 'xentrace', 'xl')] + [
    ('xen-utils-common', 'usr/bin/xen-detect', 'usr/bin/xen-detect'),
    ('xen-utils-common', 'usr/sbin/xenhypfs', 'usr/sbin/xenhypfs')] + [
    ('xenstore-utils', f'usr/bin/xenstore-{name}', f'bin/xenstore-{name}')
    for name in ('chmod', 'exists', 'list', 'rm', 'watch')]
FILES = [                                   # package, path in it and in the initramfs, mode
    ('xen-utils-common', 'etc/xen/xl.conf', 0o644),
    ('xen-utils-common', 'etc/xen/oxenstored.conf', 0o644),
    ('ncurses-base', 'lib/terminfo/v/vt100', 0o644),
]
LIBRARY_PACKAGES = initrd.LIBRARY_PACKAGES + [
    'libbz2-1.0', 'libgcc-s1', 'liblzma5', 'liblzo2-2', 'libncurses6', 'libtinfo6', 'libuuid1',
    'libxenhypfs1', 'libyajl2', 'libzstd1', 'zlib1g',
]
FOLDERS = ['etc/xen', 'etc/xen/auto', 'lib/terminfo', 'lib/terminfo/v', 'usr/lib',
           'usr/lib/xen-4.17', BIN, 'var/lib/xen', 'var/lock', 'var/log', 'var/log/xen',
           'var/log/xen/console']


def _both(cache):
    """The tree of initrd.py's archive but its modules, and the tree of both."""
    base = initrd.base_tree(cache)
    both = dict(base)
    both.update({name: (stat.S_IFDIR | 0o755,) for name in FOLDERS})
    # pthread_cancel() loads libgcc_s itself.
    initrd.add_programs(both, cache, PROGRAMS, LIBRARY_PACKAGES, loaded=['libgcc_s.so.1'])
    for package, path, mode in FILES:
        data = initrd.read(os.path.join(packages.unpack(cache, package), path))
        both[path] = (stat.S_IFREG | mode, data)
    return base, both


def tree(cache):
    """What is in dom0 with this archive behind initrd.py's, but modules and /init."""
    return _both(cache)[1]


def build(cache, output, added=()):
    """Write the archive to output; added: (file, path inside) of further programs."""
    base, both = _both(cache)
    initrd.add_files(both, added)
    initrd.write({n: row for n, row in both.items() if n not in base}, output)


def main(args):
    if len(args) < 2 or len(args) % 2 or any(a != '--add' for a in args[2::2]):
        sys.exit(__doc__)
    build(args[0], args[1], [tuple(a.split(':', 1)) for a in args[3::2]])


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (initrd.InitrdError, packages.PackageError, OSError) as error:
        sys.exit(f'toolstack: failed: {error}')
