/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text on a linear framebuffer of 15 to 32 bits a pixel. The text is kept beside it, so that only
 * characters that differ are drawn, and the framebuffer, whose reads are slow, is never read. A
 * wide screen gets characters of twice the size, a very large one uses its upper left part.
 */
#include <hv/lib.h>
#include "framebuffer_priv.h"

#define MAX_COLUMNS 240
#define MAX_ROWS 80
#define MIN_COLUMNS 40
#define CELL_ROWS 16            /* the font's and space between lines */
#define CELL_TOP 1              /* blank rows above the glyph */
#define DOUBLE_FROM_WIDTH 2560
#define MAX_PIXEL 4             /* bytes */
#define MAX_SCALE 2
#define GREY 0xaa               /* of 255, in each colour */

static char wanted[MAX_ROWS][MAX_COLUMNS], shown[MAX_ROWS][MAX_COLUMNS];
static unsigned int rows, columns, row, column;
static struct { uint8_t *base; uint32_t pitch; unsigned int pixel, scale; } screen;
static uint8_t ink[MAX_PIXEL];  /* a pixel of the text's colour */

static bool mix_ink(const struct boot_framebuffer *fb)
{
    const struct { uint8_t pos, size; } colours[] = {
        { fb->red.pos, fb->red.size }, { fb->green.pos, fb->green.size },
        { fb->blue.pos, fb->blue.size },
    };
    uint32_t value = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(colours); i++) {
        if (!colours[i].size || colours[i].size > 8 ||
            colours[i].pos + colours[i].size > 8 * screen.pixel)
            return false;
        value |= (uint32_t)(GREY >> (8 - colours[i].size)) << colours[i].pos;
    }
    memcpy(ink, &value, sizeof(ink));
    return true;
}

static void clear_screen(const struct boot_framebuffer *fb)
{
    memset(wanted, ' ', sizeof(wanted));
    memset(shown, ' ', sizeof(shown));
    row = column = 0;
    for (uint32_t y = 0; y < fb->height; y++)
        memset(screen.base + (size_t)y * fb->pitch, 0, fb->width * screen.pixel);
}

bool fb_init(const struct boot_framebuffer *fb, void *pixels)
{
    screen.base = pixels;
    screen.pitch = fb->pitch;
    screen.pixel = DIV_ROUND_UP(fb->bits_per_pixel, 8);
    screen.scale = fb->width >= DOUBLE_FROM_WIDTH ? MAX_SCALE : 1;
    columns = MIN(fb->width / (FONT_COLUMNS * screen.scale), (uint32_t)MAX_COLUMNS);
    rows = MIN(fb->height / (CELL_ROWS * screen.scale), (uint32_t)MAX_ROWS);
    if (screen.pixel < 2 || screen.pixel > MAX_PIXEL || columns < MIN_COLUMNS || !rows ||
        fb->pitch / screen.pixel < fb->width || !mix_ink(fb))
        return false;
    clear_screen(fb);
    return true;
}

static void new_line(void)
{
    column = 0;
    if (++row < rows)
        return;
    row = rows - 1;
    memmove(wanted[0], wanted[1], row * sizeof(wanted[0]));
    memset(wanted[row], ' ', sizeof(wanted[0]));
}

void fb_putc(char c)
{
    if (c == '\n') {
        new_line();
        return;
    }
    if (c == '\r') {
        column = 0;
        return;
    }
    if (column == columns)
        new_line();
    wanted[row][column++] = isprint(c) ? c : '.';
}

/* One row of a glyph as pixels. */
static void draw_row(uint8_t *to, uint8_t bits)
{
    uint8_t line[FONT_COLUMNS * MAX_SCALE * MAX_PIXEL] = { }, *p = line;

    for (unsigned int x = 0; x < FONT_COLUMNS; x++, bits = (uint8_t)(bits << 1))
        for (unsigned int n = 0; n < screen.scale; n++, p += screen.pixel)
            if (bits & (1u << (FONT_COLUMNS - 1)))
                memcpy(p, ink, screen.pixel);
    memcpy(to, line, (size_t)(p - line));
}

static void draw_cell(unsigned int y, unsigned int x, char c)
{
    const uint8_t *glyph = font_glyphs[c - FONT_FIRST];
    uint8_t *to = screen.base +
                  (size_t)((y * CELL_ROWS + CELL_TOP) * screen.scale) * screen.pitch +
                  x * FONT_COLUMNS * screen.scale * screen.pixel;

    for (unsigned int i = 0; i < FONT_ROWS * screen.scale; i++, to += screen.pitch)
        draw_row(to, glyph[i / screen.scale]);
}

void fb_flush(void)
{
    for (unsigned int y = 0; y < rows; y++)
        for (unsigned int x = 0; x < columns; x++)
            if (wanted[y][x] != shown[y][x]) {
                draw_cell(y, x, wanted[y][x]);
                shown[y][x] = wanted[y][x];
            }
}
