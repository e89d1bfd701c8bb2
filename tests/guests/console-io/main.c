/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does console_io write and read for domain 0, bound its work, and refuse bad buffers?
 *
 * The ABI: CONSOLEIO_write takes a byte count and a buffer and gives 0; CONSOLEIO_read gives the
 * number of bytes, 0 with no input; a buffer that can't be read gives -EFAULT; other commands give
 * -ENOSYS. Long writes are continued, not cut: the runner sees the last of 5,000 letters.
 */
#include <guest.h>

#define BAD_POINTER ((void *)0x1000)

void test_main(void)
{
    static char text[5001];
    char input[16];

    memset(text, 'x', sizeof(text));
    text[79] = '\n';
    text[sizeof(text) - 1] = '\n';
    expect(hc_console_io(CONSOLEIO_write, 6, "hello\n"), 0);
    expect(hc_console_io(CONSOLEIO_write, 0, "x"), 0);
    expect(hc_console_io(CONSOLEIO_write, sizeof(text), text), 0);
    /* A NUL and bytes that are no text must not disturb the console. */
    expect(hc_console_io(CONSOLEIO_write, 8, "a\0b\x80\xff\r\n"), 0);
    expect(hc_console_io(CONSOLEIO_write, 1, BAD_POINTER), -XEN_EFAULT);
    expect(hc_console_io(CONSOLEIO_write, 1, HYPERVISOR_VIRT_START + 0x200000000000), -XEN_EFAULT);
    /* Hypervisor code and data as a buffer would leak it to the console. */
    expect(hc_console_io(CONSOLEIO_write, 16, 0xffff82d040200000), -XEN_EFAULT);
    expect(hc_console_io(CONSOLEIO_write, 16, 0xffff830000000000), -XEN_EFAULT);
    /* Reaches past the end of the guest's memory. */
    expect(hc_console_io(CONSOLEIO_write, 64, 0xffffffffbffffff0), -XEN_EFAULT);
    expect(hc_console_io(CONSOLEIO_read, sizeof(input), input), 0);
    expect(hc_console_io(CONSOLEIO_read, 0, input), 0);
    expect(hc_console_io(2, 1, text), -XEN_ENOSYS);
    expect(hc_console_io(0x7fffffff, 1, text), -XEN_ENOSYS);
}
