/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Console: log ring, output to serial and VGA text, input switched between hypervisor and dom0
 * (hv/drivers/console.c).
 *
 * One lock, the console lock, covers ring and devices. It knows its CPU: an NMI or fault inside of
 * it prints on, at the price of a mixed line, and never waits for itself.
 */
#ifndef HV_CONSOLE_H
#define HV_CONSOLE_H

#include <hv/types.h>

void console_init_early(void);         /* after the command line is parsed: com1=, console=, vga */
void console_init_irq(void);           /* interrupt-driven input once interrupts work */
void console_end_boot(void);           /* hands input to dom0 */
void console_input_to_hypervisor(void); /* what is typed goes to the debug keys */
void console_start_sync(void);         /* output waits from now on (panic) */
bool console_has_screen(void);         /* messages go to it too */
void console_force_unlock(void);       /* panic: break locks */
/* Log ring for XEN_SYSCTL_readconsole: copies from *index on; returns the bytes. */
size_t console_read_ring(char *buf, size_t len, bool clear, bool incremental, uint32_t *index);
/* Gives all of the ring to fn, piece by piece. */
void console_copy_ring(void (*fn)(const char *s, size_t len));
/* Serial driver -> console: one received character; interrupt context. */
void console_rx_char(char c);
/* Takes up to len characters typed for dom0; returns their number. */
size_t console_read_input(char *buf, size_t len);

/* The console lock. Interrupts are off inside. True = this CPU held it already (NMI, fault in the
   console); both go back to console_unlock(). */
bool console_lock(unsigned long *flags);
void console_unlock(bool nested, unsigned long flags);
/* To the devices that console= names and to the kept log; console_emit() to the log ring too. With
   the lock held. */
void console_emit(const char *s, size_t len);
void console_emit_output(const char *s, size_t len);

/* console=: a list of com1, vga, none. Sets *mask to CON_* bits; on an unknown word returns it,
 * else NULL. */
#define CON_COM1 1u
#define CON_VGA 2u
const char *console_parse_devices(const char *list, unsigned int *mask);

/* 16550 UART (hv/drivers/ns16550.c); the console lock is held for all but init. */
void serial_init(const char *com1_option);
void serial_init_irq(void);
void serial_putc(char c);
void serial_flush(void);
bool serial_present(void);
bool serial_owns_port(unsigned int port);
int serial_irq(void);                  /* GSI or -1 */
void serial_set_sync(
    void); /* from now on serial_putc returns when the UART has taken the character */

/* VGA text, 80x25 (hv/drivers/vga.c), behind video.h; the console lock is held. */
bool vga_text_mode(void);
bool vga_init(void *framebuffer);      /* false: no VGA in text mode. Clears the screen */
void vga_putc(char c);
void vga_cursor(unsigned int *x, unsigned int *y); /* where the next character goes */

/* Debug keys (hv/drivers/keyhandler.c). diag keys run in softirq context. */
void handle_keypress(char key);
void keyhandler_init(void);

#endif
