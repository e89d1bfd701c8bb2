#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Take the ELF kernel out of a bzImage: it boots quicker where unpacking is slow (Bochs).

    vmlinux.py BZIMAGE OUTPUT

Limits: XZ and gzip payloads, which Debian's amd64 kernels have had; the file is not changed.
"""
import lzma
import os
import struct
import sys
import zlib

# Offsets in the setup header, from Linux's boot protocol document.
SETUP_SECTORS, MAGIC, PAYLOAD = 0x1f1, 0x202, 0x248
DECODERS = {
    b'\xfd7zXZ\0': lzma.LZMADecompressor,
    b'\x1f\x8b': lambda: zlib.decompressobj(wbits=31),
}


class KernelError(Exception):
    """The file is not a kernel that can be unpacked; str() says why."""


def extract(image):
    """The ELF file in the bytes of a bzImage."""
    if len(image) < PAYLOAD + 8 or image[MAGIC:MAGIC + 4] != b'HdrS':
        raise KernelError('not a bzImage')
    offset, length = struct.unpack_from('<II', image, PAYLOAD)
    start = (image[SETUP_SECTORS] + 1) * 512 + offset
    payload = image[start:start + length]
    for magic, decoder in DECODERS.items():
        if payload.startswith(magic):
            # The last four bytes are the unpacked size, no part of the stream.
            elf = decoder().decompress(payload)
            if not elf.startswith(b'\x7fELF'):
                raise KernelError('its payload holds no ELF file')
            return elf
    raise KernelError(f'payload with the unknown magic {payload[:6].hex()}')


def main(args):
    if len(args) != 2:
        sys.exit(__doc__)
    with open(args[0], 'rb') as f:
        elf = extract(f.read())
    partial = f'{args[1]}.{os.getpid()}'
    with open(partial, 'wb') as f:
        f.write(elf)
    os.rename(partial, args[1])


if __name__ == '__main__':
    try:
        main(sys.argv[1:])
    except (KernelError, OSError, lzma.LZMAError, zlib.error) as error:
        sys.exit(f'vmlinux: failed: {error}')
