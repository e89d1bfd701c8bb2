/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Arithmetic by the CPU's own instructions, so that every flag is what the hardware makes of it,
 * the undefined ones too. In and out: the six arithmetic flags in *flags; others are left alone.
 */
#ifndef EMUL_ALU_H
#define EMUL_ALU_H

#include <hv/processor.h>
#include <hv/types.h>

#define ALU_FLAGS                                                                                  \
    (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_OF)

/* Flags as SAHF wants them in AH, with OF in AL. The stack is not used: a red zone may be there. */
static inline uint32_t alu_pack(uint64_t flags)
{
    return (uint32_t)((flags & 0xd5) | 2) << 8 | !!(flags & X86_EFLAGS_OF);
}
static inline void alu_unpack(uint64_t *flags, uint32_t ax)
{
    *flags = (*flags & ~(uint64_t)ALU_FLAGS) | ((ax >> 8) & 0xd5) |
             (ax & 1 ? X86_EFLAGS_OF : 0);
}

#define ALU_ENTER "addb $0x7f, %%al\n\tsahf\n\t"
#define ALU_LEAVE "\n\tlahf\n\tseto %%al"

#define ALU_TWO(type, text)                                                                        \
    do {                                                                                           \
        type x = (type)a, y = (type)b;                                                             \
        __asm__(ALU_ENTER text " %[y], %[x]" ALU_LEAVE                                             \
                : [x] "+q"(x), "+a"(ax) : [y] "q"(y) : "cc");                                      \
        a = x;                                                                                     \
    } while (0)
#define ALU_DEFINE_TWO(name, insn)                                                                 \
    static uint64_t alu_##name(unsigned int bytes, uint64_t a, uint64_t b, uint64_t *flags)        \
    {                                                                                              \
        uint32_t ax = alu_pack(*flags);                                                            \
        switch (bytes) {                                                                           \
        case 1: ALU_TWO(uint8_t, insn "b"); break;                                                 \
        case 2: ALU_TWO(uint16_t, insn "w"); break;                                                \
        case 4: ALU_TWO(uint32_t, insn "l"); break;                                                \
        default: ALU_TWO(uint64_t, insn "q"); break;                                               \
        }                                                                                          \
        alu_unpack(flags, ax);                                                                     \
        return a;                                                                                  \
    }

#define ALU_ONE(type, text)                                                                        \
    do {                                                                                           \
        type x = (type)a;                                                                          \
        __asm__(ALU_ENTER text " %[x]" ALU_LEAVE : [x] "+q"(x), "+a"(ax) : : "cc");                \
        a = x;                                                                                     \
    } while (0)
#define ALU_DEFINE_ONE(name, insn)                                                                 \
    static uint64_t alu_##name(unsigned int bytes, uint64_t a, uint64_t *flags)                    \
    {                                                                                              \
        uint32_t ax = alu_pack(*flags);                                                            \
        switch (bytes) {                                                                           \
        case 1: ALU_ONE(uint8_t, insn "b"); break;                                                 \
        case 2: ALU_ONE(uint16_t, insn "w"); break;                                                \
        case 4: ALU_ONE(uint32_t, insn "l"); break;                                                \
        default: ALU_ONE(uint64_t, insn "q"); break;                                               \
        }                                                                                          \
        alu_unpack(flags, ax);                                                                     \
        return a;                                                                                  \
    }

#define ALU_SHIFT(type, text)                                                                      \
    do {                                                                                           \
        type x = (type)a;                                                                          \
        __asm__(ALU_ENTER text " %%cl, %[x]" ALU_LEAVE                                             \
                : [x] "+q"(x), "+a"(ax) : "c"(count) : "cc");                                      \
        a = x;                                                                                     \
    } while (0)
#define ALU_DEFINE_SHIFT(name, insn)                                                               \
    static uint64_t alu_##name(unsigned int bytes, uint64_t a, uint8_t count, uint64_t *flags)     \
    {                                                                                              \
        uint32_t ax = alu_pack(*flags);                                                            \
        switch (bytes) {                                                                           \
        case 1: ALU_SHIFT(uint8_t, insn "b"); break;                                               \
        case 2: ALU_SHIFT(uint16_t, insn "w"); break;                                              \
        case 4: ALU_SHIFT(uint32_t, insn "l"); break;                                              \
        default: ALU_SHIFT(uint64_t, insn "q"); break;                                             \
        }                                                                                          \
        alu_unpack(flags, ax);                                                                     \
        return a;                                                                                  \
    }

#define ALU_DOUBLE(type, text)                                                                     \
    do {                                                                                           \
        type x = (type)a, y = (type)b;                                                             \
        __asm__(ALU_ENTER text " %%cl, %[y], %[x]" ALU_LEAVE                                       \
                : [x] "+r"(x), "+a"(ax) : [y] "r"(y), "c"(count) : "cc");                          \
        a = x;                                                                                     \
    } while (0)
#define ALU_DEFINE_DOUBLE(name, insn)                                                              \
    static uint64_t alu_##name(unsigned int bytes, uint64_t a, uint64_t b, uint8_t count,          \
                               uint64_t *flags)                                                    \
    {                                                                                              \
        uint32_t ax = alu_pack(*flags);                                                            \
        switch (bytes) {                                                                           \
        case 2: ALU_DOUBLE(uint16_t, insn "w"); break;                                             \
        case 4: ALU_DOUBLE(uint32_t, insn "l"); break;                                             \
        default: ALU_DOUBLE(uint64_t, insn "q"); break;                                            \
        }                                                                                          \
        alu_unpack(flags, ax);                                                                     \
        return a;                                                                                  \
    }

#endif
