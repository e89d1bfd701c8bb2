/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The guest's part of the root tables that a CPU runs PV guests on with XPTI: copies of the running
 * vCPU's two root tables, which pv/xpti.c has made. A copy is taken whole when the CPU takes up a
 * root table, and by entries when one of that table changes.
 *
 * An entry changes like this: the root table itself, then the copies on all CPUs that run on it,
 * then whatever the old entry owned is given up. So when a frame is stamped (hv/mm.h), no CPU finds
 * it by a copy any more, and the central rule holds as it does without copies. Nobody is missed: a
 * CPU makes known what it runs on (vcpu.dirty_cpu, guest_root) before it reads the table, and who
 * changes the table looks at that afterwards. A copy is taken with interrupts off, so that it is
 * whole when the interrupt about a change comes.
 */
#include <hv/domain.h>
#include <hv/lib.h>
#include <hv/smp.h>
#include <pv/pt.h>
#include <pv/xpti.h>

bool pv_root_copies_used __ro_after_init;
pte_t *pv_root_copies[NR_CPUS][NR_ROOT_COPIES] __ro_after_init;

/* Entries are moved one by one and whole: another CPU may be changing them. */
static void copy_entries(pte_t *to, const pte_t *from, unsigned int first, unsigned int n)
{
    to += first;
    if (!from) {
        memset(to, 0, n * sizeof(*to));
        return;
    }
    from += first;
#ifdef HV_UNIT_TEST
    memcpy(to, from, n * sizeof(*to));
#else
    {
        unsigned long count = n;

        __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
    }
#endif
}

void pv_root_copy(enum root_copy which, uint64_t root)
{
    unsigned long flags = local_irq_save();
    pte_t *to = pv_root_copies[smp_processor_id()][which];
    const pte_t *from = root ? maddr_to_virt(root) : NULL;

    smp_mb();
    copy_entries(to, from, 0, HV_FIRST_SLOT);
    copy_entries(to, from, HV_LAST_SLOT + 1, PT_ENTRIES - HV_LAST_SLOT - 1);
    local_irq_restore(flags);
}

struct change { paddr_t root; unsigned int slot; };

/* Interrupts off. */
static void copy_changed_entry(void *arg)
{
    const struct change *c = arg;
    pte_t *const *copies = pv_root_copies[smp_processor_id()];
    struct vcpu *v = current;
    pte_t e = READ_ONCE(((const pte_t *)maddr_to_virt(c->root))[c->slot]);

    if (v->is_idle || v->domain->is_hvm || !pv_domain(v->domain)->xpti)
        return;
    if (pv_vcpu(v)->guest_root == c->root)
        WRITE_ONCE(copies[KERNEL_ROOT_COPY][c->slot], e);
    if (pv_vcpu(v)->guest_root_user == c->root)
        WRITE_ONCE(copies[USER_ROOT_COPY][c->slot], e);
}

void pv_root_changed(struct domain *d, mfn_t root, unsigned int slot)
{
    struct change c = { pfn_to_paddr(root), slot };
    cpumask_t mask = { };
    struct vcpu *v;

    if (!pv_domain(d)->xpti)
        return;
    for_each_vcpu(d, v) {
        unsigned int cpu = READ_ONCE(v->dirty_cpu);

        if (cpu < NR_CPUS && (READ_ONCE(pv_vcpu(v)->guest_root) == c.root ||
                              READ_ONCE(pv_vcpu(v)->guest_root_user) == c.root))
            __set_bit(cpu, mask.bits);
    }
    if (!cpumask_empty(&mask))
        on_cpus(&mask, copy_changed_entry, &c, true);
}
