#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=60 limit=1200
"""`make run` without a terminal: domain 0 and both of its guests come up, their networks and disks
work, the lines for scripts are there, and a guest that cannot start ends the run with the cause."""
import os
import re

from lib import dom0

CPU_LIMITS = ('SILENCE=300', 'LIMIT=800')


def test(env):
    env.initrd = os.path.join(env.build, 'dom0.img')
    done = env.run(*CPU_LIMITS)
    done.expect_ok()
    for name in ('dom0', 'alpha', 'beta'):
        dom0.check(re.search(rf'^guest {name} pv up \d+\.\d$', done.output, re.M),
                   f'no line "guest {name} pv up SECONDS"')
    for key, value in (('alpha/disk', 'ok, start 1'), ('beta/disk', 'ok, start 1'),
                       ('alpha/ping-beta', 'ok'), ('beta/ping-alpha', 'ok'),
                       ('alpha/ping-dom0', 'ok'), ('beta/ping-from-dom0', 'ok')):
        dom0.check(done.values.get(key) == value, f'{key} is {done.values.get(key)}')
    failed = env.run(*CPU_LIMITS, 'GUESTS=gamma')
    failed.expect_failed('guest gamma: hospes create')


dom0.main(test)
