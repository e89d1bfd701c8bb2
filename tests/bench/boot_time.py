#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Power-on to dom0's user land, Hospes against Xen 4.17 in the same emulator.

    boot_time.py [--runs N] [--cpus N] [--hypervisor FILE]

Runs are paired and alternate, so that what else the machine does weighs on both; the median counts.
Beside the wall clock stands the time that the emulator's processor threads were busy, which a busy
machine changes less. Ends with status 1 when Hospes takes longer than Xen.
"""
import argparse
import os
import sys
import tempfile

import lib

COMPARED = ('xen', 'hospes')
LIMIT = 600


def busy_seconds(pid):
    """CPU seconds that process pid has used."""
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        fields = f.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def boot(image, cpus):
    """(wall seconds, busy seconds) from power-on to dom0's first user program."""
    with lib.machine.qemu(iso=image, cpus=cpus, mem=1024) as m:
        lib.wait(m, '^HOSPES-DOM0 up=1', LIMIT)
        return m.seconds(), busy_seconds(m.process.pid)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--cpus', type=int, default=2)
    parser.add_argument('--hypervisor', help='ours; default build/hospes.gz')
    options = parser.parse_args()
    times = {kind: [] for kind in COMPARED}
    with tempfile.TemporaryDirectory(prefix='hospes-bench-') as folder:
        images = {kind: os.path.join(folder, f'{kind}.iso') for kind in COMPARED}
        ramdisk = os.path.join(folder, 'initrd.img')
        lib.initrd.build(lib.CACHE, ramdisk)
        for kind, path in images.items():
            lib.image(kind, path, ramdisk, ours=options.hypervisor)
        print('run  ' + '  '.join(f'{kind:>8} wall (busy)' for kind in COMPARED))
        for number in range(options.runs):
            for kind in COMPARED:
                times[kind].append(boot(images[kind], options.cpus))
            print(f'{number + 1:<4} ' + '  '.join(
                '{:8.1f}      ({:.1f})'.format(*times[kind][-1]) for kind in COMPARED), flush=True)
    wall, busy = ({kind: lib.median([t[part] for t in times[kind]]) for kind in COMPARED}
                  for part in (0, 1))
    print(f'median, {options.cpus} CPUs: xen {wall["xen"]:.1f} s ({busy["xen"]:.1f} busy), '
          f'hospes {wall["hospes"]:.1f} s ({busy["hospes"]:.1f} busy)')
    sys.exit(1 if wall['hospes'] > wall['xen'] else 0)


if __name__ == '__main__':
    main()
