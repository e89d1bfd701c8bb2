#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=10
"""Is the log on the screen: on UEFI's framebuffer, on one that GRUB set up on BIOS, as VGA text?

The machine has no module for domain 0, so the hypervisor says so and stops; the screen's pixels are
read back as characters by the hypervisor's own font.
"""
import os
import re

from lib import dom0
from lib.dom0 import iso, machine

CELL_ROWS, CELL_TOP, COLUMNS = 16, 1, 8
WHY = 'Hospes cannot start (boot modules): no module for domain 0'
BANNER = 'a hypervisor with the Xen 4.17 ABI'


def font():
    """{rows of a glyph: its character}"""
    with open(os.path.join(dom0.TOP, 'hv', 'drivers', 'font.c'), encoding='utf-8') as f:
        rows = re.findall(r'^    \{ (.*) \}, /\*', f.read(), re.M)
    return {bytes(int(b, 16) for b in row.split(', ')): chr(32 + i) for i, row in enumerate(rows)}


def read_screen(m, folder):
    """The text on the screen, line by line; what is no glyph is a '?'."""
    path, glyphs = os.path.join(folder, 'screen.ppm'), font()
    m.qmp('screendump', filename=path)
    with open(path, 'rb') as f:
        _, size, _, pixels = f.read().split(b'\n', 3)
    width, height = map(int, size.split())
    print(f'screen of {width}x{height}')
    lines = []
    for top in range(CELL_TOP, height - CELL_ROWS + 1, CELL_ROWS):
        line = ''
        for left in range(0, width - COLUMNS + 1, COLUMNS):
            glyph = bytes(sum((pixels[((top + y) * width + left + x) * 3 + 1] > 64) << (7 - x)
                              for x in range(COLUMNS)) for y in range(13))
            line += glyphs.get(glyph, '?')
        lines.append(line)
    return lines


def read_text_mode(m, folder):
    path = os.path.join(folder, 'screen.txt')
    m.qmp('pmemsave', val=0xb8000, size=80 * 25 * 2, filename=path)
    with open(path, 'rb') as f:
        text = f.read()[::2].decode('latin-1')
    return [text[i:i + 80] for i in range(0, len(text), 80)]


def case(env, what, firmware, mode, read, options='console=vga'):
    image = os.path.join(env.folder, 'screen.iso')
    iso.hypervisor_iso(image, env.hypervisor, f'{options} com1=115200,8n1', mode=mode)
    with machine.qemu(iso=image, mem=512, firmware=firmware, log=env.log()) as m:
        # It says it on the serial line, too, whatever the console is.
        m.wait(re.escape(WHY), 40)
        text = ''.join(read(m, env.folder))
    dom0.check(WHY in text, f'{what}: the screen does not tell why it stops')
    dom0.check(BANNER in text or 'vga' not in options, f'{what}: no banner on the screen')
    dom0.check(text.count('?') < 5, f'{what}: {text.count("?")} characters on it are no glyphs')
    print(f'{what}: {text[:80].strip()}')


def test(env):
    case(env, 'UEFI', 'uefi', None, read_screen)
    case(env, 'BIOS, 32 bits a pixel', 'bios', '1024x768x32', read_screen)
    case(env, 'BIOS, 16 bits a pixel', 'bios', '800x600x16', read_screen)
    case(env, 'BIOS, text mode', 'bios', None, read_text_mode)
    case(env, 'BIOS, not a console', 'bios', '800x600x32', read_screen, 'console=none')


dom0.main(test)
