/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Lengths of the instructions that make exits by what they are, for CPUs that don't say: prefixes,
 * then an opcode that follows from the exit. What looks different (the guest changed its code
 * since, or is hostile) is given to the instruction emulator.
 */
#include <hv/lib.h>
#include "hvm_priv.h"

#define INSN_MAX 15

static const struct { uint8_t reason, len, bytes[3]; } opcodes[] = {
    { VMEXIT_CPUID, 2, { 0x0f, 0xa2 } },
    { VMEXIT_HLT, 1, { 0xf4 } },
    { VMEXIT_PAUSE, 1, { 0x90 } },
    { VMEXIT_RDTSC, 2, { 0x0f, 0x31 } },
    { VMEXIT_RDTSCP, 3, { 0x0f, 0x01, 0xf9 } },
    /* An emulator of the machine reports RDTSCP as RDTSC. */
    { VMEXIT_RDTSC, 3, { 0x0f, 0x01, 0xf9 } },
    { VMEXIT_RDPMC, 2, { 0x0f, 0x33 } },
    { VMEXIT_INVD, 2, { 0x0f, 0x08 } },
    { VMEXIT_WBINVD, 2, { 0x0f, 0x09 } },
    { VMEXIT_XSETBV, 3, { 0x0f, 0x01, 0xd1 } },
    { VMEXIT_MSR_READ, 2, { 0x0f, 0x32 } },
    { VMEXIT_MSR_WRITE, 2, { 0x0f, 0x30 } },
    { VMEXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xd9 } },
    { VMEXIT_HYPERCALL, 3, { 0x0f, 0x01, 0xc1 } },
};

static bool is_prefix(uint8_t b, bool long_mode)
{
    static const uint8_t prefixes[] = { 0x26, 0x2e, 0x36, 0x3e, 0x64,
                                        0x65, 0x66, 0x67, 0xf2, 0xf3 };

    return memchr(prefixes, b, sizeof(prefixes)) || (long_mode && (b & 0xf0) == 0x40);
}

/* The length by the opcode that is expected, 0 if it isn't there. */
static unsigned int expected_length(const struct vm_exit *e, const uint8_t *insn, unsigned int n,
                                    bool long_mode)
{
    unsigned int at = 0;

    while (at < n && is_prefix(insn[at], long_mode))
        at++;
    for (unsigned int i = 0; i < ARRAY_SIZE(opcodes); i++)
        if (opcodes[i].reason == e->reason && at + opcodes[i].len <= n &&
            !memcmp(insn + at, opcodes[i].bytes, opcodes[i].len))
            return at + opcodes[i].len;
    return 0;
}

unsigned int hvm_exit_insn(struct vcpu *v, uint8_t *insn)
{
    const struct vm_exit *e = &hvm_vcpu(v)->exit;

    if (e->nr_insn) {
        memcpy(insn, e->insn, e->nr_insn);
        return e->nr_insn;
    }
    return hvm_fetch(v, insn, INSN_MAX);
}

unsigned int hvm_insn_length(struct vcpu *v)
{
    struct vm_exit *e = &hvm_vcpu(v)->exit;
    uint8_t insn[INSN_MAX];

    if (!e->insn_len)
        e->insn_len = (uint8_t)expected_length(e, insn, hvm_exit_insn(v, insn),
                                               hvm_code_size(v) == 8);
    if (!e->insn_len)
        e->insn_len = (uint8_t)hvm_decoded_length(v);
    return e->insn_len;
}
