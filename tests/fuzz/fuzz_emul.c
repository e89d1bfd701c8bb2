/* SPDX-License-Identifier: BSD-2-Clause */
/* Any bytes as an instruction, in any mode: decoded, and performed on a small machine. */
/* sources: hv/emul/decode.c hv/emul/fetch.c hv/emul/map_one.c hv/emul/map_0f.c hv/emul/emul.c */
/* sources: hv/emul/operand.c hv/emul/segment.c hv/emul/far.c hv/emul/event.c hv/emul/task.c */
/* sources: hv/emul/exec_alu.c hv/emul/exec_bmi.c hv/emul/exec_move.c hv/emul/exec_branch.c */
/* sources: hv/emul/exec_string.c hv/emul/exec_system.c hv/emul/exec_vector.c */
/* sources: tests/unit/emul_machine.c */
#include <stdlib.h>
#include <string.h>

#include "../unit/emul_machine.h"

#define CODE_MAX 24

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t memory[MEM_SIZE];

/* A length holds for the bytes that it names, however many follow. */
static void check_length(const uint8_t *code, unsigned int n, unsigned int bits)
{
    int len = emul_length_of(code, n, bits);

    if (len < -1 || len > EMUL_INSN_MAX)
        abort();
    if (len > 0 && (emul_length_of(code, (unsigned int)len, bits) != len ||
                    emul_length_of(code, (unsigned int)len - 1, bits) != 0))
        abort();
}

/* The first byte is the mode, eight bytes each of four registers, the rest the code. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct machine m = { .mem = memory };
    unsigned int n;
    int rc;

    if (size < 34)
        return 0;
    machine_reset(&m, data[0] % MODE_COUNT);
    memcpy(&m.r.rax, data + 1, 8);
    memcpy(&m.r.rbx, data + 9, 8);
    memcpy(&m.r.rsi, data + 17, 8);
    memcpy(&m.r.rdi, data + 25, 8);
    m.use_rep = data[0] & 0x80;
    n = size - 33 < CODE_MAX ? (unsigned int)(size - 33) : CODE_MAX;
    machine_put(&m, CODE_BASE, data + 33, n);
    check_length(data + 33, n, machine_bits(m.mode));
    rc = emul_instruction(&m.c);
    if (rc < EMUL_OK || rc > EMUL_UNHANDLEABLE || m.c.insn_len > EMUL_INSN_MAX)
        abort();
    return 0;
}
