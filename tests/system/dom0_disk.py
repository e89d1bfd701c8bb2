#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Can dom0 write a virtio disk and read the same back, by interrupts, and does the host see it?"""
import hashlib
import os

from lib import dom0

MIB = 1 << 20


def test(env):
    disk = os.path.join(env.folder, 'disk.img')
    with open(disk, 'wb') as f:
        f.truncate(16 * MIB)
    done = env.run(f'DISK={disk}', 'DOM0ARGS=hospes.test=disk')
    done.expect_ok()
    dom0.check(done.values.get('disk') == 'ok', f'dom0 says of the disk: {done.values.get("disk")}')
    with open(disk, 'rb') as f:
        written = hashlib.md5(f.read(4 * MIB)).hexdigest()
    dom0.check(done.values.get('disk-md5') == written, 'the image does not hold what dom0 wrote')
    dom0.check(int(done.values.get('disk-interrupts', 0)) > 0, 'no disk interrupt was counted')


dom0.main(test)
