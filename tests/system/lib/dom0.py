# SPDX-License-Identifier: BSD-2-Clause
"""What the system tests share. A test is one file with one question:

    from lib import dom0

    # test: cost=20                         # how tests/run.py runs it: limit=, cost=, alone, long
    def test(env):
        done = env.run('CPUS=1')            # `make run` without a terminal, to its end
        done.expect_ok()

    dom0.main(test)

It is started as `NAME.py [--hypervisor FILE] [--build FOLDER] [--log FOLDER]` (or with HYPERVISOR,
BUILD and LOGS in the environment, by tests/run.py), prints what it sees, and ends with status 0
(passed), 1 (failed, last line `failed: CAUSE`) or 77 (skipped, last line `skipped: REASON`). The
hypervisor is ours or Debian's Xen 4.17, for comparison.
"""
import argparse
import contextlib
import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

TOP = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', '..'))
sys.path[:0] = [os.path.join(TOP, 'tools', name) for name in ('run', 'image')]

import initrd         # noqa: E402,F401
import iso            # noqa: E402
import machine        # noqa: E402
import run            # noqa: E402

# What must not stand in dom0's log. (A kernel's warning about a missing mitigation is not a fault.)
BAD_LOG = (r'BUG: |kernel BUG|WARNING: CPU|soft lockup|hard lockup|Call Trace|Oops|'
           r'general protection|rcu.*stall|Unable to handle')


class Failed(Exception):
    """The test failed; str() is the cause."""


class Skipped(Exception):
    """The test does not apply here; str() is the reason."""


def check(condition, cause):
    """Fail with `cause` unless condition holds."""
    if not condition:
        raise Failed(cause)


class Run:
    """The result of a `make run`: status, output, and the values that dom0 told."""

    def __init__(self, status, output):
        self.status, self.output = status, output
        self.values = dict(re.findall(r'^  (\S+) +(.*)$', output, re.M))
        self.last = output.strip().split('\n')[-1]

    def expect_ok(self):
        check(self.status == 0 and self.last == 'run: ok',
              f'status {self.status}, last line "{self.last}"')

    def expect_failed(self, pattern):
        """It ended with `run: failed: CAUSE`, and the cause matches pattern."""
        check(self.status == 1 and re.match(r'run: failed: \S', self.last),
              f'expected a failure, got status {self.status}, last line "{self.last}"')
        check(re.search(pattern, self.last), f'"{self.last}" does not say "{pattern}"')


class Env:
    """Where a test runs: the files under test, and a folder for its own (removed afterwards)."""

    def __init__(self, hypervisor, build, log):
        self.hypervisor = os.path.abspath(hypervisor)
        self.build = os.path.abspath(build)
        self.kernel = os.path.join(self.build, 'vmlinuz')
        self.initrd = os.path.join(self.build, 'initrd.img')
        self.folder = tempfile.mkdtemp(prefix='test-', dir=self.build)
        self.logs = os.path.abspath(log) if log else self.folder
        self._count = 0
        self.last_log = None
        os.makedirs(self.logs, exist_ok=True)

    def log(self):
        """A path for the next machine's serial log."""
        self._count += 1
        name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
        self.last_log = os.path.join(self.logs, f'{name}.serial{self._count}.log')
        return self.last_log

    def plain_hypervisor(self):
        """The hypervisor's file uncompressed, as QEMU's -kernel needs it."""
        if not self.hypervisor.endswith('.gz'):
            return self.hypervisor
        path = os.path.join(self.folder, 'hypervisor')
        if not os.path.exists(path):
            with gzip.open(self.hypervisor) as packed, open(path, 'wb') as out:
                shutil.copyfileobj(packed, out)
        return path

    def command(self, *words):
        """The command line of a `make run` with these VARIABLE=VALUE words."""
        return [sys.executable, os.path.join(TOP, 'tools', 'run', 'run.py'),
                f'BUILD={self.folder}', f'LOG={self.log()}', f'HYPERVISOR={self.hypervisor}',
                f'KERNEL={self.kernel}', f'INITRD={self.initrd}', 'ACCEL=tcg', *words]

    def run(self, *words):
        """`make run` without a terminal, to its end; returns a Run and shows its output."""
        done = subprocess.run(self.command(*words), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP)
        print(done.stdout, end='', flush=True)
        return Run(done.returncode, done.stdout)

    @contextlib.contextmanager
    def boot(self, dom0='', hypervisor='', **options):
        """A machine that boots dom0 to its shell; options go to machine.qemu()."""
        image = os.path.join(self.folder, 'boot.iso')
        iso.hypervisor_iso(image, self.hypervisor, f'com1=115200,8n1 console=com1 {hypervisor}',
                           [(self.kernel, f'console=hvc0 {dom0}'), (self.initrd, '')])
        options = {'cpus': 2, 'mem': 1024, **options}
        with machine.qemu(iso=image, log=self.log(), **options) as m:
            yield m

    def wait(self, m, pattern, timeout=200, silence=120):
        """m.wait() that takes every known sign of trouble for a failure."""
        try:
            return m.wait(pattern, timeout, run.FAIL, silence)
        except machine.MachineError as e:
            raise Failed(run.cause_of(e, m)) from e

    def wait_shell(self, m):
        """Wait until dom0's shell reads the console; what is typed before that is lost."""
        self.wait(m, '^HOSPES-DOM0 ready=1')
        self.wait(m, '# $', 60)

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def _terminate(number, _frame):
    raise Failed(f'stopped by {signal.Signals(number).name}')


def main(test):
    """Run one test function as a program."""
    parser = argparse.ArgumentParser(description=test.__doc__)
    known = os.environ
    parser.add_argument('--build', default=known.get('BUILD') or os.path.join(TOP, 'build'))
    parser.add_argument('--hypervisor', default=known.get('HYPERVISOR'))
    parser.add_argument('--log', default=known.get('LOGS'), help='folder for serial logs; kept')
    options = parser.parse_args()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _terminate)
    env = Env(options.hypervisor or os.path.join(options.build, 'hospes.gz'), options.build,
              options.log)
    try:
        for path in (env.hypervisor, env.kernel, env.initrd):
            check(os.path.isfile(path), f'{path} is missing; "make all kernel initrd" makes it')
        test(env)
    except Skipped as e:
        print(f'skipped: {e}')
        sys.exit(77)
    except (Failed, machine.MachineError, iso.IsoError) as e:
        print(f'failed: {e}')
        sys.exit(1)
    finally:
        env.close()
