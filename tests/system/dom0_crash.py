#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""What is shown of a domain 0 that stops, and does the machine do what its code and the options
say?"""
import os

from lib import dom0

ARGS = 'com1=115200,8n1 console=com1 loglvl=all dom0_mem=64M'
SWITCH = '\x01\x01\x01'
POWEROFF, REBOOT, SUSPEND, CRASH, WATCHDOG, SOFT_RESET = range(6)
# What a crash shows: domain 0's registers, where it called, its mode, its stack.
SHOWN = (r'^\(HV\) Domain 0 vCPU 0:', r'^\(HV\) CPU \d, guest d0v0', r'^\(HV\) rip e033:[0-9a-f]{16}',
         r'^\(HV\) r13 [0-9a-f]{16}', r'^\(HV\)     PV: kernel mode, root 0x',
         r'^\(HV\)     stack from 0x[0-9a-f]+:', r'^\(HV\)     [0-9a-f]{16} [0-9a-f]{16} [0-9a-f]{16}')
# Code, options, what is said first, whether domain 0 is shown, what is said last, how it ends.
CASES = (
    (CRASH, '', 'Domain 0 crashed', True, r'Rebooting in \d+ seconds', 'reset'),
    (CRASH, 'noreboot', 'Domain 0 crashed', True, 'Stopped here as noreboot says', None),
    (CRASH, 'noreboot dom0_crash=reboot', 'Domain 0 crashed', True, '', 'reset'),
    (CRASH, 'dom0_crash=halt', 'Domain 0 crashed', True, 'as dom0_crash=halt says', None),
    (SUSPEND, 'noreboot', r'unknown reason \(2\)', True, 'Stopped here', None),
    (WATCHDOG, 'noreboot', 'did not serve its watchdog', True, '', 'reset'),
    (SOFT_RESET, 'noreboot', 'soft reset, which it can\'t have', False, '', 'reset'),
    (REBOOT, 'noreboot', 'asks for a reboot', False, '', 'reset'),
    (POWEROFF, 'noreboot', 'has powered off', False, '', 'poweroff'),
)


def start(env, options):
    guest = os.path.join(env.build, 'tests', 'guests', 'console-input.elf')
    m = dom0.machine.qemu(kernel=env.plain_hypervisor(), append=f'{ARGS} {options}', cpus=2,
                          modules=[f'{guest} echo=1'], mem=256, log=env.log())
    m.wait('^echo is ready', 60, 'Panic|Verdict')
    return m


def stops(m, code, first, shown, last, end):
    m.send(f'shutdown {code}\n')
    m.wait(first, 20)
    for word in SHOWN if shown else ():
        m.wait(word, 20)
    if last:
        m.wait(last, 20)
    if end:
        dom0.check((ended := m.wait_end(60)) == end, f'code {code} ended the machine with: {ended}')
    else:
        still_there(m, code)


def still_there(m, code):
    try:
        raise dom0.Failed(f'after code {code} the machine ended: {m.wait_end(1)}')
    except dom0.machine.MachineError:
        pass


def stays(env):
    """The hypervisor goes on: its keys work, domain 0 does not run."""
    with start(env, 'dom0_crash=stay') as m:
        m.send(f'shutdown {CRASH}\n')
        m.wait('Domain 0 crashed', 20)
        for word in SHOWN:
            m.wait(word, 20)
        m.wait('as dom0_crash=stay says', 20)
        m.wait('Serial input to Hospes', 20)
        m.send('q')
        m.wait(r'Domain 0: .* shut down', 20)
        dom0.check('alive' not in m.text[m.cursor:], 'domain 0 still runs')
        m.send('R')
        m.wait_end(20)


def test(env):
    for code, options, *rest in CASES:
        print(f'code {code} with "{options}"', flush=True)
        with start(env, options) as m:
            stops(m, code, *rest)
    stays(env)


dom0.main(test)
