/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building of a PV domain 0 from a kernel ELF with Xen notes. Contract: xen/elfnote.h and "Start of
 * day structure passed to PV guests" of xen/xen.h.
 *
 * Virtual layout from the kernel's virt_base on, one page of memory after the other: kernel; initrd
 * (only if the kernel wants it mapped); phys-to-machine list (only if the kernel names no place for
 * it); start info; page tables; stack; padding to 4 MiB. An unmapped initrd and a p2m list in its
 * own region (with the page tables that map it) take the pseudo-physical frames behind.
 */
#include <hv/dom0.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/loader.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/video.h>
#include <pv/pv.h>
#include <xen/elfnote.h>

#define LAYOUT_ALIGN (4UL << 20)
#define STACK_PADDING (512UL << 10)
#define MIN_SPARE_PAGES ((4UL << 20) >> PAGE_SHIFT)
#define PTE_GUEST (PTE_P | PTE_RW | PTE_US | PTE_A | PTE_D)

struct range { unsigned long start, end; };

struct build {
    struct domain *d;
    struct dom0_images *img;
    struct elf_image elf;
    unsigned long nr_pages;
    unsigned long v_start, v_end, region_pages;
    struct range initrd, p2m, start_info, pt, stack; /* virtual */
    bool initrd_mapped, p2m_own_region;
    pfn_t initrd_pfn, p2m_pfn;      /* if not mapped in the region */
    unsigned long p2m_pages, p2m_pt_pages;
    char *region;                   /* where the hypervisor sees the region */
    char *p2m_run;                  /* the same for a p2m list of its own and its page tables */
    mfn_t *p2m_list;                /* the hypervisor's view */
    mfn_t root;
};

static unsigned long initrd_pages(const struct build *b)
{
    return b->img->initrd ? DIV_ROUND_UP(b->img->initrd->size, PAGE_SIZE) : 0;
}

/* Behind the initrd, if that is not mapped in the first region. */
static pfn_t rest_pfn(const struct build *b)
{
    return b->initrd_pfn + (b->initrd_mapped ? 0 : initrd_pages(b));
}

/* Page tables for [start, end): levels 1 to 3, without the root. */
static unsigned long tables_for(unsigned long start, unsigned long end)
{
    unsigned long n = 0;

    for (unsigned int shift = L2_SHIFT; shift <= L4_SHIFT; shift += 9)
        n += ((end - 1) >> shift) - (start >> shift) + 1;
    return n;
}

static void place(struct range *r, unsigned long *at, unsigned long pages)
{
    r->start = *at;
    r->end = *at = r->start + pages * PAGE_SIZE;
}

/* The page tables' number depends on the end of the region, which depends on their number. */
static void place_tables(struct build *b, unsigned long at)
{
    unsigned long nr = 1, end;

    for (;; nr++) {
        end = ROUND_UP(at + (nr + 1) * PAGE_SIZE + STACK_PADDING, LAYOUT_ALIGN);
        if (1 + tables_for(b->v_start, end) <= nr)
            break;
    }
    place(&b->pt, &at, nr);
    place(&b->stack, &at, 1);
    b->v_end = end;
}

static int plan_layout(struct build *b, const char **why)
{
    unsigned long at = ROUND_UP(b->elf.vend, PAGE_SIZE), own = b->elf.init_p2m;

    b->v_start = b->elf.virt_base;
    b->p2m_own_region = b->elf.have_init_p2m;
    b->initrd_mapped = b->img->initrd && !b->elf.mod_start_pfn;
    b->p2m_pages = DIV_ROUND_UP(b->nr_pages * sizeof(mfn_t), PAGE_SIZE);
    if (b->initrd_mapped)
        place(&b->initrd, &at, initrd_pages(b));
    if (!b->p2m_own_region)
        place(&b->p2m, &at, b->p2m_pages);
    place(&b->start_info, &at, 1);
    place_tables(b, at);
    b->region_pages = (b->v_end - b->v_start) >> PAGE_SHIFT;
    *why = "the kernel's addresses are outside of a PV guest's space";
    if (b->v_end <= b->v_start || !pv_range_ok(b->v_start, b->v_end - b->v_start))
        return -EINVAL;
    b->p2m_pfn = b->region_pages;
    if (b->p2m_own_region) {
        *why = "the kernel's place for the p2m list is outside of a PV guest's space";
        if ((own & ~PAGE_MASK) || !pv_range_ok(own, b->p2m_pages * PAGE_SIZE))
            return -EINVAL;
        place(&b->p2m, &own, b->p2m_pages);
        b->p2m_pt_pages = tables_for(b->p2m.start, b->p2m.end);
    }
    b->initrd_pfn = b->p2m_pfn + (b->p2m_own_region ? b->p2m_pages + b->p2m_pt_pages : 0);
    *why = "dom0_mem= is too small for kernel, initrd and page tables";
    return b->initrd_pfn + initrd_pages(b) + MIN_SPARE_PAGES > b->nr_pages ? -ENOMEM : 0;
}

