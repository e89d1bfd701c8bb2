#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Write a fuzzer's first inputs into a folder, where they are not text in tests/fuzz/corpus.

    seeds.py NAME FOLDER

kernel: a small ELF with Xen notes, plain and in each compression, alone and in a bzImage; rings: a
few steps of each kind; emul: instructions of each kind.
"""
import gzip
import lzma
import os
import shutil
import struct
import subprocess
import sys

BASE = 0xffffffff81000000
NOTES = [(6, b'linux\0'), (7, b'2.6\0'), (5, b'xen-3.0\0'), (3, struct.pack('<Q', 0xffffffff80000000)),
         (1, struct.pack('<Q', BASE)), (2, struct.pack('<Q', BASE + 4096)),
         (15, struct.pack('<Q', 0x8000000000)), (10, b'!writable_page_tables|pae_pgdir_above_4gb\0'),
         (9, b'yes\0'), (8, b'generic\0'), (13, struct.pack('<QQ', 1, 1)), (16, struct.pack('<I', 1)),
         (12, struct.pack('<Q', 0xffff800000000000)), (4, struct.pack('<Q', 0))]


def _note(kind, data):
    head = struct.pack('<III', 4, len(data), kind) + b'Xen\0'
    return head + data + bytes(-len(data) % 4)


def elf():
    """An ELF of one loaded segment of two pages, and its notes."""
    notes = b''.join(_note(k, d) for k, d in NOTES)
    code = b'\xf4' * 64 + bytes(8192 - 64)
    start = 64 + 2 * 56
    head = b'\x7fELF\x02\x01\x01' + bytes(9) + struct.pack(
        '<HHIQQQIHHHHHH', 2, 62, 1, BASE, 64, 0, 0, 64, 56, 2, 64, 0, 0)
    load = struct.pack('<IIQQQQQQ', 1, 7, start, BASE, 0x1000000, len(code), len(code) + 4096, 4096)
    note = struct.pack('<IIQQQQQQ', 4, 4, start + len(code), 0, 0, len(notes), len(notes), 4)
    return head + load + note + code + notes


def bzimage(payload):
    """A bzImage (boot protocol 2.8) around a payload."""
    image = bytearray(1024 + 64)
    image[0x1f1] = 1
    image[0x1fe:0x200] = b'\x55\xaa'
    image[0x202:0x206] = b'HdrS'
    struct.pack_into('<H', image, 0x206, 0x020f)
    struct.pack_into('<II', image, 0x248, 64, len(payload))
    return bytes(image) + payload


def _by_program(command, data):
    if not shutil.which(command[0]):
        return None
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def kernel():
    plain = elf()
    packed = {'elf': plain, 'gz': gzip.compress(plain, mtime=0),
              'xz': lzma.compress(plain, check=lzma.CHECK_CRC32),
              'xz-x86': lzma.compress(plain, check=lzma.CHECK_CRC32, filters=[
                  {'id': lzma.FILTER_X86}, {'id': lzma.FILTER_LZMA2, 'dict_size': 1 << 16}]),
              'lzma': lzma.compress(plain, format=lzma.FORMAT_ALONE),
              'zst': _by_program(['zstd', '-q', '-c'], plain),
              'lz4': _by_program(['lz4', '-l', '-q', '-c'], plain)}
    packed = {name: data for name, data in packed.items() if data}
    size = struct.pack('<I', len(plain))
    return {**packed, **{f'bz-{n}': bzimage(d + (b'' if n in ('elf', 'gz') else size))
                         for n, d in packed.items()}}


def rings():
    out = {'console': b'\x01' + b'\x85\x00hello' + b'\x00' + b'\x03\x05\0\0\0' + b'\x10' +
           b'\x02\xff\xff\xff\xff' + b'\x00'}
    values = b'\x02' + b'51712\0\0' + b'51728\0\0' + b'\x09/dev/null' + b'\x01w'
    out.update({f'store-{n}': b'\x00' + bytes([n]) + values for n in range(7)})
    return out


def emul():
    """The mode, four registers, and an instruction of each kind: move, REP string, locked, VEX."""
    code = {'move': '8b03', 'movs': 'f3a4', 'cmpxchg': 'f00fb10b', 'vmov': 'c5fa6f03',
            'far': 'ff2b', 'port': 'e640', 'call': 'e800000000', 'imm': '48b8' + '11' * 8}
    registers = struct.pack('<4Q', 1, 0x1000, 0x2000, 4)
    return {f'{name}-{mode}': bytes([mode]) + registers + bytes.fromhex(text).ljust(16, b'\x90')
            for name, text in code.items() for mode in range(4)}


INPUTS = {'kernel': kernel, 'rings': rings, 'emul': emul}


def main(args):
    if len(args) != 2 or args[0] not in INPUTS:
        sys.exit(__doc__)
    os.makedirs(args[1], exist_ok=True)
    for name, data in INPUTS[args[0]]().items():
        with open(os.path.join(args[1], name), 'wb') as file:
            file.write(data)


if __name__ == '__main__':
    main(sys.argv[1:])
