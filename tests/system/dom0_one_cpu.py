#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Does dom0 come up on a machine with one CPU?"""
from lib import dom0


def test(env):
    done = env.run('CPUS=1')
    done.expect_ok()
    dom0.check(done.values.get('cpus') == '1', f'dom0 sees {done.values.get("cpus")} CPUs')


dom0.main(test)
