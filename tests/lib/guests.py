# SPDX-License-Identifier: BSD-2-Clause
"""Micro-guests: start one on a hypervisor in QEMU or Bochs and read its verdict.

A guest's folder may hold test.conf, lines of key=value:
    cpus=N             processors of the machine and of domain 0 (1)
    nodes=N            NUMA nodes of the machine, in QEMU (1)
    memory=N           MiB of the machine (512)
    dom0-mem=N         MiB of domain 0 (64)
    args=TEXT          the guest's command line
    hv-args=TEXT       more options for the hypervisor
    cpu=,+NAME         more features for QEMU's processor
    launcher=yes       runs as an unprivileged domain under tests/guests/launcher
    domains=A;B        with launcher: the command lines of the domains, one per domain
    domu=TEXT          why it can't run as an unprivileged domain as well (domu/NAME): what it asks
                       about is domain 0's alone
    pack=NAME,NAME     further guests for domain 0 in its initrd ("self": this one)
    machines=qemu      where it can run (qemu,bochs)
    firmware=uefi      starts by GRUB under OVMF, not directly; with machines=qemu
    timeout=N          seconds in QEMU (60)
    also-bochs=yes     in QEMU's run once more in Bochs, where QEMU is too lax to show the answer
    also-forced=yes    once more with all mitigations that speculation needs of a hypervisor forced
                       on (FORCED), whatever the processor; not in Bochs
    long=yes           only in `make check-long`
    xen-differs=TEXT   why the verdict on Xen 4.17 is rightly another one
"""
import glob
import gzip
import os
import re
import shutil
import struct
import sys
import tempfile
import time
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, 'tools', 'run'), os.path.join(ROOT, 'tools', 'image')]

import iso  # noqa: E402
import machine  # noqa: E402
import packages  # noqa: E402

DEFAULTS = {'cpus': '1', 'nodes': '1', 'memory': '512', 'dom0-mem': '64', 'args': '', 'hv-args': '',
            'cpu': '', 'launcher': 'no', 'domains': '', 'domu': '', 'pack': '',
            'machines': 'qemu,bochs', 'firmware': 'bios', 'timeout': '60', 'also-bochs': 'no',
            'also-forced': 'no', 'long': 'no', 'xen-differs': ''}
HV_ARGS = 'com1=115200,8n1 console=com1 loglvl=all guest_loglvl=all noreboot'
FORCED = ('xpti=on pv-l1tf=domu=on spec-ctrl=msr-sc,rsb,verw,ibpb-entry,bhb-entry,l1d-flush,'
          'div-scrub,bti-thunk=retpoline,ibrs,stibp,ibpb')
# What shows that no verdict can come any more, in the words of either hypervisor.
DEAD = (r'^.*(Panic (on CPU|inside)|[Hh]ardware [Dd]om0 (crashed|halted|shutdown)|'
        r'[Dd]omain 0 (crashed|shut ?down|powered off)|FATAL TRAP|Manual reset required).*$')
# Bochs with its slow BIOS and GRUB before the hypervisor even starts.
BOCHS_SLOWER = 4


class ConfError(Exception):
    """A test.conf that can't be understood; str() says which line."""


def names():
    """All micro-guests that are tests, by folder name."""
    found = glob.glob(os.path.join(ROOT, 'tests', 'guests', '*', 'main.c'))
    return sorted(n for n in (os.path.basename(os.path.dirname(f)) for f in found)
                  if n != 'launcher')


def conf_of(name):
    """The settings of guest name."""
    conf = dict(DEFAULTS)
    path = os.path.join(ROOT, 'tests', 'guests', name, 'test.conf')
    if os.path.exists(path):
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                line = line.strip()
                if not line or line.startswith('#'):
                    continue
                key, found, value = line.partition('=')
                if not found or key not in DEFAULTS:
                    raise ConfError(f'{path}:{number}: "{key}" is no setting')
                conf[key] = value.strip()
    return conf


def domu_conf(conf):
    """conf for the same guest as an unprivileged domain; None: it is one, or builds some itself."""
    if conf['launcher'] == 'yes' or conf['pack'] or conf['firmware'] != 'bios':
        return None
    vcpus = re.search(r'dom0_max_vcpus=(\d+)', conf['hv-args'])
    words = ['seconds=60', conf['args'], f'vcpus={vcpus.group(1) if vcpus else conf["cpus"]}']
    return dict(conf, launcher='yes', args='', domains=' '.join(filter(None, words)), timeout='90',
                **{'dom0-mem': '64'})


class Verdict:
    """What a guest said: outcome success, failure, skip or error; '' outcome: it said nothing."""

    def __init__(self, outcome, reason=''):
        self.outcome, self.reason = outcome, reason

    def __str__(self):
        return self.outcome + (f': {self.reason}' if self.reason else '')


