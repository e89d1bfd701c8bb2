/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What happens to privileged instructions without a control or model-specific register in guest
 * kernel mode?
 *
 * The ABI: WBINVD and INVD are carried out or ignored for a domain with device access, never
 * crash; CLI and STI are ignored or #GP; HLT blocks or #GP; SMSW shows CR0; LGDT, LIDT, LTR, LLDT,
 * INVLPG, SWAPGS, SYSRET, MONITOR, VMCALL, VMRUN and the like give #GP or #UD and change nothing.
 */
#include <guest.h>

#define TRY(name, code) \
    static void name(void *unused) \
    { \
        (void)unused; \
        asm volatile(code : : : "rax", "rbx", "rcx", "rdx", "memory"); \
    }

TRY(wbinvd, "wbinvd")
TRY(invd, "invd")
TRY(cli, "cli")
TRY(sti, "sti")
TRY(lgdt, "sub $16, %%rsp; lgdt (%%rsp); add $16, %%rsp")
TRY(lidt, "sub $16, %%rsp; lidt (%%rsp); add $16, %%rsp")
TRY(lldt, "xor %%eax, %%eax; lldt %%ax")
TRY(ltr, "mov $0xe040, %%eax; ltr %%ax")
TRY(invlpg, "invlpg (%%rsp)")
TRY(swapgs, "swapgs")
TRY(lmsw, "mov $1, %%eax; lmsw %%ax")
TRY(vmcall, ".byte 0x0f, 0x01, 0xc1")
TRY(vmrun, "xor %%eax, %%eax; .byte 0x0f, 0x01, 0xd8")
TRY(stgi, ".byte 0x0f, 0x01, 0xdc")
TRY(rsm, "rsm")
TRY(vmxon, "sub $8, %%rsp; .byte 0xf3, 0x0f, 0xc7, 0x34, 0x24; add $8, %%rsp")

struct attempt {
    const char *name;
    void (*run)(void *);
    bool may_pass;
};

static const struct attempt attempts[] = {
    { "wbinvd", wbinvd, true }, { "invd", invd, true }, { "cli", cli, true }, { "sti", sti, true },
    { "lgdt", lgdt, false }, { "lidt", lidt, false }, { "lldt", lldt, false },
    { "ltr", ltr, false }, { "invlpg", invlpg, true }, { "swapgs", swapgs, false },
    { "lmsw", lmsw, true }, { "vmcall", vmcall, false }, { "vmrun", vmrun, false },
    { "stgi", stgi, false }, { "rsm", rsm, false }, { "vmxon", vmxon, false },
};

static uint64_t smsw(void)
{
    uint64_t value = 0;

    asm volatile("smsw %0" : "+r"(value));
    return value;
}

void test_main(void)
{
    struct trap t;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(attempts); i++) {
        if (!trap_catch(attempts[i].run, NULL, &t)) {
            check(attempts[i].may_pass, "%s passed", attempts[i].name);
            continue;
        }
        check(t.vector == VEC_GP || t.vector == VEC_UD, "%s gave vector %d", attempts[i].name,
              t.vector);
        check(t.error == 0 || !strcmp(attempts[i].name, "ltr"), "%s gave error 0x%lx",
              attempts[i].name, t.error);
    }
    check((smsw() & 1) == 1, "SMSW shows 0x%lx", smsw());
    /* CLI is not the upcall mask. */
    check(this_vcpu()->info->evtchn_upcall_mask == 0, "the upcall mask changed");
}
