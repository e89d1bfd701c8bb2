# SPDX-License-Identifier: BSD-2-Clause
"""Dom0's clock against the host's, which is the emulator's real-time clock.

Dom0 prints its clock many times in a row; each line's arrival at the host is noted. The arrival is
late by what the line was under way, so of a row the sample that was the least late counts: it is
late by a few milliseconds, much the same at both ends of the measurement.
"""
import re

from lib import dom0

RATE = 0.0005           # 0.05 %
LATENESS = 0.015        # s that the least late samples of two rows may differ in
SAMPLES = 60
LOAD = 'for i in 1 2 3; do md5sum /dev/zero > /dev/null & done'


def offset(env, m):
    """(host's time, how far it is ahead of dom0's clock) in seconds."""
    begin = len(m.lines)
    m.send(f'i=0; while [ $i -lt {SAMPLES} ]; do read a b < /proc/uptime; echo "clock $a"; '
           'i=$((i + 1)); usleep 15000; done; echo "clock end"\n')
    env.wait(m, r'^clock end', 60)
    rows = [(at, re.fullmatch(r'clock (\d+\.\d+)', line)) for at, line in m.lines[begin:]]
    rows = [(at - float(found.group(1)), at) for at, found in rows if found]
    dom0.check(len(rows) >= SAMPLES // 2, f'only {len(rows)} readings of dom0\'s clock arrived')
    ahead, at = min(rows)
    return at, ahead


def measure(env, m, what, seconds):
    """Fail if dom0's clock drifts from the host's by more than RATE in about `seconds`."""
    begin, first = offset(env, m)
    m.send(f'sleep {seconds}; echo "slept $?"\n')
    env.wait(m, r'^slept 0', seconds * 2 + 60)
    end, last = offset(env, m)
    took, drift = end - begin, last - first
    limit = RATE * took + LATENESS
    print(f'{what}: {took:.1f} s, dom0 is {1000 * abs(drift):.1f} ms '
          f'{"behind" if drift > 0 else "ahead"}, {100 * abs(drift) / took:.4f} % '
          f'(limit {1000 * limit:.0f} ms)', flush=True)
    dom0.check(abs(drift) <= limit, f'{what}: dom0\'s clock went {1000 * drift:.1f} ms astray in '
                                    f'{took:.1f} s')


def test(env, seconds):
    with env.boot() as m:
        env.wait_shell(m)
        measure(env, m, 'idle', seconds)
        m.send(LOAD + '\n')
        measure(env, m, 'under load', seconds)
