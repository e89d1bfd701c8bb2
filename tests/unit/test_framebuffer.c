/* SPDX-License-Identifier: BSD-2-Clause */
/* Text on a framebuffer: pixels of each format read back as characters, scrolling, long lines,
   double size, and formats that are refused. The buffer has its exact size, so that ASan sees
   what is written past it. */
/* cflags: -DHV_UNIT_TEST */
/* sources: hv/drivers/framebuffer.c hv/drivers/font.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "../../hv/drivers/framebuffer_priv.h"

#define CELL_ROWS 16

static struct boot_framebuffer fb;
static uint8_t *pixels;

static void make(uint32_t width, uint32_t height, unsigned int bits, uint32_t spare)
{
    unsigned int bytes = (bits + 7) / 8, size = bits < 24 ? 5 : 8;

    free(pixels);
    fb = (struct boot_framebuffer){
        .base = 1, .pitch = width * bytes + spare, .width = width, .height = height,
        .bits_per_pixel = (uint8_t)bits,
        .blue = { 0, (uint8_t)size },
        .green = { (uint8_t)size, (uint8_t)(bits == 16 ? 6 : size) },
        .red = { (uint8_t)(bits == 16 ? 11 : 2 * size), (uint8_t)size },
    };
    pixels = malloc((size_t)fb.pitch * height);
    memset(pixels, 0x55, (size_t)fb.pitch * height);
    assert_true(fb_init(&fb, pixels));
}

static uint32_t pixel(uint32_t x, uint32_t y)
{
    uint32_t value = 0;

    memcpy(&value, pixels + y * fb.pitch + x * ((fb.bits_per_pixel + 7u) / 8),
           (fb.bits_per_pixel + 7u) / 8);
    return value;
}

/* The character that a cell shows, 0 = none. All lit pixels must have the one colour. */
static char seen(unsigned int row, unsigned int column, unsigned int scale, uint32_t colour)
{
    uint8_t bits[CELL_ROWS] = { };

    for (unsigned int y = 0; y < CELL_ROWS; y++)
        for (unsigned int x = 0; x < FONT_COLUMNS; x++) {
            uint32_t p = pixel((column * FONT_COLUMNS + x) * scale, (row * CELL_ROWS + y) * scale);

            assert_true(p == 0 || p == colour);
            bits[y] = (uint8_t)(bits[y] << 1 | (p != 0));
        }
    for (unsigned int i = 0; i < FONT_GLYPHS; i++)
        if (!memcmp(font_glyphs[i], bits + 1, FONT_ROWS))
            return (char)(FONT_FIRST + i);
    return 0;
}

static void print(const char *s)
{
    while (*s)
        fb_putc(*s++);
    fb_flush();
}

static void expect_line(unsigned int row, const char *s, unsigned int scale, uint32_t colour)
{
    for (unsigned int i = 0; s[i]; i++)
        assert_int_equal(seen(row, i, scale, colour), s[i]);
}

static void formats(void **state)
{
    make(800, 600, 32, 64);
    print("32: {Hospes}~\nnext");
    expect_line(0, "32: {Hospes}~ ", 1, 0xaaaaaa);
    expect_line(1, "next", 1, 0xaaaaaa);
    /* What is between the lines of the screen is not touched. */
    assert_int_equal(pixels[800 * 4], 0x55);
    make(640, 480, 24, 0);
    print("24 bits");
    expect_line(0, "24 bits", 1, 0xaaaaaa);
    make(640, 480, 16, 0);
    print("16 bits");
    expect_line(0, "16 bits", 1, 0x15 << 11 | 0x2a << 5 | 0x15);
    make(640, 480, 15, 0);
    print("15 bits");
    expect_line(0, "15 bits", 1, 0x15 << 10 | 0x15 << 5 | 0x15);
}

static void scrolls_and_wraps(void **state)
{
    make(320, 40, 32, 0); /* 40 columns, 2 rows */
    print("first\nsecond");
    expect_line(0, "first ", 1, 0xaaaaaa);
    print("\nthird");
    expect_line(0, "second", 1, 0xaaaaaa);
    expect_line(1, "third ", 1, 0xaaaaaa);
    print("\rT");
    expect_line(1, "Third ", 1, 0xaaaaaa);
    print("\n0123456789012345678901234567890123456789X\x01");
    expect_line(0, "0123456789012345678901234567890123456789", 1, 0xaaaaaa);
    expect_line(1, "X. ", 1, 0xaaaaaa);
}

static void wide_screen(void **state)
{
    make(2560, 64, 32, 0);
    print("big\nline");
    expect_line(0, "big ", 2, 0xaaaaaa);
    expect_line(1, "line ", 2, 0xaaaaaa);
}

/* More than the text buffer holds: its part of the screen is used. */
static void huge_screen(void **state)
{
    make(7680, 3000, 32, 0);
    for (unsigned int i = 0; i < 200; i++)
        print("line\n");
    expect_line(0, "line ", 2, 0xaaaaaa);
    expect_line(78, "line ", 2, 0xaaaaaa);
}

static void refuses(void **state)
{
    struct boot_framebuffer f;

    make(640, 480, 32, 0);
    f = fb;
    f.bits_per_pixel = 8;
    assert_false(fb_init(&f, pixels));
    f.bits_per_pixel = 64;
    assert_false(fb_init(&f, pixels));
    f = fb;
    f.red.pos = 28;
    assert_false(fb_init(&f, pixels));
    f = fb;
    f.green.size = 0;
    assert_false(fb_init(&f, pixels));
    f = fb;
    f.pitch = 640;
    assert_false(fb_init(&f, pixels));
    f = fb;
    f.height = 15;
    assert_false(fb_init(&f, pixels));
    f = fb;
    f.width = 300;
    assert_false(fb_init(&f, pixels));
}

static int end(void **state)
{
    free(pixels);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats),
        cmocka_unit_test(scrolls_and_wraps),
        cmocka_unit_test(wide_screen),
        cmocka_unit_test(huge_screen),
        cmocka_unit_test(refuses),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
