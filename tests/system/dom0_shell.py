#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Does dom0's shell on hvc0 answer to typed commands, and the store keep what is written?"""
from lib import dom0


def test(env):
    with env.boot() as m:
        env.wait_shell(m)
        m.send('xenstore-write /test/key "val$((40+2))" && xenstore-ls /test\n')
        env.wait(m, r'^key = "val42"', 20)
        m.send('xenstore-ls -f | grep ^/local/domain/0/name\n')
        env.wait(m, r'^/local/domain/0/name = "Domain-0"', 20)
        m.send('uname -r > /tmp/a; while read a; do echo "release $a."; done < /tmp/a\n')
        env.wait(m, r'^release [0-9]\S+amd64\.', 20)
        m.send('exit\n')
        end = m.wait_end(60)
        dom0.check(end == 'poweroff', f'after exit the machine ended with: {end}')


dom0.main(test)
