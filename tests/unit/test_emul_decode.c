/* SPDX-License-Identifier: BSD-2-Clause */
/* Lengths of instructions: a list of encodings with their lengths by the manuals, and what holds of
 * every opcode of every map. */
/* sources: hv/emul/decode.c hv/emul/fetch.c hv/emul/map_one.c hv/emul/map_0f.c hv/emul/emul.c */
/* sources: hv/emul/operand.c hv/emul/segment.c hv/emul/far.c hv/emul/event.c hv/emul/task.c */
/* sources: hv/emul/exec_alu.c hv/emul/exec_bmi.c hv/emul/exec_move.c hv/emul/exec_branch.c */
/* sources: hv/emul/exec_string.c hv/emul/exec_system.c hv/emul/exec_vector.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <hv/emul.h>
#include <hv/processor.h>

#define UNDEFINED (-1)
static const unsigned int widths[3] = { 16, 32, 64 };

struct encoding {
    const char *bytes;
    int len16, len32, len64;
};

#define REST "\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc\xcc"
#define SAME(bytes, len) { bytes REST, len, len, len }
#define DIFF(bytes, a, b, c) { bytes REST, a, b, c }
#define NO UNDEFINED
static const struct encoding encodings[] = {
    /* one byte, prefixes */
    SAME("\x90", 1), SAME("\xf3\x90", 2), SAME("\xc3", 1), SAME("\xc2\x34\x12", 3),
    SAME("\xf0\x66\x01\x03", 4), SAME("\x2e\x36\x64\x8b\x03", 5), SAME("\xcf", 1),
    DIFF("\x40", 1, 1, 2 /* REX, then the next byte */), DIFF("\x06", 1, 1, NO),
    DIFF("\x48\x89\xe5", 1, 1, 3), DIFF("\x48\x66\x89\xe5", 1, 1, 4),
    /* immediates and the operand size */
    DIFF("\x05\x11\x22\x33\x44", 3, 5, 5), DIFF("\x66\x05\x11\x22\x33\x44", 6, 4, 4),
    DIFF("\x48\x05\x11\x22\x33\x44", 1, 1, 6), DIFF("\xb8\x11\x22\x33\x44", 3, 5, 5),
    DIFF("\x48\xb8\x11\x22\x33\x44\x55\x66\x77\x88", 1, 1, 10), SAME("\xb0\x11", 2),
    DIFF("\x68\x11\x22\x33\x44", 3, 5, 5), SAME("\x6a\x11", 2),
    DIFF("\x66\x68\x11\x22\x33\x44", 6, 4, 4),
    DIFF("\xe8\x11\x22\x33\x44", 3, 5, 5), DIFF("\x0f\x84\x11\x22\x33\x44", 4, 6, 6),
    DIFF("\x9a\x11\x22\x33\x44\x55\x66", 5, 7, NO), SAME("\xc8\x10\x00\x01", 4),
    DIFF("\xa1\x11\x22\x33\x44\x55\x66\x77\x88", 3, 5, 9),
    DIFF("\x67\xa1\x11\x22\x33\x44\x55\x66\x77\x88", 6, 4, 6),
    DIFF("\xf7\x00\x11\x22\x33\x44", 4, 6, 6), SAME("\xf7\x18", 2), SAME("\xf6\x00\x11", 3),
    DIFF("\x69\xc1\x11\x22\x33\x44", 4, 6, 6), SAME("\x6b\xc1\x11", 3), SAME("\xcd\x80", 2),
    /* ModRM, SIB, displacements */
    DIFF("\x8b\x05\x11\x22\x33\x44", 2, 6, 6), DIFF("\x8b\x06\x11\x22", 4, 2, 2),
    DIFF("\x67\x8b\x05\x11\x22\x33\x44", 7, 3, 7), SAME("\x8b\x45\x11", 3),
    DIFF("\x8b\x85\x11\x22\x33\x44", 4, 6, 6), DIFF("\x8b\x04\x25\x11\x22\x33\x44", 2, 7, 7),
    DIFF("\x8b\x44\x8d\x11", 3, 4, 4), DIFF("\x8b\x84\x8d\x11\x22\x33\x44", 4, 7, 7),
    DIFF("\x41\x8b\x45\x11", 1, 1, 4), DIFF("\x42\x8b\x04\x25\x11\x22\x33\x44", 1, 1, 8),
    DIFF("\x8d\x04\x24", 2, 3, 3), SAME("\x8b\xc4", 2), SAME("\xff\x10", 2),
    DIFF("\xc7\x05\x11\x22\x33\x44\x55\x66\x77\x88", 4, 10, 10),
    DIFF("\x66\x67\xc7\x05\x11\x22\x33\x44\x55\x66\x77\x88", 12, 6, 10),
    /* what 64-bit code lost and gained */
    DIFF("\x63\xc1", 2, 2, 2), DIFF("\xd4\x0a", 2, 2, NO), DIFF("\x62\x00", 2, 2, NO),
    DIFF("\xea\x11\x22\x33\x44\x55\x66", 5, 7, NO), DIFF("\xc4\x00", 2, 2, NO),
    DIFF("\x60", 1, 1, NO),
    /* two- and three-byte maps */
    SAME("\x0f\xa2", 2), SAME("\x0f\x05", 2), SAME("\x0f\x20\xc0", 3), SAME("\x0f\x22\x04", 3),
    SAME("\x0f\x01\xd9", 3), SAME("\x0f\x01\xc1", 3), SAME("\x0f\x01\xf9", 3), SAME("\x0f\x30", 2),
    SAME("\x0f\xba\xe0\x11", 4), SAME("\x0f\xa4\xc1\x11", 4), SAME("\x0f\xa5\xc1", 3),
    SAME("\x0f\x70\xc1\x11", 4), SAME("\x0f\xc6\xc1\x11", 4), SAME("\x0f\x58\xc1", 3),
    SAME("\x0f\x77", 2), SAME("\x0f\x0f\xc1\xb4", 4), SAME("\x66\x0f\x78\xc1\x11\x22", 6),
    SAME("\x0f\x38\xf0\x00", 4), SAME("\x66\x0f\x3a\x0f\xc1\x11", 6), SAME("\x0f\x38\x00\xc1", 4),
    SAME("\xf3\x0f\xb8\xc1", 4), SAME("\x0f\xae\xf8", 3), SAME("\xf3\x0f\xae\xc0", 4),
    SAME("\x0f\x1f\x40\x00", 4), SAME("\x0f\xc7\x08", 3), SAME("\x0f\xff\xc0", 3),
    SAME("\xd9\xc9", 2),
    SAME("\x0f\x0b", 2), SAME("\x0f\xc8", 2), SAME("\x0f\x00\xd8", 3), SAME("\x0f\x01\x38", 3),
    /* VEX, EVEX, XOP */
    SAME("\xc5\xf8\x28\xc1", 4), SAME("\xc4\xe2\x78\xf2\xc1", 5),
    SAME("\xc4\xe3\x7b\xf0\xc1\x11", 6),
    DIFF("\xc5\xfd\x6f\x05\x11\x22\x33\x44", 4, 8, 8), SAME("\xc5\xf8\x77", 3),
    SAME("\xc5\xf9\x70\xc1\x11", 5), SAME("\xc4\xe3\x75\x06\xc1\x20", 6),
    SAME("\x62\xf1\x7c\x48\x28\xc1", 6), SAME("\x62\xf1\x7c\x48\x28\x40\x01", 7),
    DIFF("\x62\xf1\x7c\x48\x28\x80\x11\x22\x33\x44", 8, 10, 10),
    SAME("\x62\xf3\x75\x48\x25\xc2\x11", 7), SAME("\x62\xf5\x7c\x48\x58\xc1", 6),
    SAME("\x8f\xe9\x78\xe1\xc1", 5), SAME("\x8f\xe8\x78\xc0\xc1\x11", 6),
    SAME("\x8f\xea\x78\x10\xc1\x11\x22\x33\x44", 9), SAME("\x8f\x00", 2),
    SAME("\x66\xc5\xf8\x28\xc1", NO), DIFF("\x48\xc5\xf8\x28\xc1", 1, 1, NO),
    /* undefined */
    SAME("\x0f\x04", NO), SAME("\x0f\xff\xff", 3), SAME("\xff\xf8", NO), SAME("\xfe\xd0", NO),
    SAME("\x8f\xd0", NO), SAME("\x0f\x00\xf0", NO), SAME("\xc6\xc8", NO), SAME("\x0f\xba\xc0", NO),
};

