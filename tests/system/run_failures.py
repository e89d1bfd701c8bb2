#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=30
"""Does `make run` name the cause when a part of it is missing, wrong or damaged?"""
import os

from lib import dom0


def damaged(env, source, name, change):
    path = os.path.join(env.folder, name)
    with open(source, 'rb') as f:
        data = bytearray(f.read())
    with open(path, 'wb') as f:
        f.write(change(data))
    return path


def overwrite_middle(data):
    middle = len(data) // 2
    data[middle:middle + 4096] = bytes(4096)
    return data


def test(env):
    env.run('KERNEL=/nonexistent/vmlinuz').expect_failed('/nonexistent/vmlinuz is missing')
    env.run('MACHINE=pdp11').expect_failed('MACHINE=pdp11')
    env.run('COLOUR=red').expect_failed('unknown variable COLOUR')
    env.run('MEM=much').expect_failed('MEM=much')

    # The hypervisor itself finds these.
    truncated = damaged(env, env.kernel, 'truncated', lambda data: data[:len(data) // 3])
    env.run(f'KERNEL={truncated}').expect_failed('(?i)panic')
    scratched = damaged(env, env.kernel, 'scratched', overwrite_middle)
    env.run(f'KERNEL={scratched}').expect_failed('(?i)panic')
    text = damaged(env, env.kernel, 'text', lambda data: b'no kernel\n' * 1000)
    env.run(f'KERNEL={text}').expect_failed('(?i)panic')

    # And this dom0's kernel.
    env.run(f'INITRD={text}').expect_failed('Kernel panic|Initramfs')


dom0.main(test)
