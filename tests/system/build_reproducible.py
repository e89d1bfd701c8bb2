#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=60 long
"""Do two builds, in other folders and under other names, give the same bytes?"""
import os
import shutil
import subprocess

from lib import dom0


def build(env, name):
    """Copy the source to a folder of this name, make it there; the files' bytes."""
    top = os.path.join(env.folder, name)
    shutil.copytree(dom0.TOP, top, ignore=shutil.ignore_patterns('build', '.git', '__pycache__'))
    done = subprocess.run(['make', '-j2', f'B=out-{name}'], cwd=top, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    dom0.check(done.returncode == 0, f'make in {name}: {done.stdout[-500:]}')
    result = []
    for file in ('hospes', 'hospes.gz'):
        with open(os.path.join(top, f'out-{name}', file), 'rb') as f:
            result.append(f.read())
    return result


def test(env):
    dom0.check(build(env, 'one') == build(env, 'the-other'), 'two builds differ')


dom0.main(test)
