/* SPDX-License-Identifier: BSD-2-Clause */
/* Registers and instructions of the CPU. Source: AMD64 APM volume 2, "System
   Resources"; Intel SDM volume 3. */
#ifndef HV_PROCESSOR_H
#define HV_PROCESSOR_H

#define X86_CR0_PE (1 << 0)
#define X86_CR0_MP (1 << 1)
#define X86_CR0_EM (1 << 2)
#define X86_CR0_TS (1 << 3)
#define X86_CR0_ET (1 << 4)
#define X86_CR0_NE (1 << 5)
#define X86_CR0_WP (1 << 16)
#define X86_CR0_AM (1 << 18)
#define X86_CR0_NW (1 << 29)
#define X86_CR0_CD (1 << 30)
#define X86_CR0_PG (1UL << 31) /* Unsigned: CR0[63:32] must be zero. */

#define CR3_NOFLUSH (_UL(1) << 63)     /* with CR4.PCIDE: translations of the PCID stay */
#define X86_CR4_VME (1 << 0)
#define X86_CR4_PVI (1 << 1)
#define X86_CR4_TSD (1 << 2)
#define X86_CR4_DE (1 << 3)
#define X86_CR4_PSE (1 << 4)
#define X86_CR4_PAE (1 << 5)
#define X86_CR4_MCE (1 << 6)
#define X86_CR4_PGE (1 << 7)
#define X86_CR4_PCE (1 << 8)
#define X86_CR4_OSFXSR (1 << 9)
#define X86_CR4_OSXMMEXCPT (1 << 10)
#define X86_CR4_UMIP (1 << 11)
#define X86_CR4_VMXE (1 << 13)
#define X86_CR4_FSGSBASE (1 << 16)
#define X86_CR4_PCIDE (1 << 17)
#define X86_CR4_OSXSAVE (1 << 18)
#define X86_CR4_SMEP (1 << 20)
#define X86_CR4_SMAP (1 << 21)

#define X86_EFLAGS_CF (1 << 0)
#define X86_EFLAGS_MBS (1 << 1)
#define X86_EFLAGS_PF (1 << 2)
#define X86_EFLAGS_AF (1 << 4)
#define X86_EFLAGS_ZF (1 << 6)
#define X86_EFLAGS_SF (1 << 7)
#define X86_EFLAGS_TF (1 << 8)
#define X86_EFLAGS_IF (1 << 9)
#define X86_EFLAGS_DF (1 << 10)
#define X86_EFLAGS_OF (1 << 11)
#define X86_EFLAGS_IOPL (3 << 12)
#define X86_EFLAGS_NT (1 << 14)
#define X86_EFLAGS_RF (1 << 16)
#define X86_EFLAGS_VM (1 << 17)
#define X86_EFLAGS_AC (1 << 18)
#define X86_EFLAGS_VIF (1 << 19)
#define X86_EFLAGS_VIP (1 << 20)
#define X86_EFLAGS_ID (1 << 21)

/* Exception vectors. */
#define X86_EXC_DE 0
#define X86_EXC_DB 1
#define X86_EXC_NMI 2
#define X86_EXC_BP 3
#define X86_EXC_OF 4
#define X86_EXC_BR 5
#define X86_EXC_UD 6
#define X86_EXC_NM 7
#define X86_EXC_DF 8
#define X86_EXC_TS 10
#define X86_EXC_NP 11
#define X86_EXC_SS 12
#define X86_EXC_GP 13
#define X86_EXC_PF 14
#define X86_EXC_MF 16
#define X86_EXC_AC 17
#define X86_EXC_MC 18
#define X86_EXC_XM 19
/* Vectors that push an error code: DF TS NP SS GP PF AC. */
#define X86_EXC_HAVE_EC 0x00027d00

#define PFEC_PRESENT (1 << 0)
#define PFEC_WRITE (1 << 1)
#define PFEC_USER (1 << 2)
#define PFEC_RSVD (1 << 3)
#define PFEC_INSN (1 << 4)

#define X86_DR6_DEFAULT 0xffff0ff0UL
#define X86_DR7_DEFAULT 0x00000400UL
#define X86_DR6_BS (1UL << 14)

/* Hypervisor's own selectors: in the page of the GDT that the PV ABI
   reserves (entries from 0xe000). */
