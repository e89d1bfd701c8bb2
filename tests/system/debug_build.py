#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=90
"""Does the debug build (assertions, lock orders, frame poisoning) find nothing in what the
micro-guests of each family make the hypervisor do, nor in a boot of the stock kernel?"""
import os
import subprocess
import sys

from lib import dom0

sys.path.insert(0, os.path.join(dom0.TOP, 'tests', 'lib'))

import guests           # noqa: E402

NAMES = ('domain-life', 'domain-leaks', 'event-upcall', 'evtchn-fifo', 'grant-map', 'mmu-update',
         'mmuext-pin', 'multicall', 'ptwr-emulation', 'vcpu-op', 'vcpu-timers', 'xdom-events',
         'xdom-grants', 'fuzz-hypercalls')


def build(folder, *words):
    """`make` into folder; the path of the packed hypervisor."""
    done = subprocess.run(['make', '--no-print-directory', '-j2', f'B={folder}', *words,
                           f'{folder}/hospes.gz'], cwd=dom0.TOP, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout[-2000:])
        raise dom0.Failed(f'make {" ".join(words)} ended with status {done.returncode}')
    return os.path.join(folder, 'hospes.gz')


def test(env):
    env.hypervisor = build(os.path.join(env.folder, 'debug'), 'debug=y')
    images = guests.Images(env.build)
    images.build = env.folder       # where the unpacked hypervisor is kept
    for name in NAMES:
        verdict = guests.run(images, env.hypervisor, name, env.log())
        print(f'{name}: {verdict}')
        dom0.check(verdict.outcome == 'success', f'{name} on the debug build: {verdict}')
    env.run('CPUS=2').expect_ok()


if __name__ == '__main__':
    dom0.main(test)
