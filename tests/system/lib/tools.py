# SPDX-License-Identifier: BSD-2-Clause
"""Debian's Xen tools in dom0: runs shell commands there and gives back what each said.

    from lib import dom0, tools

    def test(env):
        said = tools.run(env, [('info', 'xl info'), ('list', 'xl list')])
        said['info'].ok().table()['nr_cpus']

One boot runs all commands, one after the other, with no typing: they are a script in the
initramfs. Lines of the hypervisor's own on the shared serial line are taken out.
"""
import os
import re

from lib import dom0

START = 'HOSPES-SAYS'
HV_LINE = re.compile(r'^\((?:HV|XEN)\) ')


class Said:
    """What one command printed, and its status."""

    def __init__(self, command, status, text):
        self.command, self.status, self.text = command, status, text
        self.lines = text.strip('\n').split('\n')

    def ok(self, status=0):
        """self, which must have ended with this status."""
        dom0.check(self.status == status, f'{self.command}: status {self.status}, expected '
                   f'{status}; it says: {self.text.strip()[:300]}')
        return self

    def table(self):
        """{name: value} of lines `name : value`."""
        return dict(re.findall(r'^(\S+)\s*: *(.*?) *$', self.text, re.M))

    def rows(self, skip=1):
        """Words of each line after the headline."""
        return [line.split() for line in self.lines[skip:]]

    def find(self, pattern):
        """The match of a pattern that must be there."""
        match = re.search(pattern, self.text, re.M)
        dom0.check(match, f'{self.command}: no "{pattern}" in: {self.text.strip()[:300]}')
        return match

    def number(self, pattern):
        """The pattern's first group as a number."""
        return float(self.find(pattern).group(1))


def _script(commands):
    lines = ['#!/bin/busybox sh', 'export TERM=vt100']
    for name, command in commands:
        if not name:
            lines += [command]
            continue
        lines += [f'echo "{START} {name}"', f'{{ {command}', '} 2>&1', f'echo "{START} = $?"']
    return '\n'.join(lines) + '\n'


def initrd(env, commands, files=(), image=None):
    """An initramfs with the tools and the commands as /tests/tools; files: (path, path inside);
    image: one that holds all else, instead of the initramfs and the tools."""
    def own(name):
        return os.path.join(env.folder, name)

    with open(own('tools.sh'), 'w', encoding='utf-8') as file:
        file.write(_script(commands))
    tree = {'tests': (0o040755,)}
    dom0.initrd.add_files(tree, [(own('tools.sh'), 'tests/tools'), *files])
    dom0.initrd.write(tree, own('tools.img'))
    with open(own('all.img'), 'wb') as out:
        base = [image] if image else [env.initrd, os.path.join(env.build, 'toolstack.img')]
        for path in (*base, own('tools.img')):
            dom0.check(os.path.isfile(path), f'{path} is missing; "make initrd" makes it')
            with open(path, 'rb') as part:
                data = part.read()
            out.write(data + bytes(-len(data) % 4))
    return own('all.img')


def run(env, commands, files=(), hypervisor='', dom0_words='', timeout=240, silence=120,
        image=None, **options):
    """Boot dom0, run the commands (name, shell text), power off; {name: Said}. A command without
    a name is for the others: functions, variables."""
    ramdisk = initrd(env, commands, files, image)
    options = {'cpus': 2, 'mem': 1024, **options}
    append = f'com1=115200,8n1 console=com1 sched=credit {hypervisor}'
    with dom0.machine.qemu(
            kernel=env.plain_hypervisor(), append=append, log=env.log(),
            modules=[f'{env.kernel} placeholder console=hvc0 hospes.test=tools '
                     f'hospes.after=poweroff {dom0_words}', ramdisk], **options) as m:
        env.wait(m, r'^HOSPES-DOM0 ready=1', timeout, silence)
        m.wait_end(60)
        text = m.text
    return _parse(text, {name: command for name, command in commands if name})


def _parse(text, commands):
    text = '\n'.join(line for line in text.split('\n') if not HV_LINE.match(line))
    said = {}
    for name, body, status in re.findall(
            rf'^{START} (\S+)\n(.*?)^{START} = (\d+)$', text, re.M | re.S):
        print(f'--- {commands[name]}\n{body}', end='', flush=True)
        said[name] = Said(commands[name], int(status), body)
    missing = [name for name in commands if name not in said]
    dom0.check(not missing, f'"{commands[missing[0]] if missing else ""}" did not come to its end')
    return said
