#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Make a bootable CD image with GRUB (BIOS and UEFI) from a hypervisor and its modules.

    iso.py OUTPUT HYPERVISOR 'ARGUMENTS' [MODULE 'ARGUMENTS']...

As a library: hypervisor_iso() does that, linux_iso() boots a kernel without a hypervisor.
GRUB's own messages go to COM1 too, so that a script sees its errors.
"""
import os
import shutil
import subprocess
import sys
import tempfile

GRUB_FOLDERS = ['/usr/lib/grub/i386-pc', '/usr/lib/grub/x86_64-efi']
# Those that both have; the part_* ones are loaded by the UEFI image's own first commands.
GRUB_MODULES = '''multiboot2 multiboot linux gzio serial iso9660 normal terminal test all_video
    part_acorn part_amiga part_apple part_bsd part_dfly part_dvh part_gpt part_msdos part_plan
    part_sun part_sunpc'''
GRUB_HEAD = '''\
serial --unit=0 --speed=115200
terminal_output console serial
set timeout=0
insmod all_video
'''


class IsoError(Exception):
    """The image cannot be made; str() names the cause."""


def _quoted(text):
    return ''.join('\\' + c if c in '\\"\'$;&|<>{}#' else c for c in text)


def _make(output, files, commands):
    """files: {name below /boot: path}; commands: lines of the one menu entry."""
    for path in files.values():
        if not os.path.isfile(path):
            raise IsoError(f'file {path} is missing')
    for folder in GRUB_FOLDERS:
        if not os.path.isdir(folder):
            raise IsoError(f'{folder} is missing; run "make deps"')
    work = tempfile.mkdtemp(prefix='hospes-iso-', dir=os.path.dirname(os.path.abspath(output)))
    try:
        boot = os.path.join(work, 'root', 'boot')
        os.makedirs(os.path.join(boot, 'grub'))
        for name, path in files.items():
            _place(path, os.path.join(boot, name))
        with open(os.path.join(boot, 'grub', 'grub.cfg'), 'w', encoding='utf-8') as f:
            f.write(GRUB_HEAD + 'menuentry hospes {\n' +
                    ''.join(f'    {c}\n' for c in commands) + '}\n')
        image = os.path.join(work, 'iso')
        _mkrescue(image, os.path.join(work, 'root'))
        os.rename(image, output)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _place(path, target):
    try:
        os.link(path, target)
    except OSError:
        shutil.copyfile(path, target)


def _mkrescue(image, root):
    command = ['grub-mkrescue', '-o', image, '--fonts=', '--locales=', '--themes=',
               f'--install-modules={" ".join(GRUB_MODULES.split())}', root]
    environment = dict(os.environ, SOURCE_DATE_EPOCH='0')
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment,
                              stdin=subprocess.DEVNULL)
    except OSError as e:
        raise IsoError(f'grub-mkrescue: {e.strerror}; run "make deps"') from e
    if done.returncode or not os.path.isfile(image):
        rows = [r for r in done.stderr.split('\n') if 'rror' in r] or ['no image was made']
        raise IsoError(f'grub-mkrescue: {rows[0].strip()}')


def _video_mode(mode):
    """GRUB commands; after multiboot2, which asks for a graphics mode of the loader's choice."""
    if mode:
        return [f'set gfxpayload={mode}']
    # UEFI has no text mode.
    return ['if [ $grub_platform = pc ]; then set gfxpayload=text; fi']


def hypervisor_iso(output, hypervisor, arguments='', modules=(), mode=None):
    """Boot `hypervisor` by multiboot 2; modules: (file, arguments), the dom0 kernel first.

    mode: the screen's, such as '1024x768x32'; otherwise text on BIOS, GRUB's choice on UEFI.
    """
    files = {'hypervisor.gz': hypervisor}
    # The first word stands for the file's own name, which Xen's boot protocol drops.
    commands = [f'multiboot2 /boot/hypervisor.gz placeholder {_quoted(arguments)}',
                *_video_mode(mode)]
    for number, (path, words) in enumerate(modules):
        files[f'module{number}'] = path
        commands.append(f'module2 --nounzip /boot/module{number} placeholder {_quoted(words)}')
    _make(output, files, commands)


def linux_iso(output, kernel, arguments, initrd):
    """Boot a Linux kernel on the bare machine, to compare with."""
    _make(output, {'linux': kernel, 'initrd': initrd},
          [f'linux /boot/linux {_quoted(arguments)}', 'initrd /boot/initrd'])


def main(args):
    if len(args) < 3 or len(args) % 2 == 0:
        sys.exit(__doc__)
    hypervisor_iso(args[0], args[1], args[2], list(zip(args[3::2], args[4::2])))


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (IsoError, OSError) as error:
        sys.exit(f'iso: failed: {error}')
