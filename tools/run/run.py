#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""`make run`: boot the hypervisor with Debian's kernel as dom0 on an emulated PC, and two guests.

    run.py [VARIABLE=VALUE]...        the variables are listed in DEFAULTS below

On a terminal: dom0's console, Ctrl-] leaves. Without one: a line per stage with the seconds since
power-on, `guest NAME pv up SECONDS` for dom0 and each guest, a summary, and last `run: ok` (status 0) or
`run: failed: CAUSE` (status 1; 130 when interrupted). Scripts may rely on the last three.
Leaves no process and no temporary file behind, however it ends.
"""
import ctypes
import os
import re
import select
import shutil
import signal
import sys
import tempfile
import termios
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'image')]

import iso            # noqa: E402
import machine        # noqa: E402

GUEST_IMAGE = 'dom0.img'
DEFAULTS = {
    'HYPERVISOR': 'build/hospes.gz',    # multiboot 2 image; Debian's xen-4.17-amd64.gz works too
    'KERNEL': 'build/vmlinuz',          # dom0's kernel
    'INITRD': f'build/{GUEST_IMAGE}',   # dom0's initramfs; one named otherwise has no guests
    'GUESTS': 'alpha,beta',             # what dom0's image starts; none: none
    'MEM': '1024',                      # MiB in the machine
    'CPUS': '',                         # CPUs in the machine; 2, on Bochs 1
    'MACHINE': 'qemu',                  # qemu or bochs
    'BOARD': 'pc',                      # pc or q35 (QEMU)
    'FIRMWARE': 'bios',                 # bios or uefi (QEMU)
    'ACCEL': '',                        # kvm or tcg; empty: kvm where it works
    'BOCHS_CPU': machine.BOCHS_CPU,     # Bochs's CPU model
    'HVARGS': '',                       # more words for the hypervisor's command line
    'DOM0ARGS': '',                     # more words for dom0's kernel
    'DISK': '',                         # raw image for dom0 as /dev/vda (QEMU); written to
    'AFTER': '',                        # poweroff, reboot or shell; empty: shell on a terminal
    'LOG': 'build/run.log',             # everything the serial line said
    'SILENCE': '',                      # seconds without output that count as hung
    'LIMIT': '',                        # seconds for the whole run without a terminal
    'BUILD': 'build',                   # where temporary files go
}
HV_PREFIX = r'^(?:\((?:HV|XEN)\) *)?'
HV_LINE = r'^(?:\((?:HV|XEN)\) .*|.*\bHospes\b.*| *Xen \d.*)$'
FAIL = (r'^error: .+'                                   # GRUB
        r'|^Hospes \(boot\): .*'                        # Hospes refuses the machine
        + '|' + HV_PREFIX + r'(?:Panic on CPU \d+.*|Domain 0 .*crashed.*|Hardware Dom0 crashed.*)'
        r'|Kernel panic - not syncing.*|Initramfs unpacking failed.*|Out of memory: Killed.*'
        r'|HOSPES-DOM0 failed=.*')
ESCAPE = b'\x1d'                                        # Ctrl-]
GUEST_ESCAPE = 't'                                      # Ctrl-t leaves a guest's console
DOM0_MIB = 512                                          # dom0's memory beside guests
NETWORK = ['-netdev', 'user,id=world', '-device', 'virtio-net-pci,netdev=world']
EXPECTED_END = {'poweroff': 'poweroff', 'reboot': 'reset'}


class RunFailed(Exception):
    """The run failed; str() is the cause."""


class Interrupted(Exception):
    """A signal asks us to end."""


def _interrupt(number, _frame):
    raise Interrupted(signal.Signals(number).name)


def settings(arguments):
    """DEFAULTS with the arguments' values in place."""
    values = dict(DEFAULTS)
    for word in arguments:
        name, equals, value = word.partition('=')
        if not equals or name not in DEFAULTS:
            raise RunFailed(f'unknown variable {word}; known: {" ".join(DEFAULTS)}')
        if value:
            values[name] = value
    bochs = values['MACHINE'] == 'bochs'
    if values['MACHINE'] not in ('qemu', 'bochs'):
        raise RunFailed(f'MACHINE={values["MACHINE"]} is neither qemu nor bochs')
    values['CPUS'] = values['CPUS'] or ('1' if bochs else '2')
    values['SILENCE'] = values['SILENCE'] or ('300' if bochs else '90')
    values['LIMIT'] = values['LIMIT'] or ('2400' if bochs else '600')
    if os.path.basename(values['INITRD']) != GUEST_IMAGE or values['GUESTS'] == 'none':
        values['GUESTS'] = ''
    for name in ('MEM', 'CPUS', 'SILENCE', 'LIMIT'):
        if not values[name].isdigit() or int(values[name]) == 0:
            raise RunFailed(f'{name}={values[name]} is not a positive number')
    if bochs and values['CPUS'] != '1':
        raise RunFailed('Bochs runs one CPU here; use CPUS=1 or MACHINE=qemu')
    for name, choices in (('BOARD', ('pc', 'q35')), ('FIRMWARE', ('bios', 'uefi'))):
        if values[name] not in choices:
            raise RunFailed(f'{name}={values[name]} is neither {" nor ".join(choices)}')
    for name in ('DISK', 'BOARD', 'FIRMWARE'):
        if bochs and values[name] != DEFAULTS[name]:
            raise RunFailed(f'{name}={values[name]} needs MACHINE=qemu')
    if values['AFTER'] not in ('', 'poweroff', 'reboot', 'shell'):
        raise RunFailed(f'AFTER={values["AFTER"]} is not poweroff, reboot or shell')
    for name in ('HYPERVISOR', 'KERNEL', 'INITRD', 'DISK'):
        if values[name] and not os.path.isfile(values[name]):
            raise RunFailed(f'{name}: file {values[name]} is missing')
    return values


