/* SPDX-License-Identifier: BSD-2-Clause */
/* Text on a linear framebuffer, and its font (hv/drivers/framebuffer.c, font.c). */
#ifndef FRAMEBUFFER_PRIV_H
#define FRAMEBUFFER_PRIV_H

#include <hv/boot.h>

#define FONT_FIRST ' '
#define FONT_GLYPHS 95
#define FONT_COLUMNS 8
#define FONT_ROWS 13

extern const uint8_t font_glyphs[FONT_GLYPHS][FONT_ROWS];

/* pixels: where *fb is mapped. False: a format that is not known, or less than one line of 40
   characters. Clears the screen. */
bool fb_init(const struct boot_framebuffer *fb, void *pixels);
/* Changes the text; fb_flush() shows it. */
void fb_putc(char c);
void fb_flush(void);

#endif