/* --- memory --- */

/* The next chunk, the largest there is of at most 1 << *order and `pages` frames. */
static struct page_info *next_chunk(struct domain *d, unsigned int *order, unsigned long pages)
{
    struct page_info *pg;

    while ((1UL << *order) > pages)
        (*order)--;
    for (;; (*order)--) {
        pg = alloc_domain_pages(d, *order, MEMF_no_scrub);
        if (pg || !*order)
            return pg;
    }
}

/* Frames from wherever there are some, seen by the hypervisor one after the other. */
static char *allocate_view(struct domain *d, unsigned long pages)
{
    char *view = vmap_reserve(pages);
    unsigned int order = MAX_ORDER;

    for (unsigned long i = 0; view && i < pages; i += 1UL << order) {
        struct page_info *pg = next_chunk(d, &order, pages - i);

        if (!pg || map_hv_pages((unsigned long)view + i * PAGE_SIZE, page_to_mfn(pg), 1UL << order,
                                PAGE_HV_RW))
            return NULL;
    }
    return view;
}

static void set_p2m_run(struct build *b, pfn_t pfn, mfn_t mfn, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++) {
        b->p2m_list[pfn + i] = mfn + i;
        set_gpfn_from_mfn(mfn + i, pfn + i);
    }
}

/* Pseudo-physical frames from pfn to end, in the largest chunks there are. */
static int allocate_frames(struct build *b, pfn_t pfn, pfn_t end)
{
    unsigned int order = MAX_ORDER;

    while (pfn < end) {
        struct page_info *pg = next_chunk(b->d, &order, end - pfn);

        if (!pg)
            return -ENOMEM;
        set_p2m_run(b, pfn, page_to_mfn(pg), 1UL << order);
        pfn += 1UL << order;
        process_pending_softirqs();
    }
    return 0;
}

static void *region_ptr(const struct build *b, unsigned long va)
{
    return b->region + (va - b->v_start);
}

static void set_p2m_view(struct build *b, pfn_t pfn, const char *view, unsigned long n)
{
    for (unsigned long i = 0; i < n; i++)
        set_p2m_run(b, pfn + i, hv_page_mfn((unsigned long)view + i * PAGE_SIZE), 1);
}

/* Memory for what is loaded or made here. */
static int allocate_memory(struct build *b, const char **why)
{
    unsigned long run = b->p2m_pages + b->p2m_pt_pages;

    *why = "not enough memory for the p2m list";
    if (b->p2m_own_region) {
        b->p2m_run = allocate_view(b->d, run);
        if (!b->p2m_run)
            return -ENOMEM;
        b->p2m_list = (mfn_t *)b->p2m_run;
    } else {
        b->p2m_list = region_ptr(b, b->p2m.start);
    }
    set_p2m_view(b, 0, b->region, b->region_pages);
    if (b->p2m_own_region)
        set_p2m_view(b, b->p2m_pfn, b->p2m_run, run);
    *why = "not enough memory";
    return allocate_frames(b, b->initrd_pfn, rest_pfn(b));
}

