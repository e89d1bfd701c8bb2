#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=15
"""Does what can't work end in one clear sentence: a CPU or memory that won't do, no domain 0 in the
modules, or a damaged one, options that are unknown or can't be met?"""
import gzip
import os
import random

from lib import dom0
from lib.dom0 import machine

ARGS = 'com1=115200,8n1 console=com1 noreboot'
CPU = machine.QEMU_CPU


def write(env, name, data):
    path = os.path.join(env.folder, name)
    with open(path, 'wb') as f:
        f.write(data)
    return path


def cases(env):
    """(what, the sentence, arguments for qemu())"""
    with open(env.kernel, 'rb') as f:
        kernel = f.read()
    cut = write(env, 'cut', kernel[:len(kernel) // 2])
    no_elf = write(env, 'no-elf', gzip.compress(random.Random(1).randbytes(10000)))
    good = [env.kernel]
    yield 'no long mode', r'no 64-bit long mode', {'cpu': CPU + ',-lm', 'modules': good}
    yield 'no NX', r'no-execute pages \(NX/XD\) are missing', {'cpu': CPU + ',-nx', 'modules': good}
    yield ('little memory', r'Hospes cannot start \(memory\): \d+ MiB of RAM found.*give the machine'
           ' more memory', {'mem': 40, 'modules': good})
    # Without console= and com1= it is still said on the serial line.
    yield ('no module', r'Hospes cannot start \(boot modules\): no module for domain 0',
           {'modules': [], 'append': ''})
    yield ('truncated kernel', r"Panic on CPU 0: domain 0's kernel .* can't be used: .*truncated",
           {'modules': [cut]})
    yield ('no kernel', r"Panic on CPU 0: domain 0.* can't be (used|built): .*ELF",
           {'modules': [no_elf]})
    yield ('dom0_mem too small', r"domain 0 can't be built: dom0_mem= is too small",
           {'append': f'{ARGS} dom0_mem=16M', 'modules': good})
    yield ('dom0=pvh', r'Hospes cannot start \(command line\): dom0=pvh .*PV',
           {'append': f'{ARGS} dom0=pvh', 'modules': good})
    yield ('unknown option', r'command line: unknown option "conslole=vga"; nearest known: "console"',
           {'append': f'{ARGS} conslole=vga', 'modules': [cut]})


def test(env):
    for what, sentence, options in cases(env):
        options = {'append': ARGS, 'mem': 512, **options}
        with machine.qemu(kernel=env.plain_hypervisor(), log=env.log(), **options) as m:
            try:
                m.wait(sentence, 30)
            except machine.MachineError as e:
                raise dom0.Failed(f'{what}: {e}') from e
            print(f'{what}: {m.text[m.text.rfind(chr(10), 0, m.cursor) + 1:m.cursor]}')


dom0.main(test)
