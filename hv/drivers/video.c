/* SPDX-License-Identifier: BSD-2-Clause */
/* Which screen there is, and how domain 0 is told of it (video.h). */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/vga.h>
#include <hv/video.h>
#include <xen/xen.h>
#include "framebuffer_priv.h"

#define LFB_UNIT 65536u         /* of lfb_size */
#define VGA_FONT_HEIGHT 16

static enum { SCREEN_none, SCREEN_text, SCREEN_framebuffer } screen;

/* The direct map has the framebuffer (paging_init); so have the boot page tables, if it lies within
   their reach. */
static bool reachable(const struct boot_framebuffer *fb)
{
    return total_pages || fb->base + (uint64_t)fb->pitch * fb->height <= BOOT_DIRECTMAP_LIMIT;
}

bool video_init(void)
{
    const struct boot_framebuffer *fb = &boot_info.fb;

    if (screen != SCREEN_none)
        return true;
    if (fb->base && reachable(fb) && fb_init(fb, maddr_to_virt(fb->base)))
        screen = SCREEN_framebuffer;
    else if (!fb->base && !boot_info.efi_system_table && vga_init(maddr_to_virt(VGA_TEXT_BASE)))
        screen = SCREEN_text;
    return screen != SCREEN_none;
}

void video_write(const char *s, size_t len)
{
    if (screen == SCREEN_text)
        for (size_t i = 0; i < len; i++)
            vga_putc(s[i]);
    if (screen != SCREEN_framebuffer)
        return;
    for (size_t i = 0; i < len; i++)
        fb_putc(s[i]);
    fb_flush();
}

void video_stop(void)
{
    screen = SCREEN_none;
}

/* Where a pixel's remaining bits are, which are one field. */
static void rest_of_pixel(const struct boot_framebuffer *fb, uint8_t *pos, uint8_t *size)
{
    uint64_t used = ((1ULL << fb->red.size) - 1) << fb->red.pos |
                    ((1ULL << fb->green.size) - 1) << fb->green.pos |
                    ((1ULL << fb->blue.size) - 1) << fb->blue.pos;
    uint64_t rest = ((1ULL << fb->bits_per_pixel) - 1) & ~used;

    *pos = rest ? (uint8_t)__builtin_ctzll(rest) : 0;
    *size = rest ? (uint8_t)(64 - __builtin_clzll(rest) - *pos) : 0;
}

static void framebuffer_info(const struct boot_framebuffer *fb, struct dom0_vga_console_info *info)
{
    info->video_type = boot_info.efi_system_table ? XEN_VGATYPE_EFI_LFB : XEN_VGATYPE_VESA_LFB;
    info->u.vesa_lfb.width = (uint16_t)fb->width;
    info->u.vesa_lfb.height = (uint16_t)fb->height;
    info->u.vesa_lfb.bytes_per_line = (uint16_t)fb->pitch;
    info->u.vesa_lfb.bits_per_pixel = fb->bits_per_pixel;
    info->u.vesa_lfb.lfb_base = (uint32_t)fb->base;
    info->u.vesa_lfb.ext_lfb_base = (uint32_t)(fb->base >> 32);
    info->u.vesa_lfb.lfb_size = DIV_ROUND_UP(fb->pitch * fb->height, LFB_UNIT);
    info->u.vesa_lfb.red_pos = fb->red.pos;
    info->u.vesa_lfb.red_size = fb->red.size;
    info->u.vesa_lfb.green_pos = fb->green.pos;
    info->u.vesa_lfb.green_size = fb->green.size;
    info->u.vesa_lfb.blue_pos = fb->blue.pos;
    info->u.vesa_lfb.blue_size = fb->blue.size;
    rest_of_pixel(fb, &info->u.vesa_lfb.rsvd_pos, &info->u.vesa_lfb.rsvd_size);
}

size_t video_dom0_info(struct dom0_vga_console_info *info)
{
    unsigned int x = 0, y = 0;

    memset(info, 0, sizeof(*info));
    if (boot_info.fb.base) {
        framebuffer_info(&boot_info.fb, info);
        return sizeof(*info);
    }
    if (boot_info.efi_system_table || !vga_text_mode())
        return 0;
    vga_cursor(&x, &y);
    info->video_type = XEN_VGATYPE_TEXT_MODE_3;
    info->u.text_mode_3.rows = VGA_ROWS;
    info->u.text_mode_3.columns = VGA_COLUMNS;
    info->u.text_mode_3.font_height = VGA_FONT_HEIGHT;
    info->u.text_mode_3.cursor_x = (uint16_t)x;
    info->u.text_mode_3.cursor_y = (uint16_t)y;
    return sizeof(*info);
}
