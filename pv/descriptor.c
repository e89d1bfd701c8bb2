/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Guest descriptor tables. A frame in a GDT or LDT has type PGT_seg_desc_page: its
 * descriptors have all been checked, and it has no writable mapping; single descriptors
 * change through update_descriptor.
 */
#include <hv/desc.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/uaccess.h>
#include <pv/pv.h>

/* Source: AMD64 APM volume 2, "Long-Mode Segment Descriptors". High word of a descriptor. */
#define DESC_TYPE (15u << 8)
#define DESC_S (1u << 12)
#define DESC_DPL (3u << 13)
#define DESC_P (1u << 15)
#define DESCS_PER_PAGE (PAGE_SIZE / 8)

/*
 * What ring 3 can't use is harmless: not present, type 0 (the second half of a 16-byte descriptor),
 * or a DPL below 3, which is raised to 3. Code and data segments have no other power. Refused:
 * gates, TSS and LDT descriptors.
 */
bool pv_check_descriptor(uint64_t *desc)
{
    uint32_t b = (uint32_t)(*desc >> 32);

    if (!(b & DESC_P))
        return true;
    if (!(b & DESC_S) && (b & DESC_TYPE))
        return false;
    *desc |= (uint64_t)DESC_DPL << 32;
    return true;
}

/* What the window holds where the guest has given no frame: descriptors that are not present, so
   that their use is a #GP. */
static uint8_t zero_page[PAGE_SIZE] __aligned(PAGE_SIZE);

static pte_t null_gdt_page(void)
{
    return make_pte(virt_to_mfn(zero_page), PTE_P | PTE_A | PTE_NX);
}

void pv_init_gdt(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    for (unsigned int i = 0; i < ARRAY_SIZE(pv->gdt_frames); i++) {
        pv->gdt_frames[i] = INVALID_MFN;
        pv->gdt_ldt_l1[i] = null_gdt_page();
    }
    pv->gdt_ldt_l1[HV_GDT_FIRST_BYTE / PAGE_SIZE + 1] = null_gdt_page();
}

void pv_destroy_gdt(struct vcpu *v)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    for (unsigned int i = 0; i < ARRAY_SIZE(pv->gdt_frames); i++) {
        if (pv->gdt_frames[i] == INVALID_MFN)
            continue;
        pv->gdt_ldt_l1[i] = null_gdt_page();
        put_page_and_type(mfn_to_page(pv->gdt_frames[i]));
        pv->gdt_frames[i] = INVALID_MFN;
    }
    pv->gdt_ents = 0;
}

static int take_gdt_frame(struct domain *d, mfn_t mfn)
{
    struct page_info *pg = frame_of(mfn);

    return pg && !get_page_and_type(pg, d, PGT_seg_desc_page) ? 0 : -EINVAL;
}

int pv_set_gdt(struct vcpu *v, const unsigned long *frames, unsigned int entries)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    unsigned int nr = DIV_ROUND_UP(entries, (unsigned int)DESCS_PER_PAGE), i;

    if (entries > FIRST_RESERVED_GDT_BYTE_OFF / 8)
        return -EINVAL;
    for (i = 0; i < nr; i++)
        if (take_gdt_frame(v->domain, frames[i]))
            goto err_put;
    pv_destroy_gdt(v);
    for (i = 0; i < nr; i++) {
        pv->gdt_frames[i] = frames[i];
        /* No US bit: the guest reaches its GDT through its own mapping only, the CPU's
           look-ups are supervisor reads. */
        pv->gdt_ldt_l1[i] = make_pte(frames[i], PTE_P | PTE_RW | PTE_A | PTE_D | PTE_NX);
    }
    pv->gdt_ents = entries;
    return 0;

err_put:
    while (i--)
        put_page_and_type(mfn_to_page(frames[i]));
    return -EINVAL;
}

long do_set_gdt(const void *frames_arg, unsigned long entries)
{
    unsigned int nr = DIV_ROUND_UP((unsigned int)entries, (unsigned int)DESCS_PER_PAGE);
    unsigned long frames[FIRST_RESERVED_GDT_BYTE_OFF / PAGE_SIZE];
    struct vcpu *v = current;
    int rc;

    if (entries > FIRST_RESERVED_GDT_BYTE_OFF / 8)
        return -EINVAL;
    if (copy_from_guest(frames, frames_arg, nr * sizeof(frames[0])))
        return -EFAULT;
    rc = pv_set_gdt(v, frames, (unsigned int)entries);
    if (!rc)
        flush_local(FLUSH_TLB, 0);
    return rc;
}

long do_update_descriptor(unsigned long gaddr, unsigned long desc)
{
    struct domain *d = current->domain;
    struct page_info *pg = frame_of(gaddr >> PAGE_SHIFT);
    uint64_t value = desc;
    unsigned long type;
    long rc = -EINVAL;

    if ((gaddr & 7) || !pv_check_descriptor(&value) || !pg || !get_page(pg, d))
        return -EINVAL;
    type = READ_ONCE(pg->type_info) & PGT_type_mask;
    if (type != PGT_seg_desc_page)
        type = PGT_writable_page;
    if (get_page_type(pg, type) == 0) {
        WRITE_ONCE(*(uint64_t *)maddr_to_virt(gaddr), value);
        put_page_type(pg);
        rc = 0;
    }
    put_page(pg);
    return rc;
}