#define HV_CS 0xe008
#define HV_DS 0
#define HV_TSS 0xe040     /* 16 bytes, per CPU */
#define HV_LDT 0xe050     /* 16 bytes, of the current vCPU */

#ifndef __ASSEMBLY__

#include <hv/types.h>

struct desc_ptr { uint16_t limit; uint64_t base; } __packed;

static inline void cpuid_count(uint32_t leaf, uint32_t sub, uint32_t *a, uint32_t *b, uint32_t *c,
                               uint32_t *d)
{
    __asm__ volatile("cpuid" : "=a"(*a), "=b"(*b), "=c"(*c), "=d"(*d) : "0"(leaf), "2"(sub));
}
static inline uint64_t rdtsc(void)
{
    uint32_t lo, hi;
    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return ((uint64_t)hi << 32) | lo;
}
/* Not passed by earlier loads: LFENCE is dispatch-serialising on all CPUs
   that the hypervisor accepts. */
static inline uint64_t rdtsc_ordered(void)
{
    __asm__ volatile("lfence" ::: "memory");
    return rdtsc();
}
static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;
    __asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return ((uint64_t)hi << 32) | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t v)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32)) : "memory");
}
/* Caught forms: -EFAULT when the CPU raises #GP. */
int rdmsr_safe(uint32_t msr, uint64_t *v);
int wrmsr_safe(uint32_t msr, uint64_t v);

#define DEFINE_CR(n)                                                                               \
    static inline unsigned long read_cr##n(void)                                                   \
    {                                                                                              \
        unsigned long v;                                                                           \
        __asm__ volatile("movq %%cr" #n ", %0" : "=r"(v));                                         \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_cr##n(unsigned long v)                                                \
    {                                                                                              \
        __asm__ volatile("movq %0, %%cr" #n : : "r"(v) : "memory");                                \
    }
DEFINE_CR(0)
DEFINE_CR(2)
DEFINE_CR(3)
DEFINE_CR(4)
#undef DEFINE_CR

static inline void invlpg(unsigned long va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}
/* Source: Intel SDM volume 2, "INVPCID". */
#define INVPCID_ADDRESS 0
#define INVPCID_EVERYTHING 2    /* of all PCIDs, global translations too */
static inline void invpcid(unsigned long type, unsigned long pcid, unsigned long va)
{
    const uint64_t descriptor[2] = { pcid, va };

    __asm__ volatile("invpcid %0, %1" : : "m"(descriptor), "r"(type) : "memory");
}
static inline void clts(void) { __asm__ volatile("clts"); }
static inline void stts(void) { write_cr0(read_cr0() | X86_CR0_TS); }
static inline void wbinvd(void) { __asm__ volatile("wbinvd" ::: "memory"); }
static inline void clac(void) { __asm__ volatile("clac" ::: "memory", "cc"); }
static inline void stac(void) { __asm__ volatile("stac" ::: "memory", "cc"); }
static inline void safe_halt(void) { __asm__ volatile("sti; hlt" ::: "memory"); }
static inline void halt(void) { __asm__ volatile("hlt" ::: "memory"); }
static inline void lidt(const struct desc_ptr *p) { __asm__ volatile("lidt %0" : : "m"(*p)); }
static inline void lgdt(const struct desc_ptr *p) { __asm__ volatile("lgdt %0" : : "m"(*p)); }
static inline void ltr(uint16_t sel) { __asm__ volatile("ltr %0" : : "r"(sel)); }
static inline void lldt(uint16_t sel) { __asm__ volatile("lldt %0" : : "r"(sel)); }
static inline uint8_t inb(uint16_t p)
{
    uint8_t v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(p));
    return v;
}
static inline uint16_t inw(uint16_t p)
{
    uint16_t v;
    __asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(p));
    return v;
}
static inline uint32_t inl(uint16_t p)
{
    uint32_t v;
    __asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(p));
    return v;
}
static inline void outb(uint16_t p, uint8_t v)
{
    __asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(p));
}
static inline void outw(uint16_t p, uint16_t v)
{
    __asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(p));
}
static inline void outl(uint16_t p, uint32_t v)
{
    __asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(p));
}
static inline bool is_canonical(uint64_t a) { return (uint64_t)(((int64_t)a >> 47) + 1) <= 1; }

#endif /* __ASSEMBLY__ */
#endif
