#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=90 limit=600
"""Does Debian's own xl start Debian's stock kernel as a PVH guest, to its user land and back to its
power-off? The guest's kernel finds no fault in itself."""
import os
import re

from lib import dom0

CONFIG = '''name="p"
type="pvh"
kernel="/boot/vmlinuz"
ramdisk="/boot/guest.img"
memory=192
vcpus=1
tsc_mode="native"
extra="console=hvc0 name=p"
on_poweroff="destroy"
on_crash="preserve"
'''
SCRIPT = f'''#!/bin/busybox sh
mkdir -p /var/lib/xen /var/log/xen
cat > /etc/p.cfg <<END
{CONFIG}END
xl create /etc/p.cfg || exit 1
xl console p < /dev/null > /tmp/console 2>&1 &
for n in $(seq 240); do
    grep -q 'Run /init as init' /tmp/console && break
    sleep 1
done
sleep 5
sed 's/^/GUEST /' /tmp/console
xl list
xl destroy p
echo "LEFT $(xl list | wc -l)"
'''


def image(env):
    """Domain 0's image for guests, with the script as its test."""
    own = os.path.join(env.folder, 'pvh.sh')
    with open(own, 'w', encoding='utf-8') as file:
        file.write(SCRIPT)
    tree = {'tests': (0o040755,)}
    dom0.initrd.add_files(tree, [(own, 'tests/pvh')])
    dom0.initrd.write(tree, os.path.join(env.folder, 'pvh.img'))
    both = os.path.join(env.folder, 'all.img')
    with open(both, 'wb') as out:
        for path in (os.path.join(env.build, 'dom0.img'), os.path.join(env.folder, 'pvh.img')):
            with open(path, 'rb') as part:
                data = part.read()
            out.write(data + bytes(-len(data) % 4))
    return both


def test(env):
    append = 'com1=115200,8n1 console=com1 dom0_mem=700M'
    with dom0.machine.qemu(
            kernel=env.plain_hypervisor(), append=append, log=env.log(), cpus=1, mem=1536,
            modules=[f'{env.kernel} placeholder console=hvc0 hospes.test=pvh '
                     'hospes.after=poweroff', image(env)]) as m:
        env.wait(m, r'^HOSPES-DOM0 ready=1', 500)
        m.wait_end(90)
        text = m.text
    guest = '\n'.join(re.findall(r'^GUEST (.*)$', text, re.M))
    dom0.check('Run /init as init' in guest, 'the guest did not come to its user land')
    bad = re.search(dom0.BAD_LOG, guest)
    dom0.check(not bad, f'the guest says "{bad and bad.group(0)}"')
    dom0.check(re.search(r'^LEFT 2', text, re.M), 'the guest is still there after xl destroy')


dom0.main(test)
