#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=8
"""By the page tables in use: is every stack guarded by a page that is not mapped, nothing both
writable and executable, code read-only, data not executable, and nothing of it open to guests?

Reads them through QEMU's monitor while domain 0 runs; where things lie is in hv/layout.h and
hv/current.h, and in the symbols of hospes.elf.
"""
import os
import re
import socket
import subprocess

from lib import dom0

CPUS = 2
PAGE = 4096
FIRST, LAST = 0xffff808000000000, 0xffff880000000000    # behind the M2P, which guests may read
STACKS, STACK_PAGES = 0xffff818040000000, 16
STACK_USED = {1, 3, 5, 7, *range(9, 16)}                 # #DF, NMI, #MC, #DB, primary
IMAGE, IMAGE_END = 0xffff818000000000, 0xffff818040000000


def monitor(path, command):
    """What QEMU's monitor answers."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(30)
        s.connect(path)
        s.sendall(f'{command}\n'.encode())
        text = ''
        while text.count('(qemu) ') < 2:
            text += s.recv(1 << 20).decode()
    return text


def mappings(text):
    """{address: flags} of the hypervisor's own space, by 4 KiB or large page."""
    found = re.findall(r'^([0-9a-f]{16}): [0-9a-f]{16} (\S{9})\r?$', text, re.M)
    return {a: flags for a, flags in ((int(a, 16), flags) for a, flags in found)
            if FIRST <= a < LAST}


def symbols(env):
    elf = os.path.join(env.build, 'hospes.elf')
    if not os.path.exists(elf):
        raise dom0.Skipped(f'{elf} is missing: not a hypervisor built here')
    done = subprocess.run(['nm', elf], capture_output=True, text=True, check=True)
    return {name: int(value, 16) for value, _, name in
            (row.split() for row in done.stdout.split('\n') if len(row.split()) == 3)}


def test(env):
    sym = symbols(env)
    path = os.path.join(env.folder, 'monitor')
    guest = os.path.join(env.build, 'tests', 'guests', 'console-input.elf')
    with dom0.machine.qemu(kernel=env.plain_hypervisor(), cpus=CPUS, mem=256, log=env.log(),
                           append='com1=115200,8n1 console=com1 dom0_mem=64M',
                           modules=[f'{guest} echo=1'],
                           extra=['-monitor', f'unix:{path},server=on,wait=off']) as m:
        m.wait('^echo is ready', 30, 'Panic|Verdict')
        pages = mappings(monitor(path, 'info tlb'))
    print(f'{len(pages)} mappings')
    dom0.check(len(pages) > 100, f'only {len(pages)} mappings of the hypervisor were found')

    for cpu in range(CPUS):
        for page in range(STACK_PAGES):
            mapped = STACKS + (cpu * STACK_PAGES + page) * PAGE in pages
            dom0.check(mapped == (page in STACK_USED),
                       f'CPU {cpu}, page {page} of the stacks is{"" if mapped else " not"} mapped')
    last = STACKS + CPUS * STACK_PAGES * PAGE
    dom0.check(last not in pages, 'something is mapped behind the last stack')

    for address, flags in pages.items():
        nx, user, writable = 'X' in flags, 'U' in flags, 'W' in flags
        dom0.check(nx or not writable, f'{address:x} is writable and executable ({flags})')
        dom0.check(not user, f'{address:x} is open to user mode ({flags})')
    image = {a: f for a, f in pages.items() if IMAGE <= a < IMAGE_END}
    for name, executable, writable in (('text', True, False), ('rodata', False, False)):
        for address in range(sym[f'{name}_start'], sym[f'{name}_end'], PAGE):
            flags = image.get(address, '')
            dom0.check(flags and ('X' not in flags) == executable and ('W' in flags) == writable,
                       f'{name} at {address:x} is {flags or "not mapped"}')
    for address in range(sym['data_start'], sym['hv_end'], PAGE):
        dom0.check('X' in image.get(address, 'X'), f'data at {address:x} is executable')
    for address in range(sym['init_start'], sym['init_end'], PAGE):
        dom0.check(address not in image, f'boot-only code or data at {address:x} is still mapped')
    for cpu in range(CPUS):     # their SYSCALL stub, then tables, then a guard, then data
        base = 0xffff818060000000 + cpu * (2 << 20)
        dom0.check('X' not in pages.get(base, 'X'), f'CPU {cpu}: no executable SYSCALL stub')
        dom0.check(base + 4 * PAGE not in pages, f'CPU {cpu}: no guard before the per-CPU data')


dom0.main(test)
