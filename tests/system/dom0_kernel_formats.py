#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
# test: cost=40
"""Does the stock kernel start from each kind of payload a bzImage may have, and as a packed ELF?

The same kernel is packed anew by the host's tools. It has come far enough when it has found its
initramfs, which is the last thing that depends on how it was loaded.
"""
import gzip
import lzma
import os
import struct
import subprocess

from lib import dom0
import iso              # in sys.path by lib.dom0
import vmlinux


def tool(*command):
    def run(data):
        return subprocess.run(command, input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=True).stdout
    return run


def with_length(pack):
    """Formats that don't end in the length have it behind, in four bytes."""
    return lambda data: pack(data) + struct.pack('<I', len(data))


FORMATS = {
    'gzip': lambda data: gzip.compress(data, 1),
    'lzma': with_length(lambda data: lzma.compress(data, lzma.FORMAT_ALONE, preset=0)),
    'lz4': with_length(tool('lz4', '-l', '-1', '-c')),
    'zstd': with_length(tool('zstd', '-1', '-c')),
}


def repack(image, payload):
    """The bzImage with another payload."""
    offset, _ = struct.unpack_from('<II', image, vmlinux.PAYLOAD)
    start = (image[vmlinux.SETUP_SECTORS] + 1) * 512 + offset
    head = bytearray(image[:start])
    struct.pack_into('<I', head, vmlinux.PAYLOAD + 4, len(payload))
    return bytes(head) + payload


def boots(env, what, data):
    kernel = os.path.join(env.folder, 'kernel')
    with open(kernel, 'wb') as f:
        f.write(data)
    image = os.path.join(env.folder, 'boot.iso')
    iso.hypervisor_iso(image, env.hypervisor, 'com1=115200,8n1 console=com1 loglvl=all',
                       [(kernel, 'console=hvc0'), (env.initrd, '')])
    with dom0.machine.qemu(iso=image, mem=768, log=env.log()) as m:
        env.wait(m, 'Linux version 6', 60)
        env.wait(m, 'Trying to unpack rootfs image', 60)
        print(f'{what}: {len(data) >> 10} KiB, {m.seconds():.1f} s')


def test(env):
    with open(env.kernel, 'rb') as f:
        image = f.read()
    elf = vmlinux.extract(image)
    for name, pack in FORMATS.items():
        boots(env, name, repack(image, pack(elf)))
    boots(env, 'packed ELF', gzip.compress(elf, 1))


dom0.main(test)
