/* SPDX-License-Identifier: BSD-2-Clause */
/* The hypercall page of a 64-bit PV guest: one stub of 32 bytes per number (Xen ABI,
   xen/arch-x86/xen-x86_64.h). */
#include <hv/dom0.h>
#include <hv/lib.h>
#include <hv/page.h>
#include <xen/xen.h>

#define STUB_SIZE 32
#define OP_INT3 0xcc

/* push %rcx; push %r11; mov $nr, %eax; syscall; pop %r11; pop %rcx; ret */
static const uint8_t call_stub[] = {
    0x51, 0x41, 0x53, 0xb8, 0, 0, 0, 0, 0x0f, 0x05, 0x41, 0x5b, 0x59, 0xc3,
};
#define CALL_STUB_NR 4
/* push %rcx; push %r11; push %rax; mov $nr, %eax; syscall: builds struct
   iret_context and does not come back. */
static const uint8_t iret_stub[] = { 0x51, 0x41, 0x53, 0x50, 0xb8, 0, 0, 0, 0, 0x0f, 0x05 };
#define IRET_STUB_NR 5

void pv_fill_hypercall_page(void *page)
{
    memset(page, OP_INT3, PAGE_SIZE);
    for (uint32_t nr = 0; nr < PAGE_SIZE / STUB_SIZE; nr++) {
        uint8_t *stub = (uint8_t *)page + nr * STUB_SIZE;

        if (nr == __HYPERVISOR_iret) {
            memcpy(stub, iret_stub, sizeof(iret_stub));
            memcpy(stub + IRET_STUB_NR, &nr, sizeof(nr));
        } else {
            memcpy(stub, call_stub, sizeof(call_stub));
            memcpy(stub + CALL_STUB_NR, &nr, sizeof(nr));
        }
    }
}
