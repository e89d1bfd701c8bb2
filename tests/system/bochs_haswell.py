#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=120 limit=1500
"""Does dom0 come up, with the stock files, on a PC of another make (Bochs, Haswell)?

That processor is one that XPTI is for, and has PCIDs: both are to be in use.
"""
from lib import dom0


def test(env):
    done = env.run('HVARGS=loglvl=all', 'MACHINE=bochs', 'CPUS=1', 'MEM=512',
                   'BOCHS_CPU=corei7_haswell_4770')
    done.expect_ok()
    dom0.check(done.values.get('cpus') == '1', f'dom0 sees {done.values.get("cpus")} CPUs')
    with open(env.last_log, encoding='utf-8', errors='replace') as log:
        dom0.check('spec: Meltdown (XSA-254): XPTI for all domains, with PCID' in log.read(),
                   'XPTI with PCIDs is not in use')


dom0.main(test)
