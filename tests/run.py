#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The test runner behind `make check`; doc/testing.md tells how to use it.

    run.py KEY=VALUE...
        BUILD=build            where programs are and logs go
        GROUPS=source,unit,fuzz,guest,system
        TESTS=GLOB[,GLOB]      only tests whose name matches ('guest/evtchn-*', or 'evtchn-*')
        HYPERVISOR=FILE        the image for micro-guests (BUILD/hospes.gz)
        MACHINE=qemu|bochs     where micro-guests run (bochs/NAME: those that QEMU can't answer
                               for); BOCHS_CPU=MODEL; forced/NAME: with all mitigations
        XEN=yes|no             run micro-guests on Debian's Xen 4.17 too and compare (QEMU only)
        LONG=yes               also the tests marked long
        JOBS=2                 how many at a time
        LIST=yes               print the names only

Ends in `N passed, N failed, N skipped`; status 1 when one failed, 2 when there was nothing to run.
"""
import fnmatch
import os
import re
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lib'))

import checks  # noqa: E402
import guests  # noqa: E402
import suite  # noqa: E402
from suite import FAIL, PASS, SKIP, Outcome, Test  # noqa: E402

ROOT = guests.ROOT
SETTINGS = {'BUILD': 'build', 'GROUPS': 'source,unit,fuzz,guest,system', 'TESTS': '', 'HYPERVISOR': '',
            'MACHINE': 'qemu', 'BOCHS_CPU': '', 'XEN': 'yes', 'LONG': 'no', 'JOBS': '2',
            'LIST': 'no'}
SKIP_STATUS = 77      # of a program that can't show its answer on this machine
SYSTEM_LIMIT = 900    # seconds of a system test that names no limit
FUZZ_SECONDS = {False: 5, True: 600}    # of a fuzzer: in check, in check-long
FUZZ_BYTES = 1 << 16                    # of an input


class Context:
    """The settings of this run and what follows from them."""

    def __init__(self, settings):
        self.settings = settings
        self.build = os.path.abspath(settings['BUILD'])
        self.logs = os.path.join(self.build, 'test-logs')
        self.images = guests.Images(self.build)
        self.hypervisor = settings['HYPERVISOR'] or os.path.join(self.build, 'hospes.gz')
        self.compare = settings['XEN'] == 'yes' and settings['MACHINE'] == 'qemu'

    def log(self, name):
        return os.path.join(self.logs, name.replace('/', '-') + '.log')

    def hypervisor_flags(self):
        """Compiler flags of the hypervisor, written by tests.mk."""
        with open(os.path.join(self.build, 'tests', 'hv-flags'), encoding='utf-8') as file:
            return file.read().split()


    def unbuilt(self, program):
        """Why make could not build this program (a path in BUILD), or None when it is there."""
        try:
            with open(os.path.join(self.build, 'tests', 'build.log'), encoding='utf-8',
                      errors='replace') as file:
                rows = file.read().split('\n')
        except FileNotFoundError:
            rows = []
        stem = re.escape(os.path.relpath(program, self.build).removesuffix('.elf'))
        stem = stem.replace('guests/', 'guests/(?:obj/)?')
        for number, row in enumerate(rows):
            if re.search(rf'\*\*\* \[.*/{stem}(\.d/\S*|\.o|\.elf)?\]', row):
                errors = [r for r in rows[max(0, number - 30):number]
                          if re.search('error: (?!ld returned)|undefined reference', r)]
                return 'not built: ' + (errors[-1].strip() if errors else row)
        return None if os.path.exists(program) else f'not built: {program} is missing'


# Source checks

def _source_tests(context):
    def run(name, check):
        complaints = check(ROOT, context.hypervisor_flags())
        with open(context.log(f'source/{name}'), 'w', encoding='utf-8') as log:
            log.write('\n'.join(complaints + ['']))
        if not complaints:
            return Outcome(PASS)
        more = f' (and {len(complaints) - 1} more)' if len(complaints) > 1 else ''
        return Outcome(FAIL, complaints[0] + more)

    return [Test(f'source/{name}', lambda n=name, c=check: run(n, c), cost=20)
            for name, check in checks.CHECKS.items()]


# Programs on the host: unit tests and system tests

def _run_program(command, log, limit, env=None):
    with open(log, 'wb') as out:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, cwd=ROOT, env=env,
                                   start_new_session=True)
        try:
            return process.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _judge(status, log, limit):
    with open(log, encoding='utf-8', errors='replace') as file:
        rows = [row.strip() for row in file if row.strip()]
    last = rows[-1] if rows else 'no output'
    if status == 0:
        return Outcome(PASS)
    if status == SKIP_STATUS:
        return Outcome(SKIP, last)
    if status is None:
        return Outcome(FAIL, f'not done after {limit} s; last line: {last}')
    causes = [row for row in rows
              if re.search(r'ERROR: |runtime error|^failed: |Error: |\[  ERROR', row)]
    return Outcome(FAIL, (causes or [last])[0])


def _unit_tests(context):
    folder = os.path.join(context.build, 'tests', 'unit')
    sources = sorted(f for f in os.listdir(os.path.join(ROOT, 'tests', 'unit'))
                     if re.fullmatch(r'test_\w+\.c', f)) if os.path.isdir(
                         os.path.join(ROOT, 'tests', 'unit')) else []

    def run(name, args=(), limit=120):
        program = os.path.join(folder, name)
        log = context.log('-'.join([f'unit/{name[5:]}', *args]))
        if context.unbuilt(program):
            return Outcome(FAIL, context.unbuilt(program))
        env = dict(os.environ, ASAN_OPTIONS='detect_leaks=1:abort_on_error=0',
                   UBSAN_OPTIONS='halt_on_error=1:print_stacktrace=1')
        return _judge(_run_program([program, *args], log, limit, env), log, limit)

    tests = [Test(f'unit/{s[5:-2]}', lambda n=s[:-2]: run(n), cost=1) for s in sources]
    for source in sources:
        with open(os.path.join(ROOT, 'tests', 'unit', source), encoding='utf-8') as file:
            found = re.search(r'^/\* long: (\d+) \*/$', file.read(), re.M)
        if found:
            tests.append(Test(f'unit/{source[5:-2]}-long',
                              lambda n=source[:-2], s=int(found[1]): run(n, ('long',), s),
                              long=True, cost=int(found[1]) / 3))
    return tests


def _fuzz_tests(context):
    """tests/fuzz/fuzz_NAME.c: libFuzzer programs. What they find stays in BUILD/tests/fuzz/found."""
    folder = os.path.join(context.build, 'tests', 'fuzz')

    def run(name, long):
        program, corpus = os.path.join(folder, name), os.path.join(folder, f'corpus-{name}')
        seeds = os.path.join(ROOT, 'tests', 'fuzz', 'corpus', name)
        log = context.log(f'fuzz/{name}{"-long" if long else ""}')
        if context.unbuilt(program):
            return Outcome(FAIL, context.unbuilt(program))
        os.makedirs(corpus, exist_ok=True)
        os.makedirs(os.path.join(folder, 'found'), exist_ok=True)
        if not os.path.isdir(seeds):
            seeds = os.path.join(folder, f'seeds-{name}')
            subprocess.run([sys.executable, os.path.join(ROOT, 'tests', 'fuzz', 'seeds.py'), name,
                            seeds], check=True)
        seconds = FUZZ_SECONDS[long]
        command = [program, f'-max_total_time={seconds}', f'-max_len={FUZZ_BYTES}', '-timeout=120',
                   '-use_value_profile=1', f'-artifact_prefix={folder}/found/{name}-', corpus, seeds]
        return _judge(_run_program(command, log, seconds * 2 + 120), log, seconds * 2 + 120)

    names = [f[5:-2] for f in sorted(os.listdir(os.path.join(ROOT, 'tests', 'fuzz')))
             if re.fullmatch(r'fuzz_\w+\.c', f)]
    return [Test(f'fuzz/{n}{"-long" if long else ""}', lambda n=n, long=long: run(n, long),
                 long=long, cost=FUZZ_SECONDS[long]) for n in names for long in FUZZ_SECONDS]


def _system_tests(context):
    """tests/system/NAME.py: status 0 passed, 77 skipped; the last line is the reason.

    A line `# test: long alone limit=SECONDS cost=SECONDS` near the top says how it is run.
    """
    tests = []
    folder = os.path.join(ROOT, 'tests', 'system')
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        path = os.path.join(folder, file)
        if not file.endswith('.py') or file.startswith('_'):
            continue
        with open(path, encoding='utf-8') as text:
            found = re.search(r'^# test:(.*)$', text.read(), re.M)
        if not found:
            continue
        words = dict(w.partition('=')[::2] for w in found.group(1).split())
        limit = int(words.get('limit', SYSTEM_LIMIT))

        def run(p=path, name=file[:-3], seconds=limit):
            log = context.log(f'system/{name}')
            env = dict(os.environ, BUILD=context.build, HYPERVISOR=context.hypervisor,
                       MACHINE=context.settings['MACHINE'], LOGS=context.logs)
            return _judge(_run_program([sys.executable, p], log, seconds, env), log, seconds)

        tests.append(Test(f'system/{file[:-3]}', run, long='long' in words, alone='alone' in words,
                          cost=float(words.get('cost', 60))))
    return tests


# Micro-guests

def _compare(context, name, conf, ours, log):
    """The Outcome after the same guest on Xen 4.17."""
    theirs = guests.run(context.images, context.images.xen(), name, log[:-4] + '.xen.log', conf)
    same = theirs.outcome == ours.outcome
    if conf['xen-differs']:
        if same:
            return Outcome(FAIL, f'test.conf says xen-differs, but both give {ours.outcome}')
        return Outcome(PASS, f'Xen 4.17 differs: {conf["xen-differs"]}')
    if not same:
        return Outcome(FAIL, f'{ours} here, but on Xen 4.17 {theirs}')
    return None


def _guest_tests(context):
    machine = context.settings['MACHINE']

    def run(name, conf, kind, log, compare=context.compare):
        if conf['launcher'] == 'yes' and conf['domu']:
            return Outcome(SKIP, conf['domu'])
        if kind not in conf['machines'].split(','):
            return Outcome(SKIP, f'not for {kind}')
        if kind == 'bochs' and conf['cpus'] != '1':
            return Outcome(SKIP, 'Bochs runs one CPU here')
        if context.unbuilt(context.images.elf(name)):
            return Outcome(FAIL, context.unbuilt(context.images.elf(name)))
        verdict = guests.run(context.images, context.hypervisor, name, log, conf, kind,
                             context.settings['BOCHS_CPU'])
        if verdict.outcome in ('success', 'skip') and compare and kind == 'qemu':
            outcome = _compare(context, name, conf, verdict, log)
            if outcome:
                return outcome
        if verdict.outcome == 'success':
            return Outcome(PASS)
        if verdict.outcome == 'skip':
            return Outcome(SKIP, verdict.reason)
        return Outcome(FAIL, verdict.reason or str(verdict))

    tests = []
    for name in guests.names():
        conf = guests.conf_of(name)
        tests.append(Test(f'guest/{name}',
                          lambda n=name, c=conf: run(n, c, machine, context.log(f'guest/{n}')),
                          long=conf['long'] == 'yes', cost=2.0 * int(conf['cpus'])))
        if conf['also-bochs'] == 'yes' and machine == 'qemu':
            tests.append(Test(f'bochs/{name}',
                              lambda n=name, c=conf: run(n, c, 'bochs', context.log(f'bochs/{n}')),
                              long=conf['long'] == 'yes', cost=10))
        if conf['also-forced'] == 'yes' and machine == 'qemu':
            forced = {**conf, 'hv-args': f'{conf["hv-args"]} {guests.FORCED}'}
            tests.append(Test(f'forced/{name}',
                              lambda n=name, c=forced: run(n, c, 'qemu', context.log(f'forced/{n}'),
                                                           compare=False),
                              long=conf['long'] == 'yes', cost=2.0 * int(conf['cpus'])))
        domu = guests.domu_conf(conf) if machine == 'qemu' else None
        if domu:
            # As domain 0 it is compared already: as another one only in check-long.
            tests.append(Test(f'domu/{name}',
                              lambda n=name, c=domu: run(
                                  n, c, machine, context.log(f'domu/{n}'),
                                  context.compare and context.settings['LONG'] == 'yes'),
                              long=conf['long'] == 'yes', cost=3))
    return tests


GROUPS = {'source': _source_tests, 'unit': _unit_tests, 'fuzz': _fuzz_tests,
          'guest': _guest_tests, 'system': _system_tests}


def _settings(args):
    settings = dict(SETTINGS)
    for arg in args:
        key, found, value = arg.partition('=')
        if not found or key not in SETTINGS:
            sys.exit(f'run.py: "{arg}" is no setting\n{__doc__}')
        settings[key] = value
    return settings


def _chosen(tests, settings):
    globs = [g for g in re.split(r'[,\s]+', settings['TESTS']) if g]
    if globs:
        return [t for t in tests if any(fnmatch.fnmatch(t.name, g) or
                                        fnmatch.fnmatch(t.name.split('/', 1)[1], g)
                                        for g in globs)]
    return [t for t in tests if settings['LONG'] == 'yes' or not t.long]


def main(args):
    settings = _settings(args)
    context = Context(settings)
    os.makedirs(context.logs, exist_ok=True)
    tests = [t for group in settings['GROUPS'].split(',') for t in GROUPS[group](context)]
    tests = _chosen(tests, settings)
    if settings['LIST'] == 'yes':
        print('\n'.join(t.name for t in tests))
        return 0
    if not tests:
        print('run.py: no test has such a name; LIST=yes shows them all', file=sys.stderr)
        print('0 passed, 0 failed, 0 skipped')
        return 2
    if any(t.name.startswith('guest/') for t in tests) and context.compare:
        context.images.xen()    # once, before two tests want it at the same time
    return suite.run_all(tests, int(settings['JOBS']))


if __name__ == '__main__':
    try:
        sys.exit(main(sys.argv[1:]))
    except (guests.ConfError, guests.packages.PackageError) as problem:
        print(f'tests: failed: {problem}', file=sys.stderr)
        print('0 passed, 1 failed, 0 skipped')
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
