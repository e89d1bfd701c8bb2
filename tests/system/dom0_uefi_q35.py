#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=25
"""Does dom0 come up by UEFI on q35 with one CPU and 256 MiB, and is the machine restarted by the
firmware?"""
import re

from lib import dom0


def test(env):
    done = env.run('FIRMWARE=uefi', 'BOARD=q35', 'CPUS=1', 'MEM=256', 'AFTER=reboot',
                   'HVARGS=loglvl=all')
    done.expect_ok()
    with open(env.last_log, errors='replace') as f:
        ways = re.findall(r'Restarting the machine by (.*?)[\r\n]', f.read())
    ours = 'hospes' in done.values.get('/sys/hypervisor/properties/changeset', '')
    dom0.check(ways == ['UEFI'] or not ours, f'restarted by {ways}, not by UEFI alone')


dom0.main(test)
