#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=40 limit=300
"""Machine checks that QEMU makes up: is a corrected error found, named in the log and told to
domain 0, is one that lost data which nobody uses yet survived, and does one that damaged the CPU
end in a panic that says what it was?"""
from lib import dom0

VAL, UC, EN, MISCV, ADDRV, PCC = (1 << n for n in (63, 61, 60, 59, 58, 57))
RIPV = 1
# Compound codes of the SDM.
MEMORY_READ_CHANNEL_1, CACHE_L2_DATA_READ, BUS_READ = 0x0091, 0x0136, 0x0810


def inject(m, cpu, bank, status, gstatus=0, addr=0, misc=0):
    command = f'mce {cpu} {bank} {status:#x} {gstatus:#x} {addr:#x} {misc:#x}'
    m.qmp('human-monitor-command', **{'command-line': command})


def told(env, m):
    """How many interrupts of machine checks domain 0 had."""
    m.send('echo mca $(grep " mce$" /proc/interrupts).\n')
    found = env.wait(m, r'^mca (?:\d+: )?((?:\d+ )*)\S*.*\.$', 20).group(1)
    return sum(map(int, found.split()))


def says(cpu, bank, text):
    """The start of the log's line on an error."""
    return rf'\(HV\) Machine check: CPU {cpu} bank {bank}: {text}'


def test(env):
    with env.boot() as m:
        env.wait_shell(m)
        before = told(env, m)
        inject(m, 1, 3, VAL | EN | ADDRV | MISCV | MEMORY_READ_CHANNEL_1, addr=0x3456000,
               misc=0x8c)
        env.wait(m, says(1, 3, r'corrected error, memory, read, channel 1;.*address 0x3456000, '
                               'misc 0x8c'), 60)
        dom0.check(told(env, m) > before, 'domain 0 was not told of the corrected error')
        inject(m, 0, 2, VAL | UC | EN | CACHE_L2_DATA_READ, RIPV)
        env.wait(m, says(0, 2, 'uncorrected, deferred error, cache, level 2, data, data read'), 60)
        m.send('echo still-$((40 + 2))\n')
        env.wait(m, '^still-42', 30)
        inject(m, 1, 1, VAL | UC | EN | PCC | ADDRV | BUS_READ, RIPV, addr=0x1000)
        m.wait(says(1, 1, 'fatal error, bus or interconnect, level 0, read'), 60)
        m.wait(r'\(HV\) Panic on CPU 1: machine check on CPU 1', 60)


dom0.main(test)
