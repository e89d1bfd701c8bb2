#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=60
"""On a q35 machine, does dom0 drive an AHCI disk by MSI, an NVMe disk and a virtio network card by
MSI-X, while the interrupts go from CPU to CPU, without losing one?"""
from lib import devices, dom0

DISKS = {'sda': ('ahci', ['-device', 'ide-hd,drive=d0,bus=ide.0']),
         'nvme0n1': ('nvme', ['-device', 'nvme,drive=d1,serial=hospes'])}


def test(env):
    run = devices.Run(env, 'q35', DISKS, net='virtio-net-pci', move=True,
                      modules={'test': ['ahci', 'sd_mod', 'nvme', 'virtio_pci', 'virtio_net']})
    run.check_disk('sda')
    run.check_disk('nvme0n1')
    run.check_net()
    run.check_kind('ahci', '-msi ')
    run.check_kind('nvme0q1', '-msi-x')
    run.check_kind('virtio0-input', '-msi-x')
    # Where the interrupts went is not only Linux's bookkeeping: the last ones were for CPU 1.
    run.check_routes(['PCI-MSI ', 'PCI-MSI/-X'], cpu=1)


dom0.main(test)
