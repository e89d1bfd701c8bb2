#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Does the stock kernel come up as dom0 on two CPUs, see Xen 4.17, and power off?"""
import re

from lib import dom0


def test(env):
    done = env.run('CPUS=2', 'MEM=1024')
    done.expect_ok()
    dom0.check(re.search(r'^guest dom0 pv up \d+\.\d$', done.output, re.M),
               'no line "guest dom0 pv up SECONDS"')
    expected = {
        'cpus': '2',
        '/sys/hypervisor/type': 'xen',
        '/sys/hypervisor/guest_type': 'PV',
        '/sys/hypervisor/version/major': '4',
        '/sys/hypervisor/version/minor': '17',
        '/sys/hypervisor/uuid': '00000000-0000-0000-0000-000000000000',
        '/sys/hypervisor/properties/pagesize': '1000',
        '/sys/hypervisor/properties/virtual_start': 'ffff800000000000',
        'xenstore-name': 'Domain-0',
    }
    for name, value in expected.items():
        dom0.check(done.values.get(name) == value,
                   f'{name} is "{done.values.get(name)}", not "{value}"')
    capabilities = done.values.get('/sys/hypervisor/properties/capabilities', '')
    dom0.check('xen-3.0-x86_64' in capabilities.split(),
               f'capabilities "{capabilities}" lack xen-3.0-x86_64')
    memory = int(done.values.get('memory-kb', 0))
    dom0.check(700000 < memory < 1048576, f'dom0 has {memory} kB of the machine\'s 1 GiB')


dom0.main(test)
