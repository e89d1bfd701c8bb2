#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=45
"""On a pc machine, does dom0 drive an IDE disk and an e1000 network card by interrupt lines, edge
and level, while they go from CPU to CPU?"""
from lib import devices, dom0

DISKS = {'sda': ('ata_piix', ['-device', 'ide-hd,drive=d0,bus=ide.0'])}


def test(env):
    run = devices.Run(env, 'pc', DISKS, net='e1000', move=True,
                      modules={'test': ['ata_piix', 'sd_mod', 'e1000']})
    run.check_disk('sda')
    run.check_net()
    run.check_kind('ata_piix', '-ioapic-edge')
    run.check_kind('eth0', '-ioapic-level')
    run.check_routes(['IO-APIC-edge', 'IO-APIC-level'], cpu=1)


dom0.main(test)
