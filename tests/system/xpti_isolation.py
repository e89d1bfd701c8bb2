#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=12
"""With xpti=, do the page tables that a CPU runs a guest on leave out the hypervisor?

A micro-guest spins in its kernel or user mode on both CPUs. The machine is stopped while they are
in ring 3, and the tables that CR3 names then are walked by QEMU's monitor. Of the hypervisor's address
space they may map, besides the machine-to-physical table and the descriptor tables of the domain,
what the CPU needs to get in: entry code, its own stub, TSS and IDT, four interrupt stacks and the
last page of its primary stack; no direct map, no frame table, no data, nothing of another CPU. No
page may be global, and CR4.PGE must be off, or the TLB would know more than the tables. Without
xpti= the same walk has to find it all, which shows that it can.
"""
import os
import re
import subprocess

from lib import dom0

CPUS = 2
PAGE = 4096
FIRST, LAST = 0xffff810000000000, 0xffff880000000000    # behind M2P and per-domain area
STACK, STACKS, STACK_PAGES = 0x10000, 0xffff818040000000, {1, 3, 5, 7, 15}
PERCPU, PERCPU_STRIDE, PERCPU_PAGES = 0xffff818060000000, 2 << 20, {0, 2, 3}
DIRECTMAP = 0xffff840000000000
CR4_PGE, CR4_PCIDE = 1 << 7, 1 << 17
TRIES = 50


def symbols(env):
    elf = os.path.join(env.build, 'hospes.elf')
    if not os.path.exists(elf):
        raise dom0.Skipped(f'{elf} is missing: not a hypervisor built here')
    done = subprocess.run(['nm', elf], capture_output=True, text=True, check=True)
    return {name: int(value, 16) for value, _, name in
            (row.split() for row in done.stdout.split('\n') if len(row.split()) == 3)}


def ask(m, cpu, command):
    return m.qmp('human-monitor-command', **{'command-line': command, 'cpu-index': cpu})


def register(text, name):
    return int(re.search(rf'\b{name}=([0-9a-f]+)', text).group(1), 16)


def stop_in_ring_3(m):
    """The registers of both CPUs, at a moment when both run their guest."""
    for _ in range(TRIES):
        m.qmp('stop')
        registers = [ask(m, cpu, 'info registers') for cpu in range(CPUS)]
        if all(register(r, 'CPL') == 3 for r in registers):
            return registers
        m.qmp('cont')
    raise dom0.Failed(f'in {TRIES} tries the guest never ran on both CPUs')


def mappings(m, cpu):
    """{address: flags} of the hypervisor's space in the tables of cpu."""
    found = re.findall(r'^([0-9a-f]{16}): [0-9a-f]{16} (\S{9})\r?$', ask(m, cpu, 'info tlb'), re.M)
    return {a: flags for a, flags in ((int(a, 16), flags) for a, flags in found)
            if FIRST <= a < LAST}


def allowed(sym, cpu):
    """{address: (executable, writable)} of all that entry and exit need."""
    pages = {a: (True, False) for a in range(sym['text_start'], sym['text_entry_end'], PAGE)}
    for n in STACK_PAGES:
        pages[STACKS + cpu * STACK + n * PAGE] = (False, True)
    for n in PERCPU_PAGES:
        pages[PERCPU + cpu * PERCPU_STRIDE + n * PAGE] = (n == 0, False)
    return pages


def spinning(env, option, how):
    """A machine that has said that its guest spins."""
    guest = os.path.join(env.build, 'tests', 'guests', 'root-update.elf')
    m = dom0.machine.qemu(kernel=env.plain_hypervisor(), cpus=CPUS, mem=256, log=env.log(),
                          append=f'com1=115200,8n1 console=com1 dom0_mem=64M {option}',
                          modules=[f'{guest} spin={how}'])
    m.wait(f'^spinning in {how} mode', 60, 'Panic|Verdict')
    return m


def check_isolated(env, sym, option, how):
    with spinning(env, option, how) as m:
        registers = stop_in_ring_3(m)
        roots = [register(r, 'CR3') & ~(PAGE - 1) for r in registers]
        dom0.check(roots[0] != roots[1], 'both CPUs run on one root table')
        for cpu, text in enumerate(registers):
            dom0.check(not register(text, 'CR4') & CR4_PGE, f'CPU {cpu}: CR4.PGE is on')
            pages, wanted = mappings(m, cpu), allowed(sym, cpu)
            print(f'{option}, {how} mode, CPU {cpu}: {len(pages)} pages')
            for address, flags in pages.items():
                dom0.check(address in wanted, f'CPU {cpu} maps {address:x} ({flags})')
                dom0.check('G' not in flags and 'U' not in flags,
                           f'CPU {cpu}: {address:x} is global or the guest\'s ({flags})')
                dom0.check(('X' not in flags, 'W' in flags) == wanted[address],
                           f'CPU {cpu}: {address:x} is {flags}')
            missing = wanted.keys() - pages.keys()
            dom0.check(not missing, f'CPU {cpu} lacks {min(missing, default=0):x}')
        # They go on from there: the tables suffice.
        m.qmp('cont')
        stop_in_ring_3(m)


def check_open(env, sym, option):
    with spinning(env, option, 'kernel') as m:
        stop_in_ring_3(m)
        for cpu in range(CPUS):
            pages = mappings(m, cpu)
            print(f'{option}, CPU {cpu}: {len(pages)} pages')
            dom0.check(any(a >= DIRECTMAP for a in pages) and sym['data_start'] in pages and
                       sym['text_entry_end'] in pages, 'without XPTI the walk finds too little')


def test(env):
    sym = symbols(env)
    check_isolated(env, sym, 'xpti=on', 'kernel')
    check_isolated(env, sym, 'xpti=dom0=on,domu=off', 'user')
    check_open(env, sym, 'xpti=off')
    check_open(env, sym, 'xpti=domu=on,dom0=off')


dom0.main(test)