static void load_initrd(struct build *b)
{
    const struct boot_module *m = b->img->initrd;
    const char *from;
    size_t left;
    pfn_t pfn;

    if (!m)
        return;
    from = maddr_to_virt(m->start);
    left = m->size;
    pfn = b->initrd_mapped ? (b->initrd.start - b->v_start) >> PAGE_SHIFT : b->initrd_pfn;
    for (; left; pfn++) {
        size_t n = MIN(left, (size_t)PAGE_SIZE);

        memcpy(mfn_to_virt(b->p2m_list[pfn]), from, n);
        memset((char *)mfn_to_virt(b->p2m_list[pfn]) + n, 0, PAGE_SIZE - n);
        from += n;
        left -= n;
    }
}

/* --- page tables --- */

/* A cleared table: the next of the pseudo-physical frames set aside for them. */
static mfn_t take_table(const struct build *b, pfn_t *next)
{
    mfn_t mfn = b->p2m_list[(*next)++];

    clear_page(mfn_to_virt(mfn));
    return mfn;
}

/* The L1 entry of va; missing tables are taken from *next on. */
static pte_t *l1_slot(const struct build *b, unsigned long va, pfn_t *next)
{
    pte_t *table = mfn_to_virt(b->root);

    for (unsigned int level = 4; level > 1; level--) {
        pte_t *e = &table[pt_index(va, level)];

        if (!*e)
            *e = make_pte(take_table(b, next), PTE_GUEST);
        table = mfn_to_virt(pte_mfn(*e));
    }
    return &table[l1_index(va)];
}

static void map_region(struct build *b)
{
    pfn_t next = (b->pt.start - b->v_start) >> PAGE_SHIFT, pfn = 0;
    pte_t *slot = NULL;

    b->root = take_table(b, &next);
    for (unsigned long va = b->v_start; va < b->v_end; va += PAGE_SIZE, pfn++) {
        bool table = va >= b->pt.start && va < b->pt.end;

        slot = slot && l1_index(va) ? slot + 1 : l1_slot(b, va, &next);
        *slot = make_pte(b->p2m_list[pfn], table ? PTE_GUEST & ~PTE_RW : PTE_GUEST);
    }
}

static void map_p2m(struct build *b)
{
    pfn_t next = b->p2m_pfn + b->p2m_pages;

    for (unsigned long i = 0; b->p2m_own_region && i < b->p2m_pages; i++)
        *l1_slot(b, b->p2m.start + i * PAGE_SIZE, &next) =
            make_pte(b->p2m_list[b->p2m_pfn + i], PTE_GUEST | PTE_NX);
}

/* --- start info, vCPU 0 --- */

static void fill_start_info(struct build *b)
{
    struct start_info *si = region_ptr(b, b->start_info.start);

    clear_page(si);
    strlcpy(si->magic, "xen-3.0-x86_64", sizeof(si->magic));
    si->nr_pages = b->nr_pages;
    si->shared_info = virt_to_maddr(b->d->shared_info);
    si->flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
    si->pt_base = b->pt.start;
    si->nr_pt_frames = (b->pt.end - b->pt.start) >> PAGE_SHIFT;
    si->mfn_list = b->p2m.start;
    if (b->p2m_own_region) {
        si->first_p2m_pfn = b->p2m_pfn;
        si->nr_p2m_frames = b->p2m_pages + b->p2m_pt_pages;
    }
    if (b->img->initrd) {
        si->mod_len = b->img->initrd->size;
        si->mod_start = b->initrd_mapped ? b->initrd.start : b->initrd_pfn;
        si->flags |= b->initrd_mapped ? 0 : SIF_MOD_START_PFN;
    }
    strlcpy((char *)si->cmd_line, b->img->cmdline, sizeof(si->cmd_line));
    si->console.dom0.info_size = (uint32_t)video_dom0_info((void *)(si + 1));
    si->console.dom0.info_off = si->console.dom0.info_size ? sizeof(*si) : 0;
    /* It starts as if with interrupts off. */
    for (unsigned int i = 0; i < LEGACY_VCPUS; i++)
        b->d->shared_info->vcpu_info[i].evtchn_upcall_mask = 1;
}

