#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Does `reboot` in dom0 reset the machine?"""
from lib import dom0


def test(env):
    done = env.run('AFTER=reboot')
    done.expect_ok()
    dom0.check('reboot done' in done.output, 'no stage "reboot done"')


dom0.main(test)
