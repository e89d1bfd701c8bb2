/* SPDX-License-Identifier: BSD-2-Clause */
/* The log that outlives a reset: what the next run reads, whole, wrapped and damaged, and where it
   is put. A run is what one process would do between kept_log_open() and the reset. */
/* sources: hv/drivers/kept_log.c */
/* cflags: -DHV_UNIT_TEST */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/console.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/printk.h>

#define MIB (1ul << 20)
#define TEXT sizeof(((struct kept_block *)0)->text)

struct boot_info boot_info;
char *unit_directmap;
struct vcpu *unit_current;
unsigned int unit_cpu(void) { return 0; }

static char area[KEPT_LOG_SIZE] __attribute__((aligned(4096)));
static struct kept_block *const blocks = (struct kept_block *)area;
static char shown[2 * KEPT_LOG_SIZE], printed[2 * KEPT_LOG_SIZE];

bool console_lock(unsigned long *flags) { return false; }
void console_unlock(bool nested, unsigned long flags) { }
void console_copy_ring(void (*fn)(const char *s, size_t len)) { fn("early\n", 6); }

static paddr_t ram_end, reserved, refused;
uint64_t e820_type_of(paddr_t start, paddr_t end) { return end <= ram_end ? E820_RAM : 0; }
bool bootmem_reserve(paddr_t start, size_t bytes)
{
    if (start + bytes > ram_end || start == refused)
        return false;
    reserved = start;
    return true;
}

void printk(const char *fmt, ...)
{
    size_t n = strlen(printed);
    va_list args;

    va_start(args, fmt);
    vsnprintf(printed + n, sizeof(printed) - n, fmt, args);
    va_end(args);
    kept_log_write("what is printed is output, too\n", 31);
}

static void show(const char *s, size_t len) { strncat(shown, s, len); }
static void say(const char *s) { kept_log_write(s, strlen(s)); }

/* The next run begins; returns the blocks that were lost. */
static unsigned int next_run(bool expect_last)
{
    shown[0] = '\0';
    assert_int_equal(kept_log_open(area), expect_last);
    return kept_log_take_last(show);
}

static int setup(void **state)
{
    memset(area, 0xa5, sizeof(area));      /* RAM after power-on */
    memset(printed, 0, sizeof(printed));
    kept_log_discard();
    boot_info.e820.nr = 0;
    return 0;
}

static void ram_without_a_log_shows_none(void **state)
{
    assert_int_equal(next_run(false), 0);
    assert_string_equal(shown, "");
}

static void next_run_reads_what_was_written(void **state)
{
    next_run(false);
    say("Hospes\n");
    say("Panic");
    assert_int_equal(next_run(true), 0);
    assert_string_equal(shown, "Hospes\nPanic");
    say("second");
    assert_int_equal(next_run(true), 0);
    assert_string_equal(shown, "second");
    next_run(true);
    assert_string_equal(shown, "");        /* a run that said nothing */
}

static void orderly_end_leaves_nothing(void **state)
{
    next_run(false);
    say("text");
    kept_log_discard();
    say("more");
    next_run(false);
    assert_string_equal(shown, "");
}

static char letter(size_t i) { return (char)('a' + i * 7 / 5 % 26); }

static void write_letters(size_t from, size_t to, size_t piece)
{
    char text[300];

    for (size_t i = from, n; i < to; i += n) {
        n = MIN(piece, to - i);
        for (size_t k = 0; k < n; k++)
            text[k] = letter(i + k);
        kept_log_write(text, n);
    }
}

static void newest_text_stays_when_it_wraps(void **state)
{
    size_t total = 3 * KEPT_HALF_BLOCKS * TEXT + 1000;
    size_t len, first;

    for (size_t piece = 1; piece <= 299; piece += 149) {
        next_run(piece > 1);
        write_letters(0, total, piece);
        assert_int_equal(next_run(true), 0);
        len = strlen(shown);
        assert_in_range(len, (KEPT_HALF_BLOCKS - 1) * TEXT, KEPT_HALF_BLOCKS * TEXT);
        first = total - len;
        for (size_t i = 0; i < len; i++)
            assert_int_equal(shown[i], letter(first + i));
    }
}

/* At every moment a reset finds all that was written before. */
static void each_write_is_complete(void **state)
{
    bool last = false;

    for (size_t n = 1; n < 2 * TEXT + 3; n += 17) {
        next_run(last);
        write_letters(0, n, 13);
        assert_int_equal(next_run(true), 0);
        assert_int_equal(strlen(shown), n);
        last = true;
    }
}

static struct kept_block *block_with(const char *text)
{
    for (unsigned int i = 0; i < 2 * KEPT_HALF_BLOCKS; i++)
        if (blocks[i].len < TEXT && !strncmp(blocks[i].text, text, strlen(text)))
            return &blocks[i];
    fail();
    return NULL;
}

static void damage_costs_its_block_only(void **state)
{
    next_run(false);
    say("one ");
    kept_log_next_block();
    say("two ");
    kept_log_next_block();
    say("three");
    block_with("two ")->text[1] ^= 1;
    assert_int_equal(next_run(true), 1);
    assert_string_equal(shown, "one three");
}

static void every_bit_is_checked(void **state)
{
    for (unsigned int bit = 0; bit < 8 * (offsetof(struct kept_block, text) + 5); bit++) {
        memset(area, 0, sizeof(area));
        next_run(false);
        say("tiny!");
        ((uint8_t *)block_with("tiny!"))[bit / 8] ^= (uint8_t)(1u << bit % 8);
        next_run(false);
        assert_string_equal(shown, "");
    }
}

/* --- its place --- */

static void boot(paddr_t end)
{
    ram_end = end;
    boot_info.e820 = (struct e820_map){ 2, { { 0, 0x9f000, E820_RAM },
                                             { MIB, end - MIB, E820_RAM } } };
    reserved = 0;
    printed[0] = '\0';
    kept_log_init();
}

static void place_is_three_quarters_up(void **state)
{
    char *ram = aligned_alloc(4096, 256 * MIB);

    memset(ram, 0, 256 * MIB);
    unit_directmap = ram;
    refused = 0;
    boot(256 * MIB);
    assert_int_equal(reserved, 192 * MIB);
    assert_string_equal(printed, "");
    say("the end");
    boot(256 * MIB);
    assert_int_equal(reserved, 192 * MIB);
    assert_string_equal(printed, "---- Log of the run before, which did not end in order ----\n"
                                 "| early\n| the end\n"
                                 "---- End of the log of the run before ----\n");
    refused = 192 * MIB;               /* a module lies there now */
    boot(256 * MIB);
    assert_int_equal(reserved, 160 * MIB);
    refused = 0;
    say("moved");
    boot(256 * MIB);                  /* goes on where the newest log is */
    assert_int_equal(reserved, 160 * MIB);
    assert_non_null(strstr(printed, "| moved\n"));
    free(ram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(ram_without_a_log_shows_none, setup),
        cmocka_unit_test_setup(next_run_reads_what_was_written, setup),
        cmocka_unit_test_setup(orderly_end_leaves_nothing, setup),
        cmocka_unit_test_setup(newest_text_stays_when_it_wraps, setup),
        cmocka_unit_test_setup(each_write_is_complete, setup),
        cmocka_unit_test_setup(damage_costs_its_block_only, setup),
        cmocka_unit_test_setup(every_bit_is_checked, setup),
        cmocka_unit_test_setup(place_is_three_quarters_up, setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
