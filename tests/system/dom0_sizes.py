#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=45
"""Does dom0 come up on the smallest and on a large machine: one CPU and 256 MiB (and less, so that
this does not hang on the sizes of kernel and initrd), four CPUs and 8 GiB?"""
from lib import dom0


def boots(env, cpus, mem, least_kb):
    done = env.run(f'CPUS={cpus}', f'MEM={mem}')
    done.expect_ok()
    dom0.check(done.values.get('cpus') == str(cpus),
               f'{mem} MiB: dom0 sees {done.values.get("cpus")} CPUs')
    memory = int(done.values.get('memory-kb', 0))
    dom0.check(least_kb < memory < mem * 1024, f'dom0 has {memory} kB of {mem} MiB')
    dom0.check('warning:' not in done.output, f'{mem} MiB: faults in dom0\'s log')


def test(env):
    boots(env, 1, 192, 50 << 10)
    boots(env, 1, 256, 100 << 10)
    boots(env, 4, 8192, 7500 << 10)


dom0.main(test)
