#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=40
"""On a terminal: is dom0's shell there, does Ctrl-] leave, and is the terminal as it was?"""
import os
import pty
import re
import select
import subprocess
import termios
import time

from lib import dom0


class Terminal:
    """`make run` on a pseudo-terminal."""

    def __init__(self, command):
        self.ours, self.theirs = pty.openpty()
        self.before = termios.tcgetattr(self.theirs)
        self.text = ''
        self.process = subprocess.Popen(command, stdin=self.theirs, stdout=self.theirs,
                                        stderr=self.theirs, cwd=dom0.TOP)

    def wait(self, pattern, timeout):
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text, re.M):
            dom0.check(time.monotonic() < end, f'"{pattern}" not seen in {timeout} s')
            ready, _, _ = select.select([self.ours], [], [], 0.5)
            if ready:
                data = os.read(self.ours, 65536).decode(errors='replace')
                self.text += data.replace('\r', '')

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        """The exit status, once the run has ended by itself."""
        self.wait(r'^run: (ok|failed.*)$', 60)
        status = self.process.wait(20)
        dom0.check(termios.tcgetattr(self.theirs) == self.before, 'the terminal is changed')
        return status

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
        os.close(self.ours)
        os.close(self.theirs)


def leave(env, last_keys):
    terminal = Terminal(env.command())
    try:
        terminal.wait(r'Ctrl-\] leaves', 60)
        terminal.wait(r'# (\x1b\[6n)?$', 240)
        terminal.type('echo shell-$((40+2))\n')
        terminal.wait(r'^shell-42$', 60)
        terminal.type(last_keys)
        dom0.check(terminal.end() == 0, f'status {terminal.process.returncode}')
        print(f'{last_keys!r}: ok')
    finally:
        terminal.close()


def test(env):
    leave(env, '\x1d')
    leave(env, 'exit\n')


dom0.main(test)
