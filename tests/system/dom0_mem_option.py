#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Do dom0_mem and dom0_max_vcpus decide what dom0 gets?"""
from lib import dom0


def test(env):
    done = env.run('CPUS=2', 'HVARGS=dom0_mem=512M dom0_max_vcpus=1')
    done.expect_ok()
    dom0.check(done.values.get('cpus') == '1', f'dom0 sees {done.values.get("cpus")} CPUs')
    memory = int(done.values.get('memory-kb', 0))
    dom0.check(350000 < memory <= 524288, f'dom0 has {memory} kB, not 512 MiB less its kernel')


dom0.main(test)
