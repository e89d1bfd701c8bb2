/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does a triple fault end the guest, and nothing else?
 *
 * An exception without any interrupt table can't be delivered, nor can the double fault. Xen and we
 * treat it as a crash of the domain; the next domain runs all the same.
 */
#include <hvm.h>

void test_main(void)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) none = { 0, 0 };
    char how[16] = "";

    line_text(command_line(), "how", how, sizeof(how));
    if (!strcmp(how, "none"))
        return;
    interrupts_off();
    asm volatile("lidt %0" : : "m"(none));
    if (!strcmp(how, "ud"))
        asm volatile("ud2");
    else
        *(volatile int *)0x123456789000 = 1;
    report_failure("the guest lives after a triple fault");
}
