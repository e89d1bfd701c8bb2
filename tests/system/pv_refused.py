#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=8
"""On a processor whose leaks nothing is done about, is a PV domain other than domain 0 refused, with
the leak's name in the log, and made if allow_unsafe says so?

The processor is QEMU's EPYC, which lacks what newer microcode adds, without the bit that tells of a
hypervisor below.
"""
import os
import sys

from lib import dom0

sys.path.insert(0, os.path.join(dom0.TOP, 'tests', 'lib'))

import guests       # noqa: E402


def launch(env, option, cpu, wanted):
    """Start domu-start under the launcher; the log up to what is wanted."""
    images = guests.Images(env.build)
    conf = {**guests.conf_of('domu-start'), 'launcher': 'yes'}
    with dom0.machine.qemu(kernel=env.plain_hypervisor(), cpu=dom0.machine.QEMU_CPU + cpu, mem=512,
                           append=f'{guests.HV_ARGS} dom0_mem=64M {option}',
                           modules=images.modules('domu-start', conf, env.folder),
                           log=env.log()) as m:
        m.wait(wanted, 60, guests.DEAD)
        return m.text


def test(env):
    text = launch(env, '', ',-hypervisor',
                  '^Verdict: domu-start error: .*createdomain gave -1$')
    dom0.check('spec: PV domains other than domain 0 will be refused; allow_unsafe' in text,
               'the boot log does not say that PV domains will be refused')
    leaks = dom0.re.findall(r'spec: (.*) \(XSA-\d+\): .*VULNERABLE', text)
    found = dom0.re.search(r'createdomain refused: .* CPU, (.*) is not mitigated; allow_unsafe', text)
    dom0.check(found and found.group(1) in leaks, f'the log does not name one of {leaks}')
    launch(env, 'allow_unsafe', ',-hypervisor', '^Verdict: domu-start success')
    # With a hypervisor below, which answers for the processor.
    launch(env, '', '', '^Verdict: domu-start success')


dom0.main(test)
