/* SPDX-License-Identifier: BSD-2-Clause */
/* The image as data of a 32-bit ELF; its first byte is the entry point (head.S). */
    .section .image, "awx"
    .globl image_entry
image_entry:
    .incbin "hospes.bin"
    .section .note.GNU-stack, "", @progbits
