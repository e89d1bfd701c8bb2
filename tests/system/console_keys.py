#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=15
"""Does what is typed go to domain 0, after three Ctrl-a to the debug keys and back, and does a panic
show registers, a backtrace with names and the last exits, then stop or reboot as told?"""
import os

from lib import dom0

ARGS = 'com1=115200,8n1 console=com1 loglvl=all dom0_mem=64M trace=all'
SWITCH = '\x01\x01\x01'
# Keys that only look, and a word that each must say.
KEYS = {
    'h': r"key 'C' =>", 'q': r'Domain 0: ', 'r': r'CPU', 'e': r'virq|VIRQ', 'i': r'IRQ|vector|GSI',
    'g': r'd0|[Gg]rant', 'd': r'CPU 1', '0': r'^\(HV\) .*rip ', 't': r'TSC \d+ kHz',
    'T': r'Trace, newest last', 'm': r'RAM \d+ MiB, free \d+ MiB',
    'p': r'd0 came to the hypervisor by:\n.*hypercalls: \d+',
}


def start(env, more):
    guest = os.path.join(env.build, 'tests', 'guests', 'console-input.elf')
    return dom0.machine.qemu(kernel=env.plain_hypervisor(), append=f'{ARGS} {more}', cpus=2,
                             modules=[f'{guest} echo=1'], mem=512, log=env.log())


def typed(m):
    m.wait('^echo is ready', 30, 'Panic|Verdict')
    m.send('first line\n')
    m.wait(r'^\[first line\]', 10)
    m.send('\x01\x01two are kept\n')     # too few to switch
    m.wait('^\\[\x01\x01two are kept\\]', 10)
    m.send(SWITCH)
    m.wait('Serial input to Hospes', 10)
    for key, word in KEYS.items():
        m.send(key)
        m.wait(f"'{key}' pressed -> ", 10)
        m.wait(word, 10)
    m.send(SWITCH)
    m.wait('Serial input to DOM0', 10)
    m.send('h again\n')
    m.wait(r'^\[h again\]', 10)
    m.send(SWITCH)
    m.wait('Serial input to Hospes', 10)


def panics(m):
    m.send('C')
    m.wait(r"Panic on CPU \d: key 'C' was pressed", 10)
    m.wait(r'^\(HV\) rip e008:ffff8180[0-9a-f]{8} panic\+0x', 10)
    m.wait(r'^\(HV\) r13 [0-9a-f]{16} ', 10)
    m.wait(r'^\(HV\) Call trace', 10)
    for name in ('panic_now', 'run_queue'):
        m.wait(rf'^\(HV\) .* [0-9a-f]{{16}} {name}\+0x[0-9a-f]+/0x', 10)
    m.wait(r'^\(HV\) CPU \d, last exits from guests', 10)
    m.wait(r'^\(HV\)   hypercall \d+ \w+\(0x', 10)
    m.wait(r'^\(HV\) Trace, newest last', 10)
    m.wait(r'^\(HV\) CPU\d hypercall nr=0x', 10)
    m.wait(r"Panic on CPU \d: key 'C' was pressed", 10)


def test(env):
    with start(env, 'noreboot') as m:
        typed(m)
        panics(m)
        m.wait('Stopped here as noreboot says', 10)
        alive = m.text.count('alive')
        try:
            end = m.wait_end(3)
            raise dom0.Failed(f'with noreboot the machine ended: {end}')
        except dom0.machine.MachineError:
            dom0.check(m.text.count('alive') == alive, 'domain 0 still runs after a panic')
    with start(env, '') as m:
        m.wait('^echo is ready', 30, 'Panic|Verdict')
        m.send(SWITCH)
        panics(m)
        m.wait(r'Rebooting in \d+ seconds', 10)
        end = m.wait_end(30)
        dom0.check(end == 'reset', f'after a panic the machine ended with: {end}')
    with start(env, 'conswitch=ax reboot=t') as m:    # input is the hypervisor's from the start
        m.wait('^echo is ready', 30, 'Panic|Verdict')
        m.send('R')
        end = m.wait_end(20)
        dom0.check(end in ('reset', 'triple-fault'), f"key 'R' ended the machine with: {end}")


dom0.main(test)
