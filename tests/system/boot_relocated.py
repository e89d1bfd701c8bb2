#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=25
"""Does the hypervisor run where the loader puts it, if the place it is linked for is taken?

The image is told (by its Multiboot2 header) to be placed at 64 MiB or above; two CPUs, so that the
start of the second goes through the moved image too.
"""
import gzip
import os
import struct

from lib import dom0

AT = 64 << 20
MAGIC, RELOCATABLE = 0xe85250d6, 10


def moved(env):
    """A copy of the hypervisor's file whose relocatable tag begins at AT."""
    with open(env.plain_hypervisor(), 'rb') as f:
        data = bytearray(f.read())
    head = next((i for i in range(0, 32768, 8) if struct.unpack_from('<I', data, i)[0] == MAGIC),
                None)
    dom0.check(head is not None, 'the image has no Multiboot2 header')
    at, end = head + 16, head + struct.unpack_from('<I', data, head + 8)[0]
    while at < end:
        kind, _, size = struct.unpack_from('<HHI', data, at)
        if kind == RELOCATABLE:
            struct.pack_into('<I', data, at + 8, AT)
            path = os.path.join(env.folder, 'moved.gz')
            with gzip.open(path, 'wb', 1) as f:
                f.write(data)
            return path
        at += (size + 7) & ~7
    raise dom0.Skipped('the image cannot be relocated')


def test(env):
    env.hypervisor = moved(env)
    done = env.run('CPUS=2', 'HVARGS=loglvl=all')
    done.expect_ok()
    with open(env.last_log, errors='replace') as f:
        text = f.read()
    dom0.check(f'boot: image at {AT:#x}-' in text, f'the image was not placed at {AT:#x}')


dom0.main(test)
