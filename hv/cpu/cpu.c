/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the boot CPU is and can do. The other CPUs are taken to be the same. Source: Intel SDM
 * volume 2, "CPUID"; AMD64 APM volume 3, "Obtaining Processor Information Via the CPUID
 * Instruction".
 */
#include <hv/cpuid.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>

struct cpu_data boot_cpu;

#define EXT_BASE 0x80000000u
#define DEFAULT_PADDR_BITS 36
#define DEFAULT_VADDR_BITS 48

/* Where each word of the feature set comes from. Word 16 and 17 are an MSR, read when exceptions
 * can be caught. */
static const struct { uint32_t leaf, subleaf; uint8_t word, reg; } sources[] = {
    { 1, 0, 0, 'd' }, { 1, 0, 1, 'c' },
    { EXT_BASE + 1, 0, 2, 'd' }, { EXT_BASE + 1, 0, 3, 'c' },
    { 0xd, 1, 4, 'a' },
    { 7, 0, 5, 'b' }, { 7, 0, 6, 'c' },
    { EXT_BASE + 7, 0, 7, 'd' }, { EXT_BASE + 8, 0, 8, 'b' },
    { 7, 0, 9, 'd' }, { 7, 1, 10, 'a' },
    { EXT_BASE + 0x21, 0, 11, 'a' },
    { 7, 1, 12, 'b' }, { 7, 2, 13, 'd' }, { 7, 1, 14, 'c' }, { 7, 1, 15, 'd' },
    { EXT_BASE + 0x21, 0, 18, 'c' },
};

/* The hypervisor and its 64-bit PV guests can't do without. */
static const struct { enum x86_feature f; const char *name; } required[] = {
    { X86_FEATURE_FPU, "fpu" }, { X86_FEATURE_TSC, "tsc" }, { X86_FEATURE_MSR, "msr" },
    { X86_FEATURE_PAE, "pae" }, { X86_FEATURE_CX8, "cx8" }, { X86_FEATURE_APIC, "apic" },
    { X86_FEATURE_PGE, "pge" }, { X86_FEATURE_CMOV, "cmov" }, { X86_FEATURE_PAT, "pat" },
    { X86_FEATURE_FXSR, "fxsr" }, { X86_FEATURE_SSE, "sse" }, { X86_FEATURE_SSE2, "sse2" },
    { X86_FEATURE_SYSCALL, "syscall" }, { X86_FEATURE_NX, "nx" }, { X86_FEATURE_LM, "lm" },
};

static struct cpuid_leaf leaf_of(uint32_t leaf, uint32_t subleaf)
{
    struct cpuid_leaf l;

    cpuid_count(leaf, subleaf, &l.a, &l.b, &l.c, &l.d);
    return l;
}

static bool leaf_exists(uint32_t leaf, uint32_t subleaf)
{
    if (leaf >= EXT_BASE)
        return leaf <= boot_cpu.max_ext_leaf;
    if (leaf > boot_cpu.max_leaf)
        return false;
    /* Sub-leaf 0 of leaf 7 tells how many there are. */
    return leaf != 7 || subleaf == 0 || leaf_of(7, 0).a >= subleaf;
}

static uint32_t vendor_of(const char *name)
{
    static const struct { const char *name; uint32_t vendor; } vendors[] = {
        { "GenuineIntel", VENDOR_intel }, { "AuthenticAMD", VENDOR_amd },
        { "HygonGenuine", VENDOR_hygon },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(vendors); i++)
        if (!memcmp(name, vendors[i].name, 12))
            return vendors[i].vendor;
    return VENDOR_unknown;
}

static void read_identity(void)
{
    struct cpuid_leaf l = leaf_of(0, 0);
    uint32_t name[3] = { l.b, l.d, l.c };

    boot_cpu.max_leaf = l.a;
    boot_cpu.vendor = vendor_of((const char *)name);
    l = leaf_of(EXT_BASE, 0);
    boot_cpu.max_ext_leaf = (l.a >> 16) == (EXT_BASE >> 16) ? l.a : 0;
    l = leaf_of(1, 0);
    boot_cpu.family = (l.a >> 8) & 0xf;
    boot_cpu.model = (l.a >> 4) & 0xf;
    boot_cpu.stepping = l.a & 0xf;
    if (boot_cpu.family >= 6)
        boot_cpu.model |= (l.a >> 12) & 0xf0;
    if (boot_cpu.family == 0xf)
        boot_cpu.family += (l.a >> 20) & 0xff;
}

static void read_sizes(void)
{
    uint32_t a = DEFAULT_PADDR_BITS | DEFAULT_VADDR_BITS << 8;

    if (leaf_exists(EXT_BASE + 8, 0))
        a = leaf_of(EXT_BASE + 8, 0).a;
    boot_cpu.paddr_bits = a & 0xff;
    boot_cpu.vaddr_bits = (a >> 8) & 0xff;
}

static void read_brand(void)
{
    struct cpuid_leaf l;
    char text[49] = "";
    const char *s = text;
    unsigned int n = 0;

    for (uint32_t i = 0; i < 3 && leaf_exists(EXT_BASE + 4, 0); i++) {
        l = leaf_of(EXT_BASE + 2 + i, 0);
        memcpy(text + 16 * i, &l, sizeof(l));
    }
    /* Spaces come in runs, leading ones too. */
    for (; *s; s++)
        if (*s != ' ' || (n && boot_cpu.brand[n - 1] != ' '))
            boot_cpu.brand[n++] = *s;
    while (n && boot_cpu.brand[n - 1] == ' ')
        n--;
    boot_cpu.brand[n] = '\0';
}

static void refuse_unfit(void)
{
    char missing[128] = "";
    size_t n = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(required) && n < sizeof(missing); i++)
        if (!cpu_has(required[i].f))
            n += (size_t)snprintf(missing + n, sizeof(missing) - n, " %s", required[i].name);
    if (n)
        panic(
            "This CPU lacks what the hypervisor needs:%s.\n"
            "Enable it in the firmware setup, or choose another CPU model for the virtual machine",
            missing);
}

void cpu_detect(void)
{
    read_identity();
    for (unsigned int i = 0; i < ARRAY_SIZE(sources); i++) {
        struct cpuid_leaf l;

        if (!leaf_exists(sources[i].leaf, sources[i].subleaf))
            continue;
        l = leaf_of(sources[i].leaf, sources[i].subleaf);
        boot_cpu.features[sources[i].word] = sources[i].reg == 'a'   ? l.a
                                             : sources[i].reg == 'b' ? l.b
                                             : sources[i].reg == 'c' ? l.c
                                                                     : l.d;
    }
    read_sizes();
    read_brand();
    refuse_unfit();
    printk("CPU: %s, family %#x model %#x stepping %u, %u-bit physical addresses\n",
           boot_cpu.brand[0] ? boot_cpu.brand : "unnamed", boot_cpu.family, boot_cpu.model,
           boot_cpu.stepping, boot_cpu.paddr_bits);
}
