/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a hardware-assisted micro-guest has besides <guest.h>: registers, ports and devices of a PC,
 * and Xen's interface for HVM guests. All of its memory is mapped at VIRT_BASE + physical address
 * and, up to 4 GiB, one to one; frame numbers are guest-physical, pages user-accessible.
 */
#ifndef GUEST_HVM_H
#define GUEST_HVM_H

#include <guest.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>

#define hc_hvm_op(cmd, arg) HC2(hvm_op, cmd, arg)

#define VEC_CALLBACK 0xf3           /* the event channels' vector */
#define VEC_LEAVE_USER 0x81

enum { KERNEL_CS64 = 0x08, KERNEL_DS = 0x10, KERNEL_CS32 = 0x18, KERNEL_CS16 = 0x30,
       KERNEL_DS16 = 0x38 };

static inline void cpuid(uint32_t leaf, uint32_t sub, uint32_t out[4])
{
    asm volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3])
                 : "0"(leaf), "2"(sub));
}
static inline uint64_t rdmsr(uint32_t msr)
{
    uint32_t lo, hi;

    asm volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
    return (uint64_t)hi << 32 | lo;
}
static inline void wrmsr(uint32_t msr, uint64_t val)
{
    asm volatile("wrmsr" : : "c"(msr), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)) : "memory");
}
/* True when the access raised #GP; *val is then untouched. */
bool rdmsr_faults(uint32_t msr, uint64_t *val);
bool wrmsr_faults(uint32_t msr, uint64_t val);

#define READ_CR(n)                                                                                 \
    static inline uint64_t read_cr##n(void)                                                        \
    {                                                                                              \
        uint64_t v;                                                                                \
        asm volatile("mov %%cr" #n ", %0" : "=r"(v));                                              \
        return v;                                                                                  \
    }                                                                                              \
    static inline void write_cr##n(uint64_t v)                                                     \
    {                                                                                              \
        asm volatile("mov %0, %%cr" #n : : "r"(v) : "memory");                                     \
    }
READ_CR(0)
READ_CR(2)
READ_CR(3)
READ_CR(4)
READ_CR(8)

static inline uint8_t inb(uint16_t port)
{
    uint8_t v;

    asm volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint16_t inw(uint16_t port)
{
    uint16_t v;

    asm volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline uint32_t inl(uint16_t port)
{
    uint32_t v;

    asm volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}
static inline void outb(uint16_t port, uint8_t v)
{
    asm volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}
static inline void outw(uint16_t port, uint16_t v)
{
    asm volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}
static inline void outl(uint16_t port, uint32_t v)
{
    asm volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}
static inline void interrupts_on(void) { asm volatile("sti" ::: "memory"); }
static inline void interrupts_off(void) { asm volatile("cli" ::: "memory"); }
/* Interrupts on and halted, so that one that waits already is not slept over. */
static inline void wait_for_interrupt(void) { asm volatile("sti; hlt" ::: "memory"); }
static inline void invlpg(const void *va) { asm volatile("invlpg (%0)" : : "r"(va) : "memory"); }

/* The page-table entry of level 1 for va, below VIRT_BASE + 1 GiB, splitting its large page. */
uint64_t *pte_for(void *va);
/* Physical address of an address of the program. */
static inline uint64_t phys(const void *va) { return (uint64_t)va - VIRT_BASE; }
/* An address range of the guest's physical space that nothing is at, to be accessed one to one. */
static inline void *at_phys(uint64_t pa) { return (void *)pa; }

/* HVM parameters of this domain; the hypercall's result. */
long param_get(uint32_t index, uint64_t *val);
long param_set(uint32_t index, uint64_t val);
/* XENMEM_add_to_physmap of one frame. */
long add_to_physmap(unsigned int space, unsigned long idx, unsigned long gfn);

/* Base of the hypervisor's CPUID leaves. */
uint32_t hypervisor_base(void);

/* Starts vCPU id at fn(arg) by INIT and start-up IPIs through the local APIC. */
void ap_start(unsigned int id, void (*fn)(void *), void *arg);

#endif
