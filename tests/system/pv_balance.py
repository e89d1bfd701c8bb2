#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long cost=300 limit=2400
"""Do weights, caps and pinning hold among real guests? Two that are never idle share CPU 1 for 60 s:
weights 256 and 512 are served 1:2 within 3 %, with dom0 idle and with dom0 busy on both CPUs; a cap
of 25 holds within 2 points; a pinned vCPU stays where it is."""
import json

from lib import dom0, host

SECONDS = 60
BUSY = 'while :; do :; done'
MEASURE = r'''
# Seconds on the clock and CPU seconds of each domain, before and after.
measure() {
    echo "at $(cut -d ' ' -f 1 /proc/uptime)"
    hospes list --json | tr -d '\n'
    echo
    sleep SECONDS
    echo "at $(cut -d ' ' -f 1 /proc/uptime)"
    hospes list --json | tr -d '\n'
    echo
}
# Where the vCPUs of the guests are, looked at 50 times.
places() {
    for n in $(seq 50); do
        hospes vcpu-list one two --json | tr -d '\n '
        echo
        sleep 0.1
    done
}
'''.replace('SECONDS', str(SECONDS))


def create(name):
    return (f'hospes create /etc/hospes/alpha.cfg name={name} disk=[] memory=64 cpus=1 '
            f'"extra=console=hvc0 quiet name={name}" && up {name} 300')


COMMANDS = [
    ('one', create('one')), ('two', create('two')),
    ('busy', f"attach one; attach two; echo '{BUSY}' > /tmp/one.in; echo '{BUSY}' > /tmp/two.in; "
             'sleep 5; hospes top -n 1'),
    ('weights', 'hospes sched one 256 && hospes sched two 512 && hospes sched'),
    ('idle', 'measure'),
    ('dom0-busy', f'({BUSY}) & a=$!; ({BUSY}) & b=$!; measure; kill $a $b'),
    ('places', 'places'),
    ('cap', 'hospes sched one - 25 && hospes sched one && measure'),
    ('end', 'hospes destroy one two'),
]


def shares(said):
    """{name: CPU seconds} between the two looks, and the seconds between them."""
    lines = said.ok().lines
    times = [float(row.split()[1]) for row in lines if row.startswith('at ')]
    looks = [{d['name']: d['cpu_seconds'] for d in json.loads(row)}
             for row in lines if row.startswith('[')]
    dom0.check(len(times) == len(looks) == 2, f'{said.command}: {said.text[:300]}')
    return {n: looks[1][n] - looks[0][n] for n in looks[0]}, times[1] - times[0]


def test(env):
    said = host.run(env, [('', MEASURE)] + COMMANDS, mem=1024, timeout=2300)
    for name in ('one', 'two', 'weights', 'end'):
        said[name].ok()
    for name in ('idle', 'dom0-busy'):
        used, seconds = shares(said[name])
        ratio = used['two'] / used['one']
        print(f'dom0 {name}: one {used["one"]:.2f} s, two {used["two"]:.2f} s in {seconds:.1f} s, '
              f'1:{ratio:.3f}; dom0 {used["Domain-0"]:.2f} s')
        dom0.check(abs(ratio / 2 - 1) <= 0.03, f'{name}: weights 256 and 512 are served 1:{ratio:.3f}')
    used, seconds = shares(said['cap'])
    share = used['one'] / seconds * 100
    print(f'cap of 25: {share:.2f} %')
    dom0.check(abs(share - 25) <= 2, f'a guest with a cap of 25 has {share:.2f} %')
    rows = [json.loads(row) for row in said['places'].ok().lines if row.startswith('[')]
    dom0.check(len(rows) == 50 and all(v['cpu'] == 1 for row in rows for v in row if v['online']),
               'a pinned vCPU was seen on another CPU')


if __name__ == '__main__':
    dom0.main(test)
