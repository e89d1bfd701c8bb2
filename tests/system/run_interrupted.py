#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=20
"""Does `make run` end its emulator and remove its files, however it is ended itself?"""
import os
import re
import signal
import subprocess
import time

from lib import dom0


def emulators(folder):
    """Pids of processes that name our folder in their command line, the run's own left out."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/cmdline', 'rb') as f:
                words = f.read().decode(errors='replace').split('\0')
        except OSError:
            continue
        if folder in ' '.join(words) and re.search('qemu|bochs', os.path.basename(words[0])):
            found.append(int(pid))
    return found


def wait_for(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


def end_by(env, number, machine):
    name = f'{machine}, {signal.Signals(number).name}'
    words = [f'MACHINE={machine}'] + (['CPUS=1'] if machine == 'bochs' else [])
    process = subprocess.Popen(env.command(*words), stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        dom0.check(wait_for(lambda: emulators(env.folder)), f'{name}: no emulator was started')
        time.sleep(1)
        process.send_signal(number)
        output, _ = process.communicate(timeout=20)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    print(f'{name}: status {process.returncode}')
    dom0.check(wait_for(lambda: not emulators(env.folder), 5), f'{name}: an emulator is left')
    if number != signal.SIGKILL:
        dom0.check(process.returncode == 130, f'{name}: status {process.returncode}')
        dom0.check(output.strip().split('\n')[-1].startswith('run: failed: interrupted'),
                   f'{name}: last line of "{output}"')
        left = [n for n in os.listdir(env.folder) if n.startswith('run-')]
        dom0.check(not left, f'{name}: left behind: {left}')


def test(env):
    for machine in ('qemu', 'bochs'):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL):
            end_by(env, number, machine)


dom0.main(test)
