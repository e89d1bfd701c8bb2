/* SPDX-License-Identifier: BSD-2-Clause */
/* How rows of the opcode maps are written: mnemonic, executor, operands, flags. */
#ifndef EMUL_ROWS_H
#define EMUL_ROWS_H

#define EXEC(fn) emul_##fn

#define R0(n, fn, f) { .name = #n, .exec = EXEC(fn), .flags = (f) }
#define R1(n, fn, a, f) { .name = #n, .exec = EXEC(fn), .op = { a }, .flags = (f) }
#define R2(n, fn, a, b, f) { .name = #n, .exec = EXEC(fn), .op = { a, b }, .flags = (f) }
#define R3(n, fn, a, b, c, f) { .name = #n, .exec = EXEC(fn), .op = { a, b, c }, .flags = (f) }
/* A group of further rows. */
#define G(kind, rows) { .name = "group", .sub = (rows), .group = (kind) }
/* One that VEX prefixes reach, too. */
#define GV(kind, rows) { .name = "group", .sub = (rows), .group = (kind), .flags = F_VEX }
/* Known by length only: without ModRM, with it, and with one or two immediate bytes. */
#define LEN(n) { .name = #n, .flags = F_LEN }
#define LEN_MODRM(n) { .name = #n, .flags = F_LEN | F_MODRM }
#define LEN_MODRM_IMM8(n) { .name = #n, .flags = F_LEN | F_MODRM | F_IMM8 }
#define LEN_IMM8_IMM8(n)                                                                           \
    { .name = #n, .op = { O_NONE, Ib }, .flags = F_LEN | F_MODRM | F_IMM8 }
/* Undefined. */
#define UD { .name = "ud", .flags = F_UD }

#endif
