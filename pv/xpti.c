/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XPTI: what a CPU's copies of root tables map of the hypervisor, and the change from vCPU to vCPU.
 *
 * They map the machine-to-physical table (guests read it), the per-domain area (GDT and LDT are
 * looked up there), and of the hypervisor's image, stacks and per-CPU blocks: .text.entry; the
 * CPU's own SYSCALL stub, TSS and IDT; the pages of its stacks that an entry reaches before it
 * loads the full table (hv/cpu/spec_entry.S): the four of the interrupt stack table and the last
 * one of the primary stack, which holds struct cpu_info. None of this is global: with CR4.PGE the
 * TLB would keep all of the hypervisor in reach of its guests.
 *
 * The frames of the image's tables are shared by all CPUs; each has a table for its stacks and
 * block.
 */
#include <hv/desc.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/mm.h>
#include <hv/percpu.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spec.h>
#include <pv/pv.h>
#include <pv/xpti.h>

#define TABLE_FLAGS (PTE_P | PTE_RW | PTE_A | PTE_D)
#define NOT_GLOBAL(flags) ((flags) & ~PTE_G)

extern char text_start[], text_entry_end[];

/* Maps in these tables what the hypervisor's own have at va. */
static int share_page(pte_t *table, unsigned long va, uint64_t flags)
{
    for (unsigned int level = 4; level > 1; level--) {
        pte_t *e = &table[pt_index(va, level)];

        if (!(*e & PTE_P)) {
            void *lower = alloc_xen_page();

            if (!lower)
                return -ENOMEM;
            *e = make_pte(virt_to_mfn(lower), TABLE_FLAGS);
        }
        table = mfn_to_virt(pte_mfn(*e));
    }
    table[pt_index(va, 1)] = make_pte(hv_page_mfn(va), NOT_GLOBAL(flags));
    return 0;
}

static int share_image(pte_t *root)
{
    int rc = 0;

    for (const char *p = text_start; p < text_entry_end && !rc; p += PAGE_SIZE)
        rc = share_page(root, (unsigned long)p, PAGE_HV_RX);
    return rc;
}

/* Another CPU's tables: the same third-level entry for the image. */
static int share_image_tables(pte_t *root, const pte_t *other)
{
    const pte_t *theirs = mfn_to_virt(pte_mfn(other[HV_IMAGE_SLOT]));
    pte_t *l3 = alloc_xen_page();

    if (!l3)
        return -ENOMEM;
    l3[l3_index(HV_IMAGE_START)] = theirs[l3_index(HV_IMAGE_START)];
    root[HV_IMAGE_SLOT] = make_pte(virt_to_mfn(l3), TABLE_FLAGS);
    return 0;
}

static int share_stacks(pte_t *root, unsigned int cpu)
{
    static const uint8_t pages[] = { STACK_PAGE_DF, STACK_PAGE_NMI, STACK_PAGE_MC, STACK_PAGE_DB,
                                     (1 << STACK_ORDER) - 1 };
    unsigned long stack = STACKS_VIRT_START + cpu * (unsigned long)STACK_SIZE;
    int rc = 0;

    for (unsigned int i = 0; i < ARRAY_SIZE(pages) && !rc; i++)
        rc = share_page(root, stack + pages[i] * PAGE_SIZE, PAGE_HV_RW);
    return rc;
}

static int share_block(pte_t *root, unsigned int cpu)
{
    int rc = share_page(root, cpu_stub[cpu], PAGE_HV_RX);

    if (!rc)
        rc = share_page(root, (unsigned long)cpu_tss[cpu], PAGE_HV_RO);
    return rc ? rc : share_page(root, (unsigned long)cpu_idt[cpu], PAGE_HV_RO);
}

int pv_xpti_cpu_prepare(unsigned int cpu)
{
    pte_t **copies = pv_root_copies[cpu];
    int rc;

    if (!spec.xpti[SPEC_DOM0] && !spec.xpti[SPEC_DOMU])
        return 0;
    pv_root_copies_used = true;
    for (unsigned int i = 0; i < NR_ROOT_COPIES; i++) {
        copies[i] = alloc_xen_page();
        if (!copies[i])
            return -ENOMEM;
    }
    copies[0][l4_index(M2P_VIRT_START)] = idle_root[l4_index(M2P_VIRT_START)];
    rc = cpu ? share_image_tables(copies[0], pv_root_copies[0][0]) : share_image(copies[0]);
    if (!rc)
        rc = share_stacks(copies[0], cpu);
    if (!rc)
        rc = share_block(copies[0], cpu);
    copy_page(copies[1], copies[0]);
    return rc;
}

/* Should either bit change, everything there is in the TLB is flushed. The register itself is
   asked: whoever else loads it, a way out of a virtual machine above all, shall not make a hole. */
static void set_cr4(struct cpu_info *info, bool xpti)
{
    unsigned long cr4 = info->cr4 & ~(unsigned long)(X86_CR4_PGE | X86_CR4_PCIDE);

    if (!xpti)
        cr4 |= X86_CR4_PGE;
    else if (spec.pcid[true])
        cr4 |= X86_CR4_PCIDE;
    info->cr4 = cr4;
    info->cr3_noflush = cr4 & X86_CR4_PCIDE ? CR3_NOFLUSH : 0;
    if (cr4 != read_cr4())
        write_cr4(cr4);
}

static uint64_t cr3_of(const struct cpu_info *info, const pte_t *copy, unsigned int pcid)
{
    return virt_to_maddr(copy) | (info->cr3_noflush ? pcid | CR3_NOFLUSH : 0);
}

void pv_xpti_switch_to(struct vcpu *v)
{
    struct cpu_info *info = get_cpu_info();
    pte_t *const *copies = pv_root_copies[smp_processor_id()];
    const struct pv_domain *pd = pv_domain(v->domain);
    const struct pv_vcpu *pv = pv_vcpu(v);

    set_cr4(info, pd->xpti);
    if (!pd->xpti) {
        info->xpti_cr3_kernel = info->xpti_cr3_user = 0;
        return;
    }
    for (unsigned int i = 0; i < NR_ROOT_COPIES; i++)
        copies[i][PERDOMAIN_SLOT] = make_pte(pd->perdomain_l3_mfn, TABLE_FLAGS);
    pv_root_copy(KERNEL_ROOT_COPY, pv->guest_root);
    pv_root_copy(USER_ROOT_COPY, pv->guest_root_user);
    info->xpti_cr3_kernel = cr3_of(info, copies[KERNEL_ROOT_COPY], PCID_KERNEL_COPY);
    info->xpti_cr3_user = cr3_of(info, copies[USER_ROOT_COPY], PCID_USER_COPY);
}
