#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Does dom0 come up from a plain ELF kernel too?"""
import os

from lib import dom0
import vmlinux          # in sys.path by lib.dom0


def test(env):
    elf = os.path.join(env.folder, 'vmlinux')
    vmlinux.main([env.kernel, elf])
    done = env.run(f'KERNEL={elf}')
    done.expect_ok()


dom0.main(test)
