/* SPDX-License-Identifier: BSD-2-Clause */
/* A PV vCPU in words: what the core does not know of it, and its stack. */
#include <hv/lib.h>
#include <hv/printk.h>
#include <pv/pt.h>
#include <pv/pv.h>

#define STACK_LINES 10u
#define WORDS_PER_LINE 4u

/* A word at va of v's present mode, without its CPU's help. */
static bool peek_word(const struct pv_vcpu *pv, unsigned long va, uint64_t *word)
{
    uint64_t root = pv_in_kernel(&pv->v) ? pv->guest_root : pv->guest_root_user;
    pte_t e = root && pv_addr_ok(va) ? pt_walk_read(root, va) : 0;

    if (!(e & PTE_P) || !mfn_valid(pte_mfn(e)))
        return false;
    *word = *(const uint64_t *)((char *)mfn_to_virt(pte_mfn(e)) + (va & ~PAGE_MASK));
    return true;
}

static void show_stack(struct vcpu *v)
{
    const struct cpu_user_regs *regs = v == current ? guest_regs() : &v->regs;
    unsigned long va = ROUND_DOWN(regs->rsp, sizeof(uint64_t));
    uint64_t word;

    printk("    stack from %#lx:\n", va);
    for (unsigned int i = 0; i < STACK_LINES * WORDS_PER_LINE; i++, va += sizeof(word)) {
        if (!peek_word(const_pv_vcpu(v), va, &word)) {
            printk("%s    (nothing mapped at %#lx)\n", i % WORDS_PER_LINE ? "\n" : "", va);
            return;
        }
        printk("%s%016lx%s", i % WORDS_PER_LINE ? " " : "    ", word,
               i % WORDS_PER_LINE == WORDS_PER_LINE - 1 ? "\n" : "");
    }
}

void pv_show(struct vcpu *v)
{
    const struct pv_vcpu *pv = pv_vcpu(v);

    printk("    PV: %s mode, root %#lx user root %#lx kernel stack %#lx\n",
           pv_in_kernel(v) ? "kernel" : "user", pv->guest_root, pv->guest_root_user, pv->kernel_sp);
    printk("    callbacks: event %#lx failsafe %#lx syscall %#lx; GDT %u LDT %u entries\n",
           pv->event_callback_eip, pv->failsafe_callback_eip, pv->syscall_callback_eip,
           pv->gdt_ents, pv->ldt_ents);
    show_stack(v);
}