# Files of a run lie in BUILD/run-PID; what a killed run left is removed by the next one.

def _workspace(build):
    os.makedirs(build, exist_ok=True)
    for name in os.listdir(build):
        owner = re.fullmatch(r'run-(\d+)', name)
        if owner and not os.path.exists(f'/proc/{owner.group(1)}'):
            shutil.rmtree(os.path.join(build, name), ignore_errors=True)
    folder = os.path.join(os.path.abspath(build), f'run-{os.getpid()}')
    os.makedirs(folder, exist_ok=True)
    tempfile.tempdir = folder
    return folder


def _make_image(values, folder, after):
    image = os.path.join(folder, 'run.iso')
    dom0 = f'console=hvc0 hospes.after={after}'
    hypervisor = 'com1=115200,8n1 console=com1'
    if values['MACHINE'] == 'bochs':
        hypervisor += ' allow_unsafe'    # its processors lack microcode and leak nothing
    if values['GUESTS']:
        # What dom0 does not take is the guests'. Its kernel says its name, and what is wrong.
        # Ctrl-] is this program's.
        hypervisor += f' dom0_mem={DOM0_MIB}M'
        dom0 += f' loglevel=6 hospes.guests={values["GUESTS"]} hospes.escape={GUEST_ESCAPE}'
    dom0 = ' '.join(f'{dom0} {values["DOM0ARGS"]}'.split())
    hypervisor = ' '.join(f'{hypervisor} {values["HVARGS"]}'.split())
    iso.hypervisor_iso(image, values['HYPERVISOR'], hypervisor,
                       [(values['KERNEL'], dom0), (values['INITRD'], '')])
    return image


def _start(values, image, say, on_output=None):
    """Start the machine; say() gets a line about what it is."""
    common = {'mem': int(values['MEM']), 'log': values['LOG'], 'on_output': on_output}
    if values['MACHINE'] == 'bochs':
        say(f'bochs {values["BOCHS_CPU"]}: 1 CPU, {values["MEM"]} MiB')
        return machine.bochs(image, model=values['BOCHS_CPU'], **common)
    cpus, accel = int(values['CPUS']), values['ACCEL']
    if not accel:
        works, why = machine.kvm_works(cpus)
        accel = 'kvm' if works else 'tcg'
        if not works:
            print(f'kvm: not used, {why}; QEMU emulates the CPU (tcg)', flush=True)
    other = [values[name] for name in ('BOARD', 'FIRMWARE') if values[name] != DEFAULTS[name]]
    say(', '.join([f'qemu {accel}: {cpus} CPU{"s" * (cpus > 1)}, {values["MEM"]} MiB', *other]))
    return machine.qemu(iso=image, cpus=cpus, accel=accel, cpu='host' if accel == 'kvm' else None,
                        board=values['BOARD'], firmware=values['FIRMWARE'],
                        disks=[values['DISK']] if values['DISK'] else (),
                        extra=NETWORK if values['GUESTS'] else (), **common)


def cause_of(error, m):
    """The cause in a MachineError, from the console: the first thing that failed."""
    if error.kind != 'fail':
        return str(error)
    cause = re.sub(r'^(\((?:HV|XEN)\) *|\[ *\d+\.\d+\] )+', '', str(error))
    if cause.startswith('HOSPES-DOM0 failed='):
        return 'dom0: ' + cause.partition('=')[2]
    if re.match(r'Panic on CPU \d+:$', cause):
        # Xen gives the reason in the lines after.
        time.sleep(0.5)
        after = m.text[m.text.rfind(cause) + len(cause):]
        reason = [re.sub(HV_PREFIX, '', row).strip() for row in after.split('\n')[1:3]]
        cause += ' ' + ' '.join(r for r in reason if r.strip('*'))
    return cause


# Without a terminal

def _stage(seconds, text):
    print(f'{seconds:6.1f} s  {text}', flush=True)


