# SPDX-License-Identifier: BSD-2-Clause
"""Start an emulated PC, read and write its serial line, and end it without leaving anything behind.

Used by `make run`, by tests/system and by the micro-guest runner:

    import machine
    with machine.qemu(iso='build/hospes.iso', cpus=2, mem=1024, log='x.log') as m:
        m.wait(r'^guest ready', timeout=60, fail=r'^panic')      # a re.Match; raises MachineError
        m.send('poweroff\n')                                     # typed at COM1
        m.wait_end(timeout=30)                                   # 'poweroff', 'reset'...

    machine.qemu(kernel='build/hospes', append='com1=115200,8n1',     # direct multiboot 1 boot
                 modules=['guest.elf its arguments', 'second'])
    machine.bochs(iso='x.iso', model='corei7_haswell_4770', mem=512)

The serial log is kept in memory (`m.text`, `m.lines` with seconds since power-on), and on disk
where `log` names a file. Time limits are wall-clock seconds outside the guest. The emulator gets
SIGKILL when the thread that started it dies (PR_SET_PDEATHSIG), so start it from a thread that
outlives it. Files that it needs live in a temporary folder that close() removes.

Limits: Bochs runs one CPU here and cannot tell a reset from going on (watch the serial log).
"""
import codecs
import ctypes
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import termios
import threading
import time
import tty

QEMU_CPU = 'EPYC,-smap,-monitor,+svm,+npt'
BOCHS_CPU = 'corei7_haswell_4770'
# UEFI: the firmware's code, and the flash that keeps its variables, as it comes from the factory.
OVMF_CODE = '/usr/share/OVMF/OVMF_CODE_4M.fd'
OVMF_VARS = '/usr/share/OVMF/OVMF_VARS_4M.fd'

_ANSI = re.compile(r'\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>()][0-9A-Za-z]?|\r|\x00')
_CUT_ANSI = re.compile(r'\x1b(\[[0-9;?]*)?$')
_libc = ctypes.CDLL(None, use_errno=True)
_PR_SET_PDEATHSIG = 1


class MachineError(Exception):
    """The machine did not do what was waited for; str() is the cause, fit for `run: failed:`.

    kind is one of: 'start' (it could not be started), 'fail' (a fail pattern matched),
    'end' (it ended), 'timeout', 'silence'.
    """

    def __init__(self, kind, cause):
        super().__init__(cause)
        self.kind = kind


def _die_with_parent():
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


