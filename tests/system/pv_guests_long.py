#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long limit=7200
"""300 times, a guest with a disk and a network interface is created, runs, and is destroyed: are
free frames, the store, back ends and domain 0's memory as before? CYCLES= for another number."""
import os
import re

from lib import dom0, host

CYCLES = int(os.environ.get('CYCLES', '300'))
MOST_KB = 4096
MEMORY = 'sync; echo 3 > /proc/sys/vm/drop_caches; sleep 1; grep MemFree /proc/meminfo'
LOOP = f'''
n=0
while [ $((n += 1)) -le {CYCLES} ]; do
    hospes create /etc/hospes/alpha.cfg > /dev/null && hospes destroy alpha && settle || break
    [ $((n % 10)) != 0 ] || echo "$n: $(hospes info --json | grep -o "free_memory_kib[^,]*")"
done
[ $n -gt {CYCLES} ]
'''


def test(env):
    said = host.run(env, [
        ('', 'truncate -s 32M /var/lib/hospes/alpha.img'),
        # What stays after the first few: folders of the store, caches of the kernel's.
        ('first', 'for n in 1 2 3; do hospes create /etc/hospes/alpha.cfg && hospes destroy alpha '
                  '&& settle; done'),
        ('before', 'state'), ('memory', MEMORY), ('loop', LOOP), ('after', 'state'),
        ('memory-after', MEMORY)], timeout=7000)
    said['loop'].ok()
    host.same_state(said['before'].ok(), said['after'].ok())
    before, after = (int(re.search(r'(\d+) kB', said[name].text).group(1))
                     for name in ('memory', 'memory-after'))
    print(f'domain 0 had {before} KiB free, and has {after} after {CYCLES} cycles')
    dom0.check(after >= before - MOST_KB, f'domain 0 has {before - after} KiB less')


dom0.main(test)
