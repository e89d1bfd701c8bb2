#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=25
"""Does dom0 work with every mitigation forced on, and is the code of each one run?

The two CPUs are threads of one core, for what is owed to the other thread of a CPU that sleeps.
QEMU notes each block of instructions that it translates, which it does when one is about to be run
first: a mitigation's instruction that is not in its log was never reached. That the emulator does
nothing at most of them does not matter here.
"""
import bisect
import os
import re
import subprocess
import sys

from lib import dom0

sys.path.insert(0, os.path.join(dom0.TOP, 'tests', 'lib'))

import guests       # noqa: E402

LOAD_CR3, WRMSR, VERW = r'movq +%r\w+, %cr3', 'wrmsr', 'verw'
# Function, what has to be run of it, how many instructions of that kind.
WANTED = [
    # Ways in: full root table; IBPB and SPEC_CTRL; return stack, branch history.
    ('xpti_syscall', LOAD_CR3, 1), ('xpti_pf', LOAD_CR3, 1), ('work_of_guest', LOAD_CR3, 1),
    ('work_of_guest', WRMSR, 2), ('work_of_guest', r'int3|pause|callq?', 2),
    ('overwrite_branch_history', 'lfence', 1),
    # Ways out: copies, buffers, SPEC_CTRL.
    ('exit_sysret', LOAD_CR3, 1), ('exit_sysret', VERW, 1), ('exit_sysret', WRMSR, 1),
    ('exit_iret', LOAD_CR3, 1), ('exit_iret', VERW, 1), ('exit_iret', WRMSR, 1),
    ('exit_syscall', LOAD_CR3, 1), ('exit_syscall', VERW, 1),
    ('exit_iret_call', LOAD_CR3, 1), ('exit_iret_call', VERW, 1),
    # From vCPU to vCPU: IBPB, L1 data cache. Idle: SPEC_CTRL off, and on by the interrupt.
    ('spec_switch_to', WRMSR, 2), ('spec_enter_idle', WRMSR, 1), ('work_irq', WRMSR, 1),
    ('__x86_indirect_thunk_r11', 'callq?', 1),
]


def functions(elf):
    """Sorted [(address, name)] of the text."""
    done = subprocess.run(['nm', elf], capture_output=True, text=True, check=True)
    rows = (row.split() for row in done.stdout.split('\n'))
    return sorted((int(r[0], 16), r[2]) for r in rows if len(r) == 3 and r[1] in 'tT')


def run_instructions(path, names):
    """{function: {address: instruction}} of what was translated."""
    starts = [address for address, _ in names]
    found = {}
    with open(path, encoding='utf-8', errors='replace') as log:
        for row in log:
            match = re.match(r'0x([0-9a-f]{16}):  (?:[0-9a-f]{2} )+ *(.*)$', row)
            if match:
                address = int(match.group(1), 16)
                at = bisect.bisect_right(starts, address) - 1
                # Several names of one address: all of them.
                while at >= 0 and names[at][0] == starts[bisect.bisect_right(starts, address) - 1]:
                    found.setdefault(names[at][1], {})[address] = match.group(2)
                    at -= 1
    return found


def test(env):
    elf = os.path.join(env.build, 'hospes.elf')
    if not os.path.exists(elf):
        raise dom0.Skipped(f'{elf} is missing: not a hypervisor built here')
    names = functions(elf)
    log = os.path.join(env.folder, 'instructions')
    wanted = {name for name, _, _ in WANTED}
    wanted -= {name for _, name in names}
    dom0.check(not wanted, f'no such functions: {wanted}')
    extra = ['-smp', '2,sockets=1,cores=1,threads=2', '-d', 'in_asm', '-D', log, '-dfilter',
             '0xffff818000000000+0x40000000']
    with env.boot(hypervisor=f'loglvl=all {guests.FORCED} pv-l1tf=on',
                  cpu=f'{dom0.machine.QEMU_CPU},+topoext', extra=extra) as m:
        env.wait(m, '^.*spec: microcode .*several threads a core')
        env.wait_shell(m)
        m.send('dmesg | grep -c . ; for i in 1 2 3; do ls -lR /sys/class >/dev/null; done; '
               'sleep 1; echo answer $((40 + 2))\n')
        env.wait(m, '^answer 42', 120)
        trouble = re.search(dom0.BAD_LOG, m.text)
        dom0.check(not trouble, f'in the log: {trouble and trouble.group(0)}')
    found = run_instructions(log, names)
    missing = []
    for name, pattern, count in WANTED:
        run = [i for i in found.get(name, {}).values() if re.match(pattern, i)]
        print(f'{name:28} {pattern:24} {len(run)} of {count}')
        if len(run) < count:
            missing.append(f'{name}: {pattern} ran at {len(run)} of {count} places')
    dom0.check(not missing, '; '.join(missing))


dom0.main(test)
