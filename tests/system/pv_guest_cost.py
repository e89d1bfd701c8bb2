#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: long limit=3600
"""Does the creation of the eighth guest cost much more than that of the first? Domain 0's CPU time
under QEMU's instruction count, where a second is 1,000 million instructions."""
import re

from lib import dom0, host

COUNT = 8
MOST = 1.3
CPU = "hospes list 0 --json | grep cpu_seconds"


def create(number):
    return (f'{CPU}; hospes create -p /etc/hospes/alpha.cfg name=g{number} memory=96 '
            f"'disk=[\"/var/lib/hospes/g{number}.img,xvda,w\"]'; {CPU}")


def test(env):
    numbers = range(1, COUNT + 1)
    rows = [('', f'for n in {" ".join(map(str, numbers))}; do '
             'truncate -s 8M /var/lib/hospes/g$n.img; done')]
    rows += [(f'create-{number}', create(number)) for number in numbers]
    said = host.run(env, rows, mem=2048, cpus=1, icount=True, timeout=3000)
    costs = []
    for number in numbers:
        spent = re.findall(r'cpu_seconds": *([\d.]+)', said[f'create-{number}'].ok().text)
        costs.append(float(spent[1]) - float(spent[0]))
        print(f'guest {number}: {1000 * costs[-1]:.0f} million instructions of domain 0')
    dom0.check(costs[-1] <= MOST * costs[0], f'the eighth costs {costs[-1] / costs[0]:.2f} times '
                                             'the first')


dom0.main(test)
