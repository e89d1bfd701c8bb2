#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=25
"""Does dom0 on UEFI see the firmware: /sys/firmware/efi, efibootmgr, framebuffer, ACPI's interrupt,
power-off? Two CPUs; dom0_uefi_q35 has the other board and restart.
"""
import re
import time

from lib import dom0


def told(env, m, command, pattern, timeout=20):
    """Type a command; wait for a line of its answer."""
    m.send(command + '\n')
    return env.wait(m, pattern, timeout)


def firmware(env, m):
    told(env, m, 'ls /sys/firmware/efi', r'^.*\bconfig_table\b.*$')
    told(env, m, 'echo size $(cat /sys/firmware/efi/fw_platform_size).', r'^size 64\.')
    count = int(told(env, m, 'echo "$(ls /sys/firmware/efi/efivars | wc -l)" variables',
                     r'^(\d+) variables').group(1))
    dom0.check(count > 10, f'only {count} variables of the firmware')
    told(env, m, 'dmesg | grep "efi: EFI v"', r'^.*efi: EFI v2\.\d+ by EDK II')


def boot_entries(env, m):
    told(env, m, 'efibootmgr; echo status $?.', r'^BootCurrent: 0\d\d\d')
    order = env.wait(m, r'^BootOrder: (0\d\d\d)(,\d{4})*', 20).group(1)
    env.wait(m, rf'^Boot{order}\* .*\n(.*\n)*status 0\.', 20)
    told(env, m, 'efibootmgr -q -t 7; efibootmgr', r'^Timeout: 7 seconds')
    told(env, m, f'efibootmgr -q -n {order}; efibootmgr', rf'^BootNext: {order}')
    # Read back through the file system, past efibootmgr's library: 4 bytes of attributes, then it.
    told(env, m, 'od -An -v -tx1 /sys/firmware/efi/efivars/Timeout-*', r'^ 07 00 00 00 07 00')


def power_button(env, m):
    """The firmware's interrupt arrives: QEMU's power button, as ACPI sees it."""
    def count():
        total = told(env, m, 'echo acpi $(grep acpi /proc/interrupts).',
                     r'^acpi \d+: ((?:\d+ )+)').group(1)
        return sum(map(int, total.split()))

    before = count()
    m.qmp('system_powerdown')
    for _ in range(20):
        time.sleep(0.2)
        after = count()
        if after > before:
            break
    dom0.check(after > before, f'no ACPI interrupt for the power button ({before} before)')


def test(env):
    with env.boot('hospes.load=acpi', firmware='uefi') as m:
        env.wait_shell(m)
        firmware(env, m)
        boot_entries(env, m)
        told(env, m, 'cat /proc/fb', r'^0 EFI VGA')
        power_button(env, m)
        bad = re.search(r'^HOSPES-DOM0 bad-lines=([1-9].*)', m.text, re.M)
        dom0.check(not bad, f'dom0\'s log has {bad and bad.group(1)} bad lines')
        m.send('exit\n')
        end = m.wait_end(60)
        dom0.check(end == 'poweroff', f'after exit the machine ended with: {end}')


dom0.main(test)
