# SPDX-License-Identifier: BSD-2-Clause
"""Dom0 with emulated devices: boots it, lets tests/system/dom0/devices drive them, and
compares what it tells with what the host sees."""
import hashlib
import os
import re

from . import dom0, overlay

MIB = 1 << 20
SWITCH = '\x01\x01\x01'     # gives the console's input to the hypervisor, and back


class Run:
    """One boot. disks: {name in dom0: (word in /proc/interrupts, QEMU's options for drive dN)}."""

    def __init__(self, env, board, disks, net=None, move=False, modules=None, cpus=2):
        overlay.extend(env, modules=modules, files=['tests/system/dom0/devices'])
        self.images, self.net = {}, net
        options = []
        for number, (name, (_, device)) in enumerate(disks.items()):
            self.images[name] = os.path.join(env.folder, f'{name}.img')
            with open(self.images[name], 'wb') as f:
                f.truncate(16 * MIB)
            options += ['-drive', f'file={self.images[name]},format=raw,if=none,id=d{number},'
                        'cache=unsafe', *device]
        words = ['hospes.load=test hospes.test=devices dom0_vcpus_pin']
        words.append('devices.disks=' + ','.join(f'{n}:{w}' for n, (w, _) in disks.items()))
        if net:
            options += self._network(env.folder, net)
            words.append('devices.net=eth0')
        if move:
            words.append('devices.move=yes')
        with env.boot(' '.join(words), 'dom0_vcpus_pin loglvl=all', board=board, cpus=cpus,
                      extra=options) as m:
            env.wait_shell(m)
            m.send(SWITCH)
            m.send('i')
            env.wait(m, r"'i' pressed -> ", 20)
            env.wait(m, r'^\(HV\) CPU 0: \d+ device vectors', 20)
            m.send(SWITCH)
            m.send('poweroff -f\n')
            m.wait_end(60)
            self.text = m.text
        self.values = dict(re.findall(r'^HOSPES-DOM0 (\S+?)=(.*)$', self.text, re.M))
        self.interrupts = re.findall(r'^HOSPES-DOM0 interrupt=(.*)$', self.text, re.M)
        for row in self.interrupts:
            print(row)
        bad = [row for row in self.text.split('\n') if re.search(dom0.BAD_LOG, row)]
        dom0.check(not bad, f'{len(bad)} bad lines in the log, first: {bad[0] if bad else ""}')
        for pattern in ('which nobody uses', 'interrupts in 10 ms', 'nobody cared'):
            found = re.search(f'^.*{pattern}.*$', self.text, re.M)
            dom0.check(not found, f'in the log: {found and found.group()}')

    def _network(self, folder, card):
        self.file = os.path.join(folder, 'tftp', 'file')
        os.makedirs(os.path.dirname(self.file))
        with open(self.file, 'wb') as f:
            f.write(os.urandom(MIB))
        return ['-netdev', f'user,id=n0,tftp={os.path.dirname(self.file)}',
                '-device', f'{card},netdev=n0']

    def check_disk(self, name):
        """The image holds what dom0 says it wrote and read back, by interrupts."""
        with open(self.images[name], 'rb') as f:
            written = hashlib.md5(f.read(4 * MIB)).hexdigest()
        dom0.check(self.values.get(f'{name}-md5') == written,
                   f'the image of {name} does not hold what dom0 wrote')
        dom0.check(int(self.values.get(f'{name}-interrupts', 0)) > 0, f'no interrupt for {name}')

    def check_net(self):
        """The file came over the network card as it is."""
        with open(self.file, 'rb') as f:
            sent = hashlib.md5(f.read()).hexdigest()
        dom0.check(self.values.get('eth0-md5') == sent, 'the file came differently over the network')
        dom0.check(int(self.values.get('eth0-interrupts', 0)) > 0 or self.net == 'virtio-net-pci',
                   'no interrupt for eth0')

    def check_kind(self, word, kind):
        """A line of /proc/interrupts with the word is of that kind, and counted."""
        rows = [r for r in self.interrupts if word in r and kind in r]
        dom0.check(rows, f'no interrupt of {word} by {kind}')
        dom0.check(any(int(n) for r in rows for n in re.findall(r'(?<=\s)\d+(?=\s)', r)),
                   f'interrupts of {word} by {kind} were not counted: {rows}')

    def check_routes(self, kinds, cpu):
        """The hypervisor sends an interrupt of each kind, one that was counted, to that CPU."""
        for kind in kinds:
            rows = re.findall(rf'^\(HV\) +IRQ:.*cpu:(\d+) +{kind}.*count:[1-9].*d0:', self.text, re.M)
            dom0.check(str(cpu) in rows, f'{kind}: goes to CPUs {rows}, not to {cpu}')
