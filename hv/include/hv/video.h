/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The screen that firmware or boot loader left (hv/drivers/video.c): a linear framebuffer or VGA
 * text. The hypervisor sets no mode. The console lock is held in all calls but video_dom0_info().
 */
#ifndef HV_VIDEO_H
#define HV_VIDEO_H

#include <hv/types.h>

struct dom0_vga_console_info;

/* Finds a screen and clears it; false: there is none, or it is out of reach of the boot page
   tables (after paging_init() it isn't). */
bool video_init(void);
/* Does nothing without a screen. */
void video_write(const char *s, size_t len);
/* From now on the screen is domain 0's. */
void video_stop(void);
/* Describes the screen for domain 0; the bytes used of *info, 0 = there is none. */
size_t video_dom0_info(struct dom0_vga_console_info *info);

#endif