class Machine:
    """One running emulator. Made by qemu() or bochs(); use as a context manager or call close()."""

    def __init__(self, log=None, on_output=None):
        self.text = ''            # serial output so far, without escape sequences and '\r'
        self.lines = []           # (seconds since power-on, complete line)
        self.cursor = 0           # where the next wait() starts to search in text
        self.ended = None         # why it ended, once it has
        self.process = None
        self.folder = None
        self.started = time.monotonic()
        self.last_output = self.started
        self.on_output = on_output
        self._log = open(log, 'wb', buffering=0) if log else None
        self._partial = ''
        self._cut = ''
        self._decoder = codecs.getincrementaldecoder('utf-8')('replace')
        self._news = threading.Condition()
        self._reader = None

    # Started and fed by the subclasses

    def _spawn(self, command, **pipes):
        self.started = self.last_output = time.monotonic()
        try:
            self.process = subprocess.Popen(command, start_new_session=True,
                                            preexec_fn=_die_with_parent, **pipes)
        except OSError as e:
            self.close()
            raise MachineError('start', f'cannot start {command[0]}: {e.strerror}; '
                                        'run "make deps"') from e

    def _follow(self, fd):
        self._reader = threading.Thread(target=self._read_all, args=(fd,), daemon=True)
        self._reader.start()

    def _read_all(self, fd):
        while True:
            try:
                ready, _, _ = select.select([fd], [], [], 0.2)
                if not ready and self.process.poll() is not None:
                    break
                data = os.read(fd, 65536) if ready else None
            except (OSError, ValueError):
                break
            if data == b'':
                break
            if data:
                self._feed(data)
        why = self._why_ended()
        with self._news:
            self.ended = why
            self._news.notify_all()

    def _feed(self, data):
        now = time.monotonic()
        if self._log:
            self._log.write(data)
        if self.on_output:
            self.on_output(data)
        with self._news:
            self.last_output = now
            clean = self._clean(data)
            self.text += clean
            *full, self._partial = (self._partial + clean).split('\n')
            self.lines += [(now - self.started, line) for line in full]
            self._news.notify_all()

    def _clean(self, data):
        """data as text without escape sequences; one that is cut is kept for the next call."""
        text = self._cut + self._decoder.decode(data)
        cut = _CUT_ANSI.search(text)
        self._cut = text[cut.start():] if cut else ''
        return _ANSI.sub('', text[:cut.start()] if cut else text)

    def _why_ended(self):
        raise NotImplementedError

    # For the user

    def seconds(self):
        """Seconds since power-on."""
        return time.monotonic() - self.started

    def last_line(self):
        """The last line on the console that is not blank."""
        rows = [line for line in self.text.split('\n')[-50:] if line.strip()]
        return rows[-1].strip() if rows else ''

    def wait(self, pattern, timeout=60, fail=None, silence=None):
        """Wait until pattern (multi-line regex) appears after the last match; return the match.

        Raises MachineError when fail appears first (cause: its whole line), when the machine ends,
        after `timeout` seconds, or after `silence` seconds without any output.
        """
        want = re.compile(pattern, re.M)
        bad = re.compile(fail, re.M) if fail else None
        deadline = time.monotonic() + timeout
        with self._news:
            while True:
                found = self._search(want)
                broken = self._search(bad)
                if broken and (not found or broken.start() <= found.start()):
                    raise MachineError('fail', self._line_at(broken.start()))
                if found:
                    self.cursor = found.end()
                    return found
                self._check_limits(pattern, timeout, deadline, silence)
                limit = deadline
                if silence:
                    limit = min(limit, self.last_output + silence)
                self._news.wait(max(0.01, min(0.2, limit - time.monotonic())))

    def _search(self, regex):
        """The first match, once its line is complete or the console pauses (a prompt)."""
        found = regex.search(self.text, self.cursor) if regex else None
        if found and '\n' not in self.text[found.start():] and not self.ended \
                and time.monotonic() - self.last_output < 0.2:
            return None
        return found

    def _check_limits(self, pattern, timeout, deadline, silence):
        now = time.monotonic()
        if self.ended:
            raise MachineError('end', f'the machine ended ({self.ended}); '
                                      f'last line: {self.last_line() or "none"}')
        if silence and now - self.last_output >= silence:
            raise MachineError('silence', f'silence for {silence:g} s; '
                                          f'last line: {self.last_line() or "none"}')
        if now >= deadline:
            raise MachineError('timeout', f'"{pattern}" not seen in {timeout:g} s; '
                                          f'last line: {self.last_line() or "none"}')

    def _line_at(self, position):
        begin = self.text.rfind('\n', 0, position) + 1
        end = self.text.find('\n', position)
        return self.text[begin:end if end >= 0 else None].strip()

    def wait_end(self, timeout=60):
        """Wait until the machine ends by itself; return why.

        QEMU: 'poweroff', 'reset', 'triple-fault' or 'exit N'. Bochs: 'poweroff', 'triple-fault'
        or 'exit N'.
        """
        with self._news:
            if not self._news.wait_for(lambda: self.ended, timeout):
                raise MachineError('timeout', f'still running after {timeout:g} s; '
                                              f'last line: {self.last_line() or "none"}')
            return self.ended

    def send(self, text):
        """Type text (str or bytes) at the serial line."""
        raise NotImplementedError

    def close(self):
        """End the emulator if it runs, and remove its files. Safe to call twice."""
        if self.process and self.process.poll() is None:
            try:
                os.killpg(self.process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait()
        if self._reader and self._reader is not threading.current_thread():
            self._reader.join(5)
        if self._log:
            self._log.close()
            self._log = None
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _need_files(*paths):
    for path in paths:
        if path and not os.path.isfile(path):
            raise MachineError('start', f'file {path} is missing')


def _comma(text):
    """A text in a QEMU option: its commas are doubled."""
    return str(text).replace(',', ',,')


# QEMU

class QemuMachine(Machine):
    """QEMU with COM1 on a pipe, and QMP on a socket pair: why it ended, and qmp()."""

    def __init__(self, command, log=None, on_output=None):
        super().__init__(log, on_output)
        self._qmp, theirs = socket.socketpair()
        self._qmp.setblocking(False)
        self._qmp_text = b''
        self._number = 0
        command = command + [
            '-chardev', 'stdio,id=com1,signal=off', '-serial', 'chardev:com1',
            '-chardev', f'socket,id=qmp,fd={theirs.fileno()}', '-mon', 'chardev=qmp,mode=control']
        try:
            self._errors = tempfile.TemporaryFile()
            self._spawn(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                        stderr=self._errors, pass_fds=(theirs.fileno(),))
        finally:
            theirs.close()
        # Sent before QEMU reads it: without this command it would stay in negotiation and be mute.
        self._qmp.send(b'{"execute":"qmp_capabilities"}\n')
        self._follow(self.process.stdout.fileno())

    def _why_ended(self):
        status = self.process.wait()
        reason = None
        for event in self._qmp_events():
            if event.get('event') == 'SHUTDOWN':
                reason = event.get('data', {}).get('reason')
        names = {'guest-shutdown': 'poweroff', 'guest-reset': 'reset'}
        if reason in names:
            return names[reason]
        self._errors.seek(0)
        said = self._errors.read().decode('utf-8', 'replace').strip().split('\n')
        said = [row for row in said if row and 'warning:' not in row]
        return f'exit {status}' + (f': {said[0]}' if said else '')

    def _qmp_events(self):
        try:
            while True:
                data = self._qmp.recv(65536)
                if not data:
                    break
                self._qmp_text += data
        except OSError:
            pass
        for row in self._qmp_text.split(b'\n'):
            try:
                yield json.loads(row)
            except ValueError:
                continue

    def qmp(self, execute, timeout=20, **arguments):
        """Give QEMU a command and return its answer; raises MachineError if it refuses."""
        self._number += 1
        self._qmp.send(json.dumps({'execute': execute, 'arguments': arguments,
                                   'id': self._number}).encode() + b'\n')
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and not self.ended:
            for answer in self._qmp_events():
                if answer.get('id') == self._number:
                    if 'error' in answer:
                        raise MachineError('fail', f'QEMU: {answer["error"].get("desc")}')
                    return answer.get('return')
            time.sleep(0.02)
        raise MachineError('timeout', f'QEMU does not answer "{execute}"')

    def send(self, text):
        data = text.encode() if isinstance(text, str) else text
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def order(self, command):
        """Give QEMU a command without arguments, of its machine protocol: 'system_reset'..."""
        self._qmp.send(json.dumps({'execute': command}).encode() + b'\n')

    def close(self):
        super().close()
        for end in (self._qmp, self.process and self.process.stdin,
                    self.process and self.process.stdout, self._errors):
            try:
                if end:
                    end.close()
            except OSError:
                pass


def _uefi_options(efi_vars):
    _need_files(OVMF_CODE, efi_vars or OVMF_VARS)
    flash = f'file={_comma(efi_vars)}' if efi_vars else f'file={OVMF_VARS},snapshot=on'
    return ['-drive', f'if=pflash,format=raw,readonly=on,file={OVMF_CODE}',
            '-drive', f'if=pflash,format=raw,{flash}']


def _numa_options(nodes, cpus, mem):
    """CPUs and memory (MiB) in equal parts; the distance grows with the difference of numbers."""
    options = []
    for node in range(nodes):
        first, last = node * cpus // nodes, (node + 1) * cpus // nodes - 1
        size = (node + 1) * mem // nodes - node * mem // nodes
        options += ['-object', f'memory-backend-ram,id=node{node},size={size}M',
                    '-numa', f'node,nodeid={node},cpus={first}-{last},memdev=node{node}']
    for a in range(nodes):
        for b in range(a + 1, nodes):
            options += ['-numa', f'dist,src={a},dst={b},val={20 + b - a}']
    return options


def qemu_command(cpus=1, mem=1024, accel='tcg', cpu=None, icount=False, board='pc',
                 firmware='bios', efi_vars=None, nodes=1):
    """The part of the command line that says what PC it is."""
    command = ['qemu-system-x86_64', '-machine', board, '-accel', accel, '-cpu', cpu or QEMU_CPU,
               '-smp', str(cpus), '-m', str(mem), '-display', 'none', '-no-reboot', '-nodefaults',
               '-no-user-config', '-vga', 'std']
    if nodes > 1:
        command += _numa_options(nodes, cpus, mem)
    if firmware == 'uefi':
        command += _uefi_options(efi_vars)
    if icount:
        command += ['-icount', 'shift=0,sleep=off', '-rtc',
                    'base=2026-01-01T00:00:00,clock=vm']
    return command


def qemu(iso=None, kernel=None, append='', modules=(), initrd=None, cpus=1, mem=1024, accel='tcg',
         cpu=None, icount=False, board='pc', firmware='bios', efi_vars=None, disks=(), extra=(),
         resets=False, nodes=1, log=None, on_output=None):
    """Start QEMU and return its QemuMachine.

    iso      boot this CD by the firmware; or
    kernel   boot this file directly: a 32-bit multiboot ELF with `append` as its command line and
             `modules`, each 'file arguments...'; or a Linux bzImage with `append` and `initrd`.
    board    pc (i440FX, IDE) or q35 (PCI Express, AHCI).
    firmware bios or uefi; efi_vars is the file of its variables, written to (a copy of OVMF_VARS);
             without one they are forgotten.
    disks    raw image files, attached as virtio disks (/dev/vda...); written to.
    nodes    NUMA nodes, with equal parts of CPUs and memory.
    icount   count instructions: repeatable, the TSC is 1 GHz, one CPU only.
    resets   a reset boots again; without it, it ends the machine.
    extra    further QEMU options.
    """
    command = qemu_command(cpus, mem, accel, cpu, icount, board, firmware, efi_vars, nodes)
    if iso:
        _need_files(iso)
        command += ['-cdrom', str(iso), '-boot', 'd']
    if kernel:
        _need_files(kernel, initrd, *(m.split(None, 1)[0] for m in modules))
        command += ['-kernel', str(kernel), '-append', append]
        if modules:
            command += ['-initrd', ','.join(_comma(m) for m in modules)]
        elif initrd:
            command += ['-initrd', str(initrd)]
    for disk in disks:
        _need_files(disk)
        command += ['-drive', f'file={_comma(disk)},format=raw,if=virtio,cache=unsafe']
    if resets:
        command += ['-action', 'reboot=reset']
    return QemuMachine(command + list(extra), log, on_output)


def kvm_works(cpus=1):
    """Whether KVM can run a guest here: (True, '') or (False, the reason in a few words).

    /dev/kvm may exist and be of no use, so a boot sector has to run and report: that takes half a
    second where KVM is real, and several where it is emulated by a further hypervisor.
    """
    if not os.access('/dev/kvm', os.R_OK | os.W_OK):
        return False, 'no usable /dev/kvm'
    # mov dx,0x501; mov al,0x21; out dx,al; hlt; jmp back to hlt
    code = b'\xba\x01\x05\xb0\x21\xee\xf4\xeb\xfd'
    with tempfile.NamedTemporaryFile(prefix='hospes-probe-') as image:
        image.write(code.ljust(510, b'\0') + b'\x55\xaa' + bytes(512 * 2879))
        image.flush()
        command = qemu_command(cpus, 64, 'kvm', 'host') + [
            '-drive', f'file={image.name},format=raw,if=floppy', '-boot', 'a',
            '-device', 'isa-debug-exit,iobase=0x501,iosize=1', '-serial', 'none']
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, timeout=2, preexec_fn=_die_with_parent)
        except subprocess.TimeoutExpired:
            return False, 'a guest on /dev/kvm does not start in 2 s'
        except OSError as e:
            return False, f'qemu-system-x86_64: {e.strerror}'
    if done.returncode == (0x21 << 1) | 1:
        return True, ''
    said = done.stderr.decode('utf-8', 'replace').strip().split('\n')[0]
    said = re.sub(r'^qemu-system-x86_64: (error: )?', '', said)
    return False, said or f'a guest on /dev/kvm ended with status {done.returncode}'


