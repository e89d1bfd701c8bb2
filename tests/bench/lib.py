# SPDX-License-Identifier: BSD-2-Clause
"""What the benchmarks share: the hypervisors compared, and an image that boots one of them.

Not part of `make check`. Figures are only comparable within one emulator version and one kernel.
"""
import os
import sys

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..'))
sys.path[:0] = [os.path.join(TOP, 'tools', name) for name in ('run', 'image')]

import guest          # noqa: E402,F401
import initrd         # noqa: E402
import iso            # noqa: E402
import machine        # noqa: E402
import packages       # noqa: E402
import run            # noqa: E402

BUILD = os.path.join(TOP, 'build')
CACHE = os.environ.get('CACHE') or os.path.join(BUILD, 'cache')
KINDS = ('native', 'xen', 'hospes')


def image(kind, output, initrd_path, dom0='', hypervisor='', ours=None):
    """Make the CD image that boots Debian's kernel natively, on Xen 4.17 or on Hospes."""
    kernel = packages.kernel(CACHE)[0]
    if kind == 'native':
        iso.linux_iso(output, kernel, f'console=ttyS0,115200 {dom0}', initrd_path)
        return
    path = packages.xen(CACHE) if kind == 'xen' else ours or os.path.join(BUILD, 'hospes.gz')
    iso.hypervisor_iso(output, path, f'com1=115200,8n1 console=com1 {hypervisor}',
                       [(kernel, f'console=hvc0 {dom0}'), (initrd_path, '')])


def wait(m, pattern, timeout):
    """m.wait() that ends the benchmark with the cause when the machine fails."""
    try:
        return m.wait(pattern, timeout, run.FAIL)
    except machine.MachineError as e:
        sys.exit(f'bench: failed: {run.cause_of(e, m)}')


def median(values):
    values = sorted(values)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2
