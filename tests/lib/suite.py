# SPDX-License-Identifier: BSD-2-Clause
"""Run a list of tests, some at a time, and say how they ended.

A Test has a name ('group/name'), a function that returns an Outcome, and flags. run_all() shows one
line per finished test, keeps one log per test (the function gets its path), prints the first cause
of each failure again at the end, and last the line `N passed, N failed, N skipped`.
"""
import concurrent.futures
import sys
import threading
import time
import traceback

PASS, FAIL, SKIP = 'passed', 'failed', 'skipped'


class Outcome:
    """status is PASS, FAIL or SKIP; reason is one line, wanted for the last two."""

    def __init__(self, status, reason=''):
        self.status = status
        self.reason = ' '.join(str(reason).split())


class Test:
    """One test. long: only in check-long. alone: nothing runs beside it. cost: guessed seconds."""

    def __init__(self, name, run, long=False, alone=False, cost=2.0):
        self.name = name
        self.run = run
        self.long = long
        self.alone = alone
        self.cost = cost


class _Show:
    """Progress: a line per finished test, and on a terminal what is running below it."""

    def __init__(self, total, out):
        self.total, self.out, self.done = total, out, 0
        self.tty = out.isatty()
        self.running = []
        self.lock = threading.Lock()

    def start(self, name):
        with self.lock:
            self.running.append(name)
            self._status()

    def end(self, name, outcome, seconds):
        with self.lock:
            self.running.remove(name)
            self.done += 1
            width = len(str(self.total))
            tail = f': {outcome.reason}' if outcome.reason else ''
            self.out.write(('\r\033[K' if self.tty else '') +
                           f'[{self.done:{width}}/{self.total}] {outcome.status:7} {name} '
                           f'({seconds:.1f} s){tail}\n')
            self._status()

    def _status(self):
        if self.tty:
            self.out.write('\r\033[K' + ('running: ' + ', '.join(self.running))[:100]
                           if self.running else '\r\033[K')
        self.out.flush()


def _run_one(test, show):
    show.start(test.name)
    begin = time.monotonic()
    try:
        outcome = test.run()
    except Exception as error:  # a defect of the test or of its tools is a failure with a name
        traceback.print_exc(file=sys.stderr)
        outcome = Outcome(FAIL, f'{type(error).__name__}: {error}')
    show.end(test.name, outcome, time.monotonic() - begin)
    return test, outcome


def run_all(tests, jobs=2, out=sys.stdout):
    """Run tests; 0 when none failed. Dear ones start first, those that must be alone last."""
    show = _Show(len(tests), out)
    together = sorted((t for t in tests if not t.alone), key=lambda t: -t.cost)
    results = []
    pool = concurrent.futures.ThreadPoolExecutor(jobs)
    try:
        for future in concurrent.futures.as_completed(
                [pool.submit(_run_one, t, show) for t in together]):
            results.append(future.result())
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    results += [_run_one(t, show) for t in tests if t.alone]
    return _summary(results, out)


def _summary(results, out):
    count = {PASS: 0, FAIL: 0, SKIP: 0}
    for _, outcome in results:
        count[outcome.status] += 1
    failed = sorted((t.name, o.reason) for t, o in results if o.status == FAIL)
    if failed:
        out.write('\n')
        for name, reason in failed:
            out.write(f'failed: {name}: {reason}\n')
    out.write(f'{count[PASS]} passed, {count[FAIL]} failed, {count[SKIP]} skipped\n')
    out.flush()
    return 1 if failed else 0
