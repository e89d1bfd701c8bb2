/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions and entry points (hv/cpu/entry.S, hv/cpu/traps.c; for PV
   guests pv/entry.S, pv/traps.c). */
#ifndef HV_TRAPS_H
#define HV_TRAPS_H

#include <hv/types.h>

struct cpu_user_regs;

struct idt_entry { uint64_t a, b; };
struct tss {
    uint32_t res0;
    uint64_t rsp[3];
    uint64_t res1;
    uint64_t ist[7];
    uint64_t res2;
    uint16_t res3, iomap;
} __attribute__((packed));
_Static_assert(sizeof(struct tss) == 104, "64-bit TSS");

/* From the regs: was the CPU in a guest (ring 3) or in the hypervisor? */
#define guest_mode(regs) (((regs)->cs & 3) == 3)

void traps_init(void);                    /* boot, after cpu_detect: patches SMAP
                                             instructions in where the CPU has it */
/* Fills all 256 entries; linker symbols ex_table_*, alternatives_* bound their tables. */
void idt_init_table(struct idt_entry *idt);
/* Called from entry code for every exception; vector in regs->entry_vector. */
void do_exception(struct cpu_user_regs *regs);
void do_nmi(struct cpu_user_regs *regs);
void do_machine_check(struct cpu_user_regs *regs);
void do_double_fault(struct cpu_user_regs *regs) noreturn;
/* Exceptions that happened in a PV guest, v is current; pv/traps.c. */
struct vcpu;
void pv_exception(struct cpu_user_regs *regs, struct vcpu *v);

/* Those of a frame; show_registers() adds what this CPU holds besides. */
void show_general_registers(const struct cpu_user_regs *regs);
void show_registers(const struct cpu_user_regs *regs);
void show_backtrace(const struct cpu_user_regs *regs);   /* symbolised; NULL = here */
const char *exception_name(unsigned int vector);         /* "#PF" */

/* Symbols (hv/lib/symbols.c). Name of the function that holds addr, its start and
   size; NULL if outside of text. */
const char *symbol_lookup(unsigned long addr, unsigned long *start, unsigned long *size, char *buf,
                          size_t len);
bool is_hv_text(unsigned long addr);

#endif
