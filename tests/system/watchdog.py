#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=15
"""Does the watchdog find a CPU that is stuck, show where, and panic; is nothing stopped for its
sake when it is off; and does it let a machine alone that only has much to do?"""
import os

from lib import dom0

ARGS = 'com1=115200,8n1 console=com1 loglvl=all dom0_mem=64M noreboot conswitch=ax'


def start(env, more):
    guest = os.path.join(env.build, 'tests', 'guests', 'console-input.elf')
    return dom0.machine.qemu(kernel=env.plain_hypervisor(), append=f'{ARGS} {more}', cpus=3,
                             modules=[f'{guest} echo=1'], mem=512, log=env.log())


def test(env):
    with start(env, '') as m:
        m.wait('^echo is ready', 60, 'Panic|Verdict')
        m.send('W')
        m.wait('the watchdog is off', 20, 'Panic')
        m.send('h')
        m.wait("'h' pressed", 20, 'Panic')
    with start(env, 'watchdog_timeout=10') as m:
        m.wait('Watchdog: a CPU that is stuck for 10 seconds is a panic', 60, 'Panic|Verdict')
        m.wait('^echo is ready', 60, 'Panic|Verdict')
        m.send('***')
        m.send('W')
        m.wait("'W' pressed", 60, 'Panic')
        m.wait(r'CPU \d has served no soft interrupt for 10 seconds', 90)
        m.wait(r'^\(HV\) .* [0-9a-f]{16} stop_for_good\+0x', 20)
        m.wait(r'Panic on CPU \d: watchdog: CPU \d is stuck', 20)


dom0.main(test)
