#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The user-level rows of the benchmark: instructions per operation in dom0's user land, or in that
of a PV guest without privileges.

    user_rows.py [--domu] [--only KIND]... [--hypervisor FILE] [--bench PROGRAM] [--keep FOLDER]

Boots the same kernel and initramfs natively, on Xen 4.17 and on Hospes, each under QEMU's
instruction count with one CPU, and prints a table with the bar for a PV guest beside it. --domu:
domain 0 is build/dom0.img and starts a guest that is measured, on Xen and on Hospes. Ends with
status 1 when a figure of Hospes is missing or above its bar. An emulator charges a CR3 load or a
trap as one instruction: the figures are not cycles.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

import lib

# Row of hospes-bench, and the most that a PV guest on Hospes may take.
BARS = {
    'getppid': 600, 'page-fault': 4000, 'mprotect': 4900, 'munmap-64': 135000,
    'pipe-round-trip': 15500, 'fork-exit': 400000, 'fork-exec': 1250000, 'cpuid': 3,
    'cpuid-forced': 180, 'port-read-0x61': 450, 'privcmd-xen_version': 1250,
}
# What a guest without privileges cannot do.
DOM0_ROWS = ('port-read-0x61', 'privcmd-xen_version')
GUEST_CONFIG = """name = "bench"
kernel = "/boot/vmlinuz"
ramdisk = "/bench/guest.img"
extra = "console=hvc0 quiet rdinit=/bin/domu-init"
memory = 256
"""
HERE = os.path.dirname(os.path.abspath(__file__))
BOOT_LIMIT, BENCH_LIMIT = 600, 1200


def build_program(folder):
    source = os.path.join(HERE, 'user', 'hospes-bench.c')
    output = os.path.join(folder, 'hospes-bench')
    subprocess.run(['gcc', '-O2', '-Wall', '-Wextra', '-Werror', '-static', '-s', '-o', output,
                    source], check=True)
    return output


def domu_ramdisk(folder, program, output):
    """Write dom0's image with the guest that is measured, and tests/domu that starts it."""
    guest, config = os.path.join(folder, 'guest.img'), os.path.join(folder, 'bench.cfg')
    lib.guest.build(lib.CACHE, guest, [(program, 'bin/hospes-bench'),
                                       (os.path.join(HERE, 'user', 'domu-init'), 'bin/domu-init')])
    with open(config, 'w', encoding='utf-8') as file:
        file.write(GUEST_CONFIG)
    tree = {}
    lib.initrd.add_files(tree, [(guest, 'bench/guest.img'), (config, 'bench/bench.cfg'),
                                (os.path.join(HERE, 'user', 'domu'), 'tests/domu')])
    image = lib.initrd.read(os.path.join(lib.BUILD, 'dom0.img'))
    with open(output, 'wb') as file:
        file.write(image + bytes(-len(image) % 4) + lib.initrd.archive(tree))


def measure(kind, folder, program, options):
    """{row: instructions} of one machine."""
    ramdisk, keep = os.path.join(folder, 'initrd.img'), options.keep
    if not os.path.exists(ramdisk) and options.domu:
        domu_ramdisk(folder, program, ramdisk)
    elif not os.path.exists(ramdisk):
        lib.initrd.build(lib.CACHE, ramdisk, [(program, 'bin/hospes-bench')])
    image = os.path.join(folder, f'{kind}.iso')
    test = 'domu' if options.domu else 'bench'
    lib.image(kind, image, ramdisk, f'hospes.test={test} hospes.after=poweroff',
              'dom0_mem=640M', options.hypervisor)
    log = os.path.join(keep, f'{kind}.log') if keep else None
    with lib.machine.qemu(iso=image, cpus=1, mem=2048, icount=True, log=log) as m:
        lib.wait(m, '^HOSPES-DOM0 up=1', BOOT_LIMIT)
        print(f'{kind}: user land after {m.seconds():.0f} s', file=sys.stderr, flush=True)
        try:
            m.wait('^HOSPES-BENCH done=1', BENCH_LIMIT, lib.run.FAIL)
        except lib.machine.MachineError as e:
            # The rows before the failure are worth printing; those after it count as missed.
            print(f'bench: failed: {kind}: {lib.run.cause_of(e, m)}')
        rows = re.findall(r'^HOSPES-BENCH (\S+)=(\d+)$', m.text, re.M)
        return {name: int(value) for name, value in rows if name != 'done'}


def cell(value):
    return '-' if value is None else f'{value:,}'


def table(results, left_out):
    """Print the rows; return the names of those above their bar or without a figure of Hospes."""
    print('| ' + ' | '.join(['row', *lib.KINDS, 'bar']) + ' |')
    print('| --- ' * (len(lib.KINDS) + 2) + '|')
    over = []
    for row, bar in BARS.items():
        if row in left_out:
            continue
        values = [results.get(kind, {}).get(row) for kind in lib.KINDS]
        print('| ' + ' | '.join([row, *map(cell, values), cell(bar)]) + ' |')
        if 'hospes' in results and (values[-1] is None or values[-1] > bar):
            over.append(row)
    return over


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--only', action='append', choices=lib.KINDS)
    parser.add_argument('--domu', action='store_true', help='in a guest beside dom0')
    parser.add_argument('--hypervisor', help='ours; default build/hospes.gz')
    parser.add_argument('--bench', help='hospes-bench, built already')
    parser.add_argument('--keep', help='folder for the serial logs')
    options = parser.parse_args()
    if options.keep:
        os.makedirs(options.keep, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix='hospes-bench-') as folder:
        program = options.bench or build_program(folder)
        kinds = [kind for kind in options.only or lib.KINDS if kind != 'native' or not options.domu]
        results = {kind: measure(kind, folder, program, options) for kind in kinds}
    over = table(results, DOM0_ROWS if options.domu else ())
    if over:
        print(f'above the bar, or without a figure: {" ".join(over)}')
    sys.exit(1 if over else 0)


if __name__ == '__main__':
    main()
