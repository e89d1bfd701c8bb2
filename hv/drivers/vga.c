/* SPDX-License-Identifier: BSD-2-Clause */
/* VGA text screen, 80x25, scrolling. Not used while the card is in a graphics mode. */
#include <hv/console.h>
#include <hv/lib.h>
#include <hv/processor.h>
#include <hv/vga.h>

static uint16_t *screen;
static unsigned int row, column;

static void fill(unsigned int from, unsigned int to)
{
    for (unsigned int i = from; i < to; i++)
        WRITE_ONCE(screen[i], VGA_ATTR_NORMAL | ' ');
}

static void move_cursor(void)
{
    unsigned int pos = row * VGA_COLUMNS + column;

    outb(VGA_CRTC_INDEX, VGA_CRTC_CURSOR_HIGH);
    outb(VGA_CRTC_DATA, (uint8_t)(pos >> 8));
    outb(VGA_CRTC_INDEX, VGA_CRTC_CURSOR_LOW);
    outb(VGA_CRTC_DATA, (uint8_t)pos);
}

bool vga_text_mode(void)
{
    uint8_t misc;

    outb(VGA_GC_INDEX, VGA_GC_MISC);
    misc = inb(VGA_GC_DATA);
    return !(misc & VGA_GC_MISC_GRAPHICS) && (misc & VGA_GC_MISC_MAP_MASK) == VGA_GC_MISC_MAP_TEXT;
}

bool vga_init(void *framebuffer)
{
    if (!vga_text_mode())
        return false;
    screen = framebuffer;
    fill(0, VGA_ROWS * VGA_COLUMNS);
    return true;
}

static void new_line(void)
{
    column = 0;
    if (++row < VGA_ROWS)
        return;
    row = VGA_ROWS - 1;
    memmove(screen, screen + VGA_COLUMNS, row * VGA_COLUMNS * sizeof(*screen));
    fill(row * VGA_COLUMNS, VGA_ROWS * VGA_COLUMNS);
}

void vga_putc(char c)
{
    if (c == '\n') {
        new_line();
        move_cursor();
        return;
    }
    if (c == '\r') {
        column = 0;
        return;
    }
    if (column == VGA_COLUMNS)
        new_line();
    WRITE_ONCE(screen[row * VGA_COLUMNS + column++],
               (uint16_t)(VGA_ATTR_NORMAL | (isprint(c) ? c : '.')));
}

void vga_cursor(unsigned int *x, unsigned int *y)
{
    *x = column;
    *y = row;
}
