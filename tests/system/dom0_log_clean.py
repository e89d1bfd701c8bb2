#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=45
"""Is dom0's log free of BUG, WARNING, lockup and call trace, with both CPUs at work?"""
import re

from lib import dom0


def test(env):
    with env.boot() as m:
        env.wait_shell(m)
        # Forks, faults, timers and cross-CPU wake-ups for some seconds, on each CPU.
        m.send('for i in 1 2; do (n=0; while [ $n -lt 40 ]; do ls -lR /sys/bus >/dev/null;'
               ' n=$((n+1)); [ $n -lt 5 ] && sleep 0.1; done) & done; wait; echo load-$((40+2))\n')
        env.wait(m, r'^load-42')
        m.send('dmesg > /tmp/log; wc -l < /tmp/log; dmesg; echo log-$((40+2))\n')
        env.wait(m, r'^log-42')
        bad = [row for row in m.text.split('\n') if re.search(dom0.BAD_LOG, row)]
        dom0.check(not bad, f'{len(bad)} bad lines in the log, first: {bad[0] if bad else ""}')
        dom0.check('Freeing unused kernel' in m.text, 'dmesg did not show the log')


dom0.main(test)
