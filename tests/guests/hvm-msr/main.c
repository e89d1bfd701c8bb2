/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Are a hardware-assisted guest's model-specific registers its own?
 *
 * Those of SYSCALL and SYSENTER, the segment bases, PAT and EFER can be written and read back; what
 * is reserved or not there raises #GP and changes nothing. (QEMU takes addresses that are not
 * canonical, and Xen lets it decide on PAT.)
 */
#include <hvm.h>

static const struct { uint32_t msr; uint64_t val; } own[] = {
    { 0xc0000081, 0x0023001000000000 },     /* STAR */
    { 0xc0000082, 0xffffffff81234560 },     /* LSTAR */
    { 0xc0000083, 0xffffffff81234570 },     /* CSTAR */
    { 0xc0000084, 0x47700 },                /* SFMASK */
    { 0xc0000100, 0x00007f0012345000 },     /* FS_BASE */
    { 0xc0000101, 0xffff880012345000 },     /* GS_BASE */
    { 0xc0000102, 0x00007f0054321000 },     /* KERNEL_GS_BASE */
    { 0x174, 0x10 },                        /* SYSENTER_CS */
    { 0x277, 0x0007010600070106 },          /* PAT */
};

static const struct { uint32_t msr; uint64_t val; const char *what; } refused[] = {
    { 0xc0000080, 1UL << 20, "EFER with a reserved bit" },
    { 0xc0000080, 0x901 | 1UL << 12, "EFER.SVME" },
    { 0xc0000080, 0x801, "EFER.LME off while paging is on" },
    { 0x12345678, 0, "an MSR that is not there" },
};

void test_main(void)
{
    uint64_t efer = rdmsr(0xc0000080), val;
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(own); i++) {
        uint64_t before = rdmsr(own[i].msr);

        wrmsr(own[i].msr, own[i].val);
        val = rdmsr(own[i].msr);
        wrmsr(own[i].msr, before);
        check(val == own[i].val, "MSR 0x%x: wrote 0x%lx, read 0x%lx", own[i].msr, own[i].val, val);
    }
    for (i = 0; i < ARRAY_SIZE(refused); i++)
        check(wrmsr_faults(refused[i].msr, refused[i].val), "no #GP for %s", refused[i].what);
    check(rdmsr_faults(0x12345678, &val), "no #GP for reading an MSR that is not there");
    check(rdmsr(0xc0000080) == efer, "EFER has become 0x%lx", rdmsr(0xc0000080));
}
