/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Is the port space of a guest without devices empty, whatever the machine has there?
 *
 * Reads of all sizes give ones, writes are lost, and no port makes the guest crash. In user mode
 * without IOPL an access raises #GP.
 */
#include <hvm.h>

static long user_in(void *unused)
{
    (void)unused;
    return inb(0x80);
}

void test_main(void)
{
    unsigned int port;

    for (port = 0; port < 0x10000; port += 257) {
        check(inb((uint16_t)port) == 0xff, "port 0x%x: 0x%x", port, inb((uint16_t)port));
        outb((uint16_t)port, 0);
    }
    check(inw(0x3f8) == 0xffff, "word at 0x3f8: 0x%x", inw(0x3f8));
    check(inl(0xcf8) == 0xffffffff, "long at 0xcf8: 0x%x", inl(0xcf8));
    outl(0xcf8, 0x80000000);
    check(inl(0xcfc) == 0xffffffff, "there is a PCI device: 0x%x", inl(0xcfc));
    outw(0x604, 0x2000);
    expect_user_trap(user_in, NULL, VEC_GP, 0);
}
