#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=2
"""Does building dom0's initramfs twice give the same bytes, and does it hold what dom0 needs?"""
import gzip
import os
import subprocess
import sys

from lib import dom0


def test(env):
    cache = os.environ.get('CACHE') or os.path.join(env.build, 'cache')
    builder = os.path.join(dom0.TOP, 'tools', 'image', 'initrd.py')
    contents = []
    for name in ('first', 'second'):
        path = os.path.join(env.folder, name)
        # A time, a folder and a mask of its own for each must leave no trace.
        subprocess.run(['sh', '-c', 'umask "$0"; exec "$@"', '077' if contents else '022',
                        sys.executable, builder, cache, path], check=True)
        with open(path, 'rb') as f:
            contents.append(f.read())
    dom0.check(contents[0] == contents[1], 'two builds differ')
    listing = subprocess.run(['cpio', '-t', '--quiet'], input=gzip.decompress(contents[0]),
                             stdout=subprocess.PIPE, check=True).stdout.decode().split('\n')
    for name in ('init', 'bin/busybox', 'sbin/xenstored', 'bin/xenstore-ls', 'lib/libc.so.6',
                 'dev/console'):
        dom0.check(name in listing, f'{name} is not in the initramfs')
    for name in ('xen_evtchn.ko', 'xenfs.ko', 'virtio_blk.ko', 'virtio_net.ko', 'ext4.ko'):
        dom0.check(any(row.endswith('/' + name) for row in listing), f'no module {name}')


dom0.main(test)
