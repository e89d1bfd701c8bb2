#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long limit=1800
"""Eight PV guests of 96 MiB at once on a machine of 2 GiB: do they all answer, by their names, and
is everything as before once they are gone? The time of each creation is printed."""
from lib import dom0, host

COUNT = 8
NAMES = [f'g{number}' for number in range(1, COUNT + 1)]


def create(name):
    return (f"hospes create /etc/hospes/alpha.cfg name={name} memory=96 'disk=[\"/var/lib/hospes/"
            f"{name}.img,xvda,w\"]' 'extra=console=hvc0 quiet name={name}'")


def commands():
    rows = [('', f'for n in {" ".join(NAMES)}; do truncate -s 8M /var/lib/hospes/$n.img; done'),
            ('first', f'{create("g1")} -p && hospes destroy g1 && settle'), ('before', 'state')]
    rows += [(f'create-{name}', f'time {create(name)}') for name in NAMES]
    rows += [(f'up-{name}', f'up {name} 600') for name in NAMES]
    return rows + [('list', 'hospes list'),
                   ('destroy', f'hospes destroy {" ".join(NAMES)}; settle'), ('after', 'state')]


def test(env):
    said = host.run(env, commands(), mem=2048, timeout=1400)
    for name in NAMES:
        took = said[f'create-{name}'].ok().find(r'^real\s+(.*)$').group(1)
        page = said[f'up-{name}'].ok()
        page.find(rf'^name={name}$')
        page.find(r'^disk=ok, start 1$')
        print(f'{name}: created in {took}, {page.find("^ip=.*$").group()}')
    rows = [row for row in said['list'].ok().rows() if row[1] in NAMES]
    dom0.check(len(rows) == COUNT and all(96 <= int(row[3]) <= 97 for row in rows), str(rows))
    host.same_state(said['before'].ok(), said['after'].ok())


dom0.main(test)