# Bochs

_BOCHSRC = '''\
plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1, iodebug=0
plugin_ctrl: gameport=0
config_interface: textconfig
display_library: rfb, options="timeout=0, hideIPS, no_gui_console"
memory: guest={mem}, host={mem}
romimage: file=/usr/share/seabios/bios.bin
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model={model}, count=1, ips={ips}, reset_on_triple_fault=0, ignore_bad_msrs=1
ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
ata0-master: type=cdrom, path="{iso}", status=inserted
boot: cdrom
com1: enabled=1, mode=term, dev={serial}
log: {folder}/bochs.log
panic: action=fatal
error: action=ignore
info: action=ignore
clock: sync=none, time0=local
'''


class BochsMachine(Machine):
    """Bochs with COM1 on a pseudo-terminal."""

    def __init__(self, iso, model, mem, ips, log=None, on_output=None):
        super().__init__(log, on_output)
        self.folder = tempfile.mkdtemp(prefix='hospes-bochs-')
        self._ours, self._theirs = pty.openpty()
        tty.setraw(self._theirs, termios.TCSANOW)
        rc, debugger = (os.path.join(self.folder, name) for name in ('bochsrc', 'rc'))
        with open(rc, 'w', encoding='utf-8') as f:
            f.write(_BOCHSRC.format(mem=mem, model=model, ips=ips, iso=os.path.abspath(iso),
                                    serial=os.ttyname(self._theirs), folder=self.folder))
        with open(debugger, 'w', encoding='utf-8') as f:
            f.write('c\n')
        self._said = open(os.path.join(self.folder, 'out'), 'wb')
        self._spawn(['bochs', '-q', '-f', rc, '-rc', debugger], stdin=subprocess.DEVNULL,
                    stdout=self._said, stderr=subprocess.STDOUT, cwd=self.folder)
        self._follow(self._ours)

    def _why_ended(self):
        status = self.process.wait()
        try:
            with open(os.path.join(self.folder, 'bochs.log'), errors='replace') as f:
                tail = f.read()[-4000:]
        except OSError:
            tail = ''
        if 'soft power off' in tail:
            return 'poweroff'
        if 'exception with no resolution' in tail:
            return 'triple-fault'
        panics = re.findall(r'>>PANIC<< (.*)|^\d+p\[.*?\] (.*)', tail, re.M)
        why = ' '.join(p for pair in panics[-1:] for p in pair if p)
        return f'exit {status}' + (f': {why}' if why else '')

    def send(self, text):
        os.write(self._ours, text.encode() if isinstance(text, str) else text)

    def close(self):
        super().close()
        for fd in (self._ours, self._theirs):
            try:
                os.close(fd)
            except OSError:
                pass
        self._said.close()


def bochs(iso, model=BOCHS_CPU, mem=512, ips=100000000, log=None, on_output=None):
    """Start Bochs from a CD image and return its BochsMachine. One CPU; ips is the TSC rate too."""
    _need_files(iso)
    return BochsMachine(iso, model, mem, ips, log, on_output)