static void known_encodings(void **state)
{
    for (size_t i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++) {
        const struct encoding *e = &encodings[i];
        const int want[3] = { e->len16, e->len32, e->len64 };

        for (int w = 0; w < 3; w++) {
            int got = emul_length_of((const uint8_t *)e->bytes, 15, widths[w]);

            if (got != want[w])
                fail_msg("encoding %zu (%02x %02x %02x), %u bits: %d, not %d", i,
                         (uint8_t)e->bytes[0], (uint8_t)e->bytes[1], (uint8_t)e->bytes[2],
                         widths[w], got, want[w]);
        }
    }
}

/* What was cut off asks for more, and one more byte is enough only at the length. */
static void check_prefixes_of(const uint8_t *bytes, unsigned int bits)
{
    int len = emul_length_of(bytes, 15, bits);

    assert_in_range(len + 1, 0, 16);
    for (int n = 0; n < len; n++)
        assert_int_equal(emul_length_of(bytes, (unsigned int)n, bits), 0);
    for (int n = len; n > 0 && n <= 15; n++)
        assert_int_equal(emul_length_of(bytes, (unsigned int)n, bits), len);
}

static void every_opcode_has_one_length(void **state)
{
    static const char *const lead[] = { "", "\x0f", "\x0f\x38", "\x0f\x3a", "\xc5\xf9",
    "\xc4\xe1\x7a",
                                        "\xc4\xe2\x79", "\xc4\xe3\x7b", "\x62\xf1\x7c\x48",
                                        "\x8f\xe8\x78", "\x66", "\xf3\x0f", "\x67",
                                        "\x66\x67\x48" };
    uint8_t b[16];

    for (size_t l = 0; l < sizeof(lead) / sizeof(lead[0]); l++)
        for (unsigned int op = 0; op < 256; op++)
            for (unsigned int modrm = 0; modrm < 256; modrm += 5)
                for (int w = 0; w < 3; w++) {
                    size_t n = strlen(lead[l]);

                    memset(b, 0x24, sizeof(b));
                    memcpy(b, lead[l], n);
                    b[n] = (uint8_t)op;
                    b[n + 1] = (uint8_t)modrm;
                    check_prefixes_of(b, widths[w]);
                }
}