static int fill_hypercall_page(struct build *b, const char **why)
{
    unsigned long va = b->elf.virt_hypercall;

    if (!b->elf.have_hypercall)
        return 0;
    *why = "the kernel's hypercall page lies outside of the kernel";
    if ((va & ~PAGE_MASK) || va < b->v_start || va >= b->elf.vend)
        return -EINVAL;
    pv_fill_hypercall_page(region_ptr(b, va));
    return 0;
}

static int start_vcpu(struct build *b, const char **why)
{
    struct vcpu *v = b->d->vcpu[0];
    int rc;

    do {
        rc = pv_new_guest_root(v, b->root);
        process_pending_softirqs();
    } while (rc == -ERESTART);
    *why = "the page tables made for it were refused: a defect of Hospes";
    if (rc)
        return rc;
    /* The guest finds its first root pinned, and unpins it. */
    if (!get_page(mfn_to_page(b->root), b->d) ||
        get_page_type(mfn_to_page(b->root), PGT_l4_page_table))
        return -EINVAL;
    mfn_to_page(b->root)->type_info |= PGT_pinned;

    memset(&v->regs, 0, sizeof(v->regs));
    v->regs.rip = b->elf.virt_entry;
    v->regs.rsp = b->stack.end;
    v->regs.rsi = b->start_info.start;
    v->regs.cs = PV_USER_CS64;
    v->regs.ss = PV_USER_SS;
    v->regs.rflags = X86_EFLAGS_IF | X86_EFLAGS_MBS;
    v->is_initialised = true;
    clear_bit(VPF_down, &v->pause_flags);
    clear_bit(VPF_init, &v->pause_flags);
    return 0;
}

static int check_kernel(const struct elf_image *e, const char **why)
{
    *why = "the kernel has no Xen notes: it is not a PV kernel";
    if (!e->is_xen)
        return -EINVAL;
    *why = "the kernel names no virtual entry point: it is not a 64-bit PV kernel";
    if (!e->have_virt_entry || !is_canonical(e->virt_entry))
        return -EINVAL;
    *why = "the kernel's load address is below its virtual base";
    return e->vstart < e->virt_base || (e->virt_base & ~PAGE_MASK) ? -EINVAL : 0;
}

int pv_dom0_build(struct domain *d, struct dom0_images *img, const char **why)
{
    struct build *b = xzalloc(sizeof(*b));
    int rc;

    *why = "no memory";
    if (!b)
        return -ENOMEM;
    d->vm_assist |= 1UL << VMASST_TYPE_pae_extended_cr3; /* no limit for 64-bit tables anyway */
    b->d = d;
    b->img = img;
    b->nr_pages = img->nr_pages;
    rc = elf_parse(&b->elf, img->kernel, img->kernel_size, why);
    if (!rc)
        rc = check_kernel(&b->elf, why);
    if (!rc)
        rc = plan_layout(b, why);
    if (!rc) {
        *why = "not enough memory for the kernel";
        b->region = allocate_view(d, b->region_pages);
        rc = b->region ? 0 : -ENOMEM;
    }
    if (!rc) {
        elf_load(&b->elf, region_ptr(b, b->elf.vstart));
        img->drop_kernel();
        rc = allocate_memory(b, why);
    }
    if (!rc) {
        load_initrd(b);
        if (b->img->initrd)
            b->img->drop_initrd();
        rc = allocate_frames(b, rest_pfn(b), b->nr_pages);
    }
    if (!rc) {
        map_region(b);
        map_p2m(b);
        fill_start_info(b);
        clear_page(region_ptr(b, b->stack.start));
        rc = fill_hypercall_page(b, why);
    }
    if (!rc)
        rc = start_vcpu(b, why);
    if (b->region)
        vunmap(b->region);
    if (b->p2m_run)
        vunmap(b->p2m_run);
    printk(XENLOG_INFO "dom0 kernel %s %s: %#lx-%#lx, entry %#lx, p2m list at %#lx\n",
           b->elf.guest_os, b->elf.guest_ver, b->elf.vstart, b->elf.vend, b->elf.virt_entry,
           b->p2m.start);
    xfree(b);
    return rc;
}
