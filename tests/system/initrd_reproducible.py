#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=4
"""Does building dom0's and the small guest's initramfs twice give the same bytes, and do they hold
what is needed?"""
import gzip
import os
import subprocess
import sys

from lib import dom0

CONTENTS = {                                # builder: files, modules
    'initrd.py': (('init', 'bin/busybox', 'sbin/xenstored', 'bin/xenstore-ls', 'lib/libc.so.6',
                   'dev/console'),
                  ('xen_evtchn.ko', 'xenfs.ko', 'virtio_blk.ko', 'virtio_net.ko', 'ext4.ko')),
    'guest.py': (('init', 'bin/busybox', 'etc/rc', 'etc/inittab', 'dev/console'),
                 ('xen_netfront.ko', 'xen_blkfront.ko', 'ext4.ko')),
}


def build_twice(env, builder):
    """The archive, built with a time, a folder and a mask of its own for each build."""
    cache = os.environ.get('CACHE') or os.path.join(env.build, 'cache')
    contents = []
    for name in ('first', 'second'):
        path = os.path.join(env.folder, f'{builder}.{name}')
        subprocess.run(['sh', '-c', 'umask "$0"; exec "$@"', '077' if contents else '022',
                        sys.executable, os.path.join(dom0.TOP, 'tools', 'image', builder), cache,
                        path], check=True)
        with open(path, 'rb') as f:
            contents.append(f.read())
    dom0.check(contents[0] == contents[1], f'{builder}: two builds differ')
    return gzip.decompress(contents[0])


def test(env):
    for builder, (files, modules) in CONTENTS.items():
        listing = subprocess.run(['cpio', '-t', '--quiet'], input=build_twice(env, builder),
                                 stdout=subprocess.PIPE, check=True).stdout.decode().split('\n')
        for name in files:
            dom0.check(name in listing, f'{builder}: {name} is not in it')
        for name in modules:
            dom0.check(any(row.endswith('/' + name.replace('_', '-')) or
                           row.endswith('/' + name) for row in listing),
                       f'{builder}: no module {name}')


dom0.main(test)
