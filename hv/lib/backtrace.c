/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Registers and call chain in words. The build keeps no frame pointers, so the stack is scanned for
 * return addresses: values that point behind a call instruction. One whose call goes to the
 * function below it is certain; the others (calls through pointers, jumps at a function's end,
 * left-overs of older calls) are marked with a question mark.
 */
#include <hv/boot.h>
#include <hv/current.h>
#include <hv/domain.h>
#include <hv/layout.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/traps.h>
#include <hv/uaccess.h>

#define PAGE_BYTES 4096ul
#define MAX_FRAMES 32
#define MAX_WORDS 1024
#define OPCODE_CALL_REL32 0xe8
#define CALL_REL32_LEN 5
#define OPCODE_GROUP5 0xff
#define MODRM_REG_CALL 2

void show_general_registers(const struct cpu_user_regs *r)
{
    printk(XENLOG_ERR "rip %04x:%016lx %pS\n", r->cs, r->rip, (void *)r->rip);
    printk(XENLOG_ERR "rsp %04x:%016lx  rflags %016lx\n", r->ss, r->rsp, r->rflags);
    printk(XENLOG_ERR "rax %016lx  rbx %016lx  rcx %016lx\n", r->rax, r->rbx, r->rcx);
    printk(XENLOG_ERR "rdx %016lx  rsi %016lx  rdi %016lx\n", r->rdx, r->rsi, r->rdi);
    printk(XENLOG_ERR "rbp %016lx  r8  %016lx  r9  %016lx\n", r->rbp, r->r8, r->r9);
    printk(XENLOG_ERR "r10 %016lx  r11 %016lx  r12 %016lx\n", r->r10, r->r11, r->r12);
    printk(XENLOG_ERR "r13 %016lx  r14 %016lx  r15 %016lx\n", r->r13, r->r14, r->r15);
}

void show_registers(const struct cpu_user_regs *r)
{
    printk(XENLOG_ERR "CPU %u, %s %s\n", smp_processor_id(),
           guest_mode(r) ? "guest" : "hypervisor, current", current_name());
    show_general_registers(r);
    printk(XENLOG_ERR "cr0 %016lx  cr2 %016lx  cr3 %016lx  cr4 %016lx\n", read_cr0(), read_cr2(),
           read_cr3(), read_cr4());
    printk(XENLOG_ERR "fs base %016lx  gs base %016lx  other gs base %016lx\n", rdmsr(MSR_FS_BASE),
           rdmsr(MSR_GS_BASE), rdmsr(MSR_KERNEL_GS_BASE));
}

/* End of the stack that sp lies on, within this CPU's block; 0 if it is none of them. */
static unsigned long stack_end(unsigned long sp)
{
    unsigned long block = (unsigned long)get_cpu_info() & ~(STACK_SIZE - 1UL);

    if (sp - block >= STACK_SIZE)
        return 0;
    if ((sp - block) / PAGE_BYTES >= STACK_PAGE_PRIMARY)
        return (unsigned long)get_cpu_info();
    return (sp | (PAGE_BYTES - 1)) + 1;
}

/* Is there an indirect call (FF /2, two to seven bytes) in front of addr? */
static bool after_indirect_call(unsigned long addr)
{
    const uint8_t *p = (const uint8_t *)addr;

    for (unsigned int len = 2; len <= 7; len++)
        if (p[-(long)len] == OPCODE_GROUP5 && ((p[1 - (long)len] >> 3) & 7) == MODRM_REG_CALL)
            return true;
    return false;
}

enum certainty { NO_RETURN_ADDRESS, POSSIBLE, CERTAIN };

/* below: start of the function that is deeper in the chain. */
static enum certainty judge(unsigned long addr, unsigned long below)
{
    const uint8_t *p = (const uint8_t *)addr;
    int32_t rel;

    if (!is_hv_text(addr) || !is_hv_text(addr - 7))
        return NO_RETURN_ADDRESS;
    if (p[-CALL_REL32_LEN] != OPCODE_CALL_REL32)
        return after_indirect_call(addr) ? POSSIBLE : NO_RETURN_ADDRESS;
    memcpy(&rel, p - 4, sizeof(rel));
    return addr + (unsigned long)(long)rel == below ? CERTAIN : POSSIBLE;
}

static unsigned long function_start(unsigned long addr)
{
    char name[2];
    unsigned long start = 0;

    return symbol_lookup(addr, &start, NULL, name, sizeof(name)) ? start : 0;
}

static void walk(unsigned long rip, unsigned long sp)
{
    unsigned long end = stack_end(sp), below = function_start(rip);
    unsigned int frames = 0;

    if (!end) {
        printk(XENLOG_ERR "   the stack pointer %016lx is not on this CPU's stack\n", sp);
        return;
    }
    sp &= ~7UL;
    for (unsigned int i = 0; i < MAX_WORDS && sp + 8 <= end && frames < MAX_FRAMES; i++, sp += 8) {
        unsigned long addr;
        enum certainty c;

        if (raw_copy(&addr, (const void *)sp, sizeof(addr)))
            return;
        c = judge(addr, below);
        if (c == NO_RETURN_ADDRESS)
            continue;
        printk(XENLOG_ERR " %c %016lx %pS\n", c == CERTAIN ? ' ' : '?', addr, (void *)addr);
        if (c == CERTAIN)
            below = function_start(addr);
        frames++;
    }
}

void show_backtrace(const struct cpu_user_regs *regs)
{
    unsigned long rip, sp;

    printk(XENLOG_ERR "Call trace (innermost first; ? = may be a left-over):\n");
    if (regs) {
        if (guest_mode(regs))
            return;
        rip = regs->rip;
        sp = regs->rsp;
    } else {
        __asm__ volatile("leaq (%%rip), %0; movq %%rsp, %1" : "=r"(rip), "=r"(sp));
    }
    printk(XENLOG_ERR "   %016lx %pS\n", rip, (void *)rip);
    walk(rip, sp);
}