def pack(programs):
    """An initrd for domain 0: (name, command line, file) each.

    Layout, little-endian: "HGPACK1\\0", count, then per program name[32], command line[256], offset
    and length from the start of the pack; then the files at multiples of 4 KiB.
    """
    head = 16 + len(programs) * (32 + 256 + 16)
    table, blob = b'', b''
    start = -(-head // 4096) * 4096
    for name, command, path in programs:
        with open(path, 'rb') as file:
            data = file.read()
        offset = start + len(blob)
        table += struct.pack('<32s256sQQ', name.encode(), command.encode(), offset, len(data))
        blob += data + bytes(-len(data) % 4096)
    return (struct.pack('<8sQ', b'HGPACK1', len(programs)) + table).ljust(start, b'\0') + blob


class Images:
    """Where the programs are, and what has to be made of them before a machine starts."""

    def __init__(self, build):
        self.build = build
        self.folder = os.path.join(build, 'tests', 'guests')

    def elf(self, name):
        return os.path.join(self.folder, f'{name}.elf')

    def hypervisor(self, path):
        """path itself, or the unpacked form of a .gz, which QEMU's -kernel needs."""
        if not path.endswith('.gz'):
            return path
        where = zlib.crc32(os.path.dirname(os.path.abspath(path)).encode())
        plain = os.path.join(self.build, 'tests',
                             f'hv-{where:08x}-{os.path.basename(path)[:-3]}')
        if not os.path.exists(plain) or os.path.getmtime(plain) < os.path.getmtime(path):
            os.makedirs(os.path.dirname(plain), exist_ok=True)
            with gzip.open(path) as packed, tempfile.NamedTemporaryFile(
                    dir=os.path.dirname(plain), delete=False) as out:
                shutil.copyfileobj(packed, out)
            os.replace(out.name, plain)
        return plain

    def xen(self):
        """Debian's Xen 4.17; fetched by package name when it is not in the cache."""
        return self.hypervisor(packages.xen(os.path.join(self.build, 'cache')))

    def modules(self, name, conf, work):
        """Module lines 'file arguments' for domain 0: its kernel and perhaps a pack."""
        programs = [(n, '', self.elf(name if n == 'self' else n))
                    for n in conf['pack'].split(',') if n]
        kernel = name
        if conf['launcher'] == 'yes':
            kernel = 'launcher'
            lines = [d.strip() for d in (conf['domains'] or conf['args']).split(';')]
            programs = [(name, line, self.elf(name)) for line in lines]
        result = [f'{self.elf(kernel)} {conf["args"]}'.rstrip()]
        if programs:
            path = os.path.join(work, 'pack')
            with open(path, 'wb') as file:
                file.write(pack(programs))
            result.append(path)
        return result

    def iso(self, hypervisor, append, modules, work):
        """A CD image that starts the hypervisor through GRUB, for Bochs and for UEFI."""
        image = os.path.join(work, 'test.iso')
        try:
            iso.hypervisor_iso(image, hypervisor, append,
                               [(m.partition(' ')[0], m.partition(' ')[2]) for m in modules])
        except iso.IsoError as error:
            raise machine.MachineError('start', str(error)) from error
        return image


def _start(images, hypervisor, name, conf, kind, model, work, log):
    append = f'{HV_ARGS} dom0_mem={conf["dom0-mem"]}M {conf["hv-args"]}'.rstrip()
    modules = images.modules(name, conf, work)
    if kind == 'bochs':
        # Its processors tell of leaks, and of no microcode against them.
        image = images.iso(hypervisor, f'{append} allow_unsafe', modules, work)
        return machine.bochs(image, model or machine.BOCHS_CPU, mem=int(conf['memory']), log=log)
    if conf['firmware'] == 'uefi':
        boot = {'iso': images.iso(hypervisor, append, modules, work), 'firmware': 'uefi'}
    else:
        boot = {'kernel': hypervisor, 'append': append, 'modules': modules}
    return machine.qemu(cpus=int(conf['cpus']), mem=int(conf['memory']), nodes=int(conf['nodes']),
                        cpu=machine.QEMU_CPU + conf['cpu'], log=log, **boot)


def run(images, hypervisor, name, log, conf=None, kind='qemu', model=None):
    """Run guest name on the hypervisor (a path); return its Verdict. The serial log goes to log."""
    conf = conf or conf_of(name)
    work = tempfile.mkdtemp(prefix='hospes-guest-')
    limit = int(conf['timeout']) * (BOCHS_SLOWER if kind == 'bochs' else 1)
    pattern = rf'^(?!d\d+: )(.*)Verdict: {re.escape(name)} (success|failure|skip|error)(: (.*))?$'
    try:
        with _start(images, images.hypervisor(hypervisor), name, conf, kind, model, work,
                    log) as m:
            try:
                found = m.wait(pattern, timeout=limit, fail=DEAD)
            except machine.MachineError as error:
                if error.kind == 'fail':
                    time.sleep(1)    # the log is to have the registers and the backtrace too
                said = re.findall(r'^Failure: (.*)$', m.text, re.M)
                return Verdict('', said[0] if said else str(error))
            return Verdict(found.group(2), found.group(4) or '')
    except machine.MachineError as error:
        return Verdict('', str(error))
    finally:
        shutil.rmtree(work, ignore_errors=True)