static void fifteen_bytes_at_most(void **state)
{
    uint8_t b[17];

    memset(b, 0x66, sizeof(b));
    b[14] = 0x90;
    assert_int_equal(emul_length_of(b, 15, 64), 15);
    b[14] = 0x66;
    b[15] = 0x90;
    assert_int_equal(emul_length_of(b, 16, 64), UNDEFINED);
    assert_int_equal(emul_length_of(b, 14, 64), 0);
}

/* --- through the context --- */

static uint8_t memory[0x3000];
static uint64_t present_end;

static int fetch(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes)
{
    assert_true(addr / 4096 == (addr + bytes - 1) / 4096);
    if (addr > present_end || addr + bytes > present_end)
        return emul_set_page_fault(c, addr, 0x10);
    memcpy(buf, memory + addr, bytes);
    return EMUL_OK;
}

static const struct emul_ops ops = { .fetch = fetch };

static int length_at(uint64_t base, uint64_t rip, uint32_t limit, bool long_mode,
                     struct emul_ctxt *c)
{
    static struct cpu_user_regs regs;

    regs.rip = rip;
    *c = (struct emul_ctxt){ .ops = &ops, .regs = &regs, .cr0 = X86_CR0_PE,
                             .efer = long_mode ? 0x500 : 0 };
    c->seg[X86_SEG_CS] = (struct x86_segment){
        .base = base, .limit = limit,
        .attr = SEG_P | SEG_S | SEG_CODE | (long_mode ? SEG_L : SEG_DB) };
    return emul_length(c);
}

static void fetching_stops_at_pages_and_limits(void **state)
{
    struct emul_ctxt c;

    memset(memory, 0x90, sizeof(memory));
    memcpy(memory + 0xffe, "\x8b\x05\x11\x22\x33\x44", 6);
    present_end = 0x2000;
    assert_int_equal(length_at(0, 0xffe, ~0U, false, &c), EMUL_OK);
    assert_int_equal(c.insn_len, 6);
    assert_int_equal(length_at(0x1000, ~0xfffULL + 0xffe, ~0U, true, &c), EMUL_EXCEPTION);
    /* The next page is only asked for if the instruction goes on there. */
    present_end = 0x1000;
    assert_int_equal(length_at(0, 0xffe, ~0U, false, &c), EMUL_EXCEPTION);
    assert_int_equal(c.fault.vector, X86_EXC_PF);
    assert_int_equal(c.fault.cr2, 0x1000);
    memory[0xfff] = 0xc0;
    assert_int_equal(length_at(0, 0xffe, ~0U, false, &c), EMUL_OK);
    assert_int_equal(c.insn_len, 2);
    /* The limit is that of the last byte. */
    assert_int_equal(length_at(0x800, 0x7fe, 0x7ff, false, &c), EMUL_OK);
    assert_int_equal(length_at(0x800, 0x7fe, 0x7fe, false, &c), EMUL_EXCEPTION);
    assert_int_equal(c.fault.vector, X86_EXC_GP);
    assert_true(c.fault.has_error);
    assert_int_equal(length_at(0, 0x800000000000, 0, true, &c), EMUL_EXCEPTION);
    assert_int_equal(c.fault.vector, X86_EXC_GP);
    assert_int_equal(length_at(0x800, 0x7fe, 0, true, &c), EMUL_OK); /* neither in 64-bit code */
}

static void undefined_is_reported(void **state)
{
    struct emul_ctxt c;

    memcpy(memory, "\x0f\x04", 2);
    present_end = 0x3000;
    assert_int_equal(length_at(0, 0, ~0U, false, &c), EMUL_EXCEPTION);
    assert_int_equal(c.fault.vector, X86_EXC_UD);
    assert_false(c.fault.has_error);
    assert_int_equal(c.insn_len, 0);
    memset(memory, 0x66, 64);
    assert_int_equal(length_at(0, 0, ~0U, false, &c), EMUL_EXCEPTION);
    assert_int_equal(c.fault.vector, X86_EXC_GP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_encodings),
        cmocka_unit_test(every_opcode_has_one_length),
        cmocka_unit_test(fifteen_bytes_at_most),
        cmocka_unit_test(fetching_stops_at_pages_and_limits),
        cmocka_unit_test(undefined_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
