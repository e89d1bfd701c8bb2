#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Kernel-level rows of the benchmark, from tests/bench/guest in a counting QEMU.

    kernel_rows.py HYPERVISOR [BUILD [OPTION...]]
        prints "NAME MEDIAN MIN MAX" in instructions per operation; options for the hypervisor are
        such as xpti=on, for what mitigations cost

Python: rows(hypervisor, build='build') -> {name: (median, min, max)}. Raises MachineError when
the guest gives no verdict. NAMES maps each name to its line in the table of figures.
"""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'lib'))

import guests  # noqa: E402

machine = guests.machine

# Name in the guest: (name in the table, Xen 4.17's figure, the bar for Hospes)
NAMES = {
    'hypercall-unknown': ('hypercall, unknown number', 241, 100),
    'xen_version': ('xen_version', 257, 120),
    'sched_op-yield': ('sched_op yield', 1566, 600),
    'evtchn-status': ('event channel status', 432, 210),
    'grant-query': ('grant query', 430, 210),
    'multicall-8': ('multicall of 8', 1923, 700),
    'set_timer_op': ('set_timer_op', 1444, 500),
    'update_va_mapping-same': ('update_va_mapping, same value', 591, 260),
    'update_va_mapping-rw-ro': ('update_va_mapping, rw to ro', 964, 400),
    'mmu_update-one': ('mmu_update, one entry', 805, 330),
    'pt-write-emulated': ('page-table write fault, emulated', 1826, 600),
    'tlb-flush-local': ('TLB flush local', 518, 230),
    'invlpg-local': ('invlpg local', 504, 220),
    'cpuid-forced': ('CPUID', 391, 180),
    'rdmsr-efer': ('RDMSR EFER', 1261, 350),
}
LIMIT = 180    # seconds: counting makes QEMU a few times slower


def rows(hypervisor, build='build', log=None, options=()):
    """Median, least and greatest number of instructions per operation on this hypervisor."""
    images = guests.Images(os.path.abspath(build))
    # One CPU is all that counting allows, and loglvl=all costs instructions only while booting.
    with machine.qemu(kernel=images.hypervisor(hypervisor), cpus=1, mem=512, icount=True,
                      append=' '.join((guests.HV_ARGS, 'dom0_mem=64M', *options)),
                      modules=[images.elf('bench')], log=log) as m:
        m.wait(r'^Verdict: bench success', timeout=LIMIT,
               fail=guests.DEAD + r'|^Verdict: bench (failure|error).*$')
        found = re.findall(r'^Row: (\S+) (\d+) (\d+) (\d+)$', m.text, re.M)
    return {name: (int(a), int(b), int(c)) for name, a, b, c in found}


def main(args):
    if not args:
        sys.exit(__doc__)
    for name, (median, least, most) in rows(*args[:2], options=args[2:]).items():
        print(f'{name:26} {median:7} {least:7} {most:7}')


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except machine.MachineError as error:
        sys.exit(f'kernel_rows: failed: {error}')