def _summary(m):
    """Print what dom0 told of itself, and the lines of its log that should not be there."""
    rows = re.findall(r'^HOSPES-DOM0 (\S+?)=(.*)$', m.text, re.M)
    for name, value in rows:
        if name not in ('up', 'host', 'guest', 'ready', 'bad-lines'):
            print(f'  {name:<42} {value}')
    for row in re.findall(r'^HOSPES-LOG (.*)$', m.text, re.M):
        print(f'warning: dom0\'s log: {row}')
    sys.stdout.flush()


def run_stages(values, folder):
    """Boot, print a line per stage, and see that dom0 ends as it was asked to."""
    after = values['AFTER'] or 'poweroff'
    image = _make_image(values, folder, after)
    deadline = time.monotonic() + int(values['LIMIT'])
    with _start(values, image, lambda text: _stage(0, text)) as m:
        def wait(pattern):
            return m.wait(pattern, max(1, deadline - time.monotonic()), FAIL,
                          int(values['SILENCE']))
        try:
            found = wait(HV_LINE)
            _stage(m.seconds(), f'hypervisor: {re.sub(HV_PREFIX, "", found.group()).strip()}')
            found = wait('Linux version [^ ]+')
            _stage(m.seconds(), f'dom0 kernel: {found.group()}')
            wait('^HOSPES-DOM0 up=1')
            up = m.seconds()
            _stage(up, 'dom0 user land')
            print(f'guest dom0 pv up {up:.1f}', flush=True)
            if values['GUESTS']:
                _wait_guests(m, values['GUESTS'].split(','), wait)
            wait('^HOSPES-DOM0 ready=1')
            _stage(m.seconds(), 'dom0 ready')
            _summary(m)
            if after in EXPECTED_END:
                _wait_end(m, after, values, deadline)
        except machine.MachineError as e:
            raise RunFailed(cause_of(e, m)) from e


def _wait_guests(m, names, wait):
    wait('^HOSPES-DOM0 host=1')
    _stage(m.seconds(), f'dom0 starts {len(names)} guests from /etc/hospes: {", ".join(names)}')
    for name in names:
        wait(f'^HOSPES-DOM0 guest={name}$')
        print(f'guest {name} pv up {m.seconds():.1f}', flush=True)


def _wait_end(m, after, values, deadline):
    left = max(1, deadline - time.monotonic())
    if values['MACHINE'] == 'bochs' and after == 'reboot':
        # Bochs goes on after a reset: the hypervisor's first line comes again.
        m.wait('reboot: Restarting system', left, FAIL)
        m.wait(HV_LINE, left)
    else:
        end = m.wait_end(left)
        if end != EXPECTED_END[after]:
            raise RunFailed(f'dom0 was to {after}, the machine ended with: {end}; '
                            f'last line: {m.last_line()}')
    _stage(m.seconds(), f'{after} done')


# On a terminal

def run_console(values, folder):
    """dom0's console on this terminal until it ends or the user leaves."""
    image = _make_image(values, folder, values['AFTER'] or 'shell')
    keyboard, screen = sys.stdin.fileno(), sys.stdout.fileno()
    saved = termios.tcgetattr(keyboard)

    def show(data):
        while data:
            try:
                data = data[os.write(screen, data):]
            except BlockingIOError:
                time.sleep(0.01)

    def say(text):
        print(f'run: {text}; the console follows, Ctrl-] leaves', flush=True)

    with _start(values, image, say, show) as m:
        try:
            tty.setraw(keyboard)
            while not m.ended:
                ready, _, _ = select.select([keyboard], [], [], 0.2)
                typed = os.read(keyboard, 1024) if ready else b''
                if ready and (not typed or ESCAPE in typed):
                    break
                if typed:
                    m.send(typed)
        except BrokenPipeError:
            pass
        finally:
            termios.tcsetattr(keyboard, termios.TCSADRAIN, saved)
            print('', flush=True)
        if m.ended:
            _check_console_end(m)


def _check_console_end(m):
    bad = re.search(FAIL, m.text, re.M)
    if bad:
        raise RunFailed(cause_of(machine.MachineError('fail', bad.group()), m))
    if m.ended not in EXPECTED_END.values():
        raise RunFailed(f'the machine ended ({m.ended}); last line: {m.last_line() or "none"}')


def main(arguments):
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    # Not to outlive a make that was killed.
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    status, folder = 0, None
    try:
        values = settings(arguments)
        folder = _workspace(values['BUILD'])
        on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
        (run_console if on_terminal else run_stages)(values, folder)
    except (RunFailed, machine.MachineError, iso.IsoError, OSError) as e:
        print(f'run: failed: {e}', flush=True)
        status = 1
    except (Interrupted, KeyboardInterrupt) as e:
        print(f'run: failed: interrupted ({e})', flush=True)
        status = 130
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    if status == 0:
        print('run: ok', flush=True)
    return status


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
