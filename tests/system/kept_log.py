#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=15
"""After a panic and a reset, does the next boot show the last lines of the run before, once, and is
an orderly end not shown? By QEMU's own loader and by GRUB, which uses memory of its own."""
import os

from lib import dom0

ARGS = 'com1=115200,8n1 console=com1 loglvl=all dom0_mem=64M noreboot'
HEAD = r'^\(HV\) ---- Log of the run before, which did not end in order'
TAIL = r'^\(HV\) ---- End of the log of the run before'
BAD = r'Verdict|pieces of \d+ characters are lost'


def ready(m):
    m.wait('^echo is ready', 120, BAD)


def crash(m, word):
    m.send(f'{word}\n')
    m.wait(rf'^\[{word}\]', 10)
    m.send('keys C\n')
    m.wait(r"Panic on CPU \d: key 'C' was pressed", 10)
    m.wait('Stopped here', 20)
    m.order('system_reset')


def shown(m, word):
    """The log of the run before, which typed this word into domain 0 and had a panic."""
    m.wait(HEAD, 60, BAD)
    start = m.cursor
    m.wait(TAIL, 20, BAD)
    text = m.text[start:m.cursor]
    for line in (r'\| \(HV\) Hospes ', r'\| echo is ready', rf'\| \[{word}\]',
                 r"\| \(HV\) Panic on CPU \d: key 'C' was pressed",
                 r'\| \(HV\) +[0-9a-f]{16} panic_now\+', r'\| \(HV\) Stopped here'):
        dom0.check(dom0.re.search(rf'^\(HV\) {line}', text, dom0.re.M),
                   f'the log of the run before has no line "{line}"')
    dom0.check(dom0.re.search(r'\(HV\) \| \(HV\) \|', text) is None,
               'it holds the log of the run before it, too')
    ready(m)
    m.send('log ---- Log of the run before\n')
    m.wait(r'^log has "---- Log of the run before" [1-9] times', 10)


def quiet(m):
    """A boot that shows no earlier log."""
    before = len(m.text)
    ready(m)
    dom0.check('Log of the run before' not in m.text[before:], 'an orderly end is shown as a crash')


def check(m):
    quiet(m)
    crash(m, 'first')
    shown(m, 'first')
    crash(m, 'second')
    shown(m, 'second')
    m.send('shutdown 1\n')      # SHUTDOWN_reboot
    m.wait('the machine restarts', 10)
    quiet(m)


def test(env):
    guest = os.path.join(env.build, 'tests', 'guests', 'console-input.elf')
    with dom0.machine.qemu(kernel=env.plain_hypervisor(), append=ARGS, cpus=2, mem=512,
                           modules=[f'{guest} echo=1'], resets=True, log=env.log()) as m:
        check(m)
    image = os.path.join(env.folder, 'boot.iso')
    dom0.iso.hypervisor_iso(image, env.hypervisor, ARGS, [(guest, 'echo=1')])
    with dom0.machine.qemu(iso=image, mem=256, resets=True, log=env.log()) as m:
        check(m)


dom0.main(test)
