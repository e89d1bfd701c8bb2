/* SPDX-License-Identifier: BSD-2-Clause */
/* VGA in text mode. Source: IBM VGA technical reference, "Graphics Controller Registers" and "CRT
 * Controller". */
#ifndef HV_VGA_H
#define HV_VGA_H

#define VGA_TEXT_BASE 0xb8000
#define VGA_COLUMNS 80
#define VGA_ROWS 25
#define VGA_ATTR_NORMAL 0x0700 /* light grey on black, in the high byte of a cell */

#define VGA_GC_INDEX 0x3ce
#define VGA_GC_DATA 0x3cf
#define VGA_GC_MISC 6
#define VGA_GC_MISC_GRAPHICS 0x01
#define VGA_GC_MISC_MAP_MASK 0x0c
#define VGA_GC_MISC_MAP_TEXT 0x0c /* window at 0xb8000 */
#define VGA_CRTC_INDEX 0x3d4
#define VGA_CRTC_DATA 0x3d5
#define VGA_CRTC_CURSOR_HIGH 14
#define VGA_CRTC_CURSOR_LOW 15

#endif
