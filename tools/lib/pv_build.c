/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PV domain builder. Virtual layout from the kernel's first address on, page after page:
 * kernel; ramdisk (if the kernel wants it mapped); phys-to-machine list (if the kernel names no
 * place for it); start info; store ring; console ring; page tables; stack; padding to 4 MiB. An
 * unmapped ramdisk, and a p2m list with a region of its own, take the frames behind.
 */
#include <hospes/builder.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <xen/elfnote.h>
#include <xen/grant_table.h>

#define PAGE 4096ul
#define PAGE_SHIFT_4K 12
#define SLOTS 512u
#define PTE_PRESENT 0x01ull
#define PTE_WRITE 0x02ull
#define PTE_USER 0x04ull
#define PTE_SEEN 0x60ull        /* accessed, dirty */
#define LAYOUT_ALIGN (4ul << 20)
#define LAYOUT_PADDING (512ul << 10)
#define SPARE_PAGES 1024u
#define BIG_ORDER 9u
#define CHUNK 4096u             /* extents of one call */

struct span { uint64_t start, end; };   /* virtual */

struct builder {
    struct hospes *h;
    const struct build_input *in;
    const struct elf_image *elf;
    xen_pfn_t *p2m;             /* in->pages entries */
    uint64_t v_start, v_end;    /* the region mapped at start */
    struct span ramdisk, p2m_list, start_info, store, console, tables, stack;
    uint64_t ramdisk_pfn, p2m_pfn;      /* unless inside of the region */
    uint64_t region_pages, p2m_list_pages, p2m_table_pages;
    bool p2m_own, ramdisk_mapped;
    uint8_t *region;            /* our mapping of the region's frames */
    uint64_t root_pfn;
};

static int fail(struct builder *b, int code, const char *cause, const char *remedy)
{
    return error_set(&b->h->error, code, "builder", remedy, "%s", cause);
}

static uint64_t pages_of(uint64_t bytes)
{
    return (bytes + PAGE - 1) >> PAGE_SHIFT_4K;
}

/* Checks */

int pv_build_check(const struct kernel_image *k, struct error *e)
{
    const struct elf_image *elf = &k->elf;

    if (!elf->is_xen)
        return error_set(e, EINVAL, "builder",
                         "Take a kernel with CONFIG_XEN_PV, or type = \"hvm\".",
                         "the kernel has no Xen notes: it cannot run as a PV guest");
    if (!elf->have_virt_entry && !elf->entry)
        return error_set(e, EINVAL, "builder", NULL, "the kernel names no entry point");
    if (strncmp(elf->xen_ver, "xen-3.0", 7))
        return error_set(e, EINVAL, "builder", NULL, "the kernel is for '%s', not for xen-3.0",
                         elf->xen_ver);
    if (elf->loader[0] && strncmp(elf->loader, "generic", 7))
        return error_set(e, EINVAL, "builder", NULL, "the kernel asks for the loader '%s'",
                         elf->loader);
    return 0;
}

/* Layout */

static struct span take(uint64_t *at, uint64_t pages)
{
    struct span s = { *at, *at + pages * PAGE };

    *at = s.end;
    return s;
}

static uint64_t tables_for(uint64_t start, uint64_t end, unsigned int shift)
{
    return ((end - 1) >> shift) - (start >> shift) + 1;
}

/* Frames of page tables below the root for the range. */
static uint64_t tables_below_root(uint64_t start, uint64_t end)
{
    return tables_for(start, end, 21) + tables_for(start, end, 30) + tables_for(start, end, 39);
}

/* The page tables map themselves, so their number is found by trying. */
static void lay_out_tables(struct builder *b, uint64_t at)
{
    for (uint64_t n = 4;; n++) {
        uint64_t next = at, end;

        b->tables = take(&next, n);
        b->stack = take(&next, 1);
        end = (next + LAYOUT_PADDING + LAYOUT_ALIGN - 1) & ~(LAYOUT_ALIGN - 1);
        if (1 + tables_below_root(b->v_start, end) <= n) {
            b->v_end = end;
            return;
        }
    }
}

static int lay_out(struct builder *b)
{
    const struct elf_image *elf = b->elf;
    uint64_t at = (elf->vend + PAGE - 1) & ~(PAGE - 1), ramdisk_pages, behind;

    b->v_start = elf->vstart & ~(LAYOUT_ALIGN - 1);
    b->v_start = elf->virt_base && elf->virt_base <= elf->vstart ? elf->virt_base : b->v_start;
    b->p2m_own = elf->have_init_p2m;
    b->ramdisk_mapped = !elf->mod_start_pfn;
    ramdisk_pages = pages_of(b->in->ramdisk->size);
    b->p2m_list_pages = pages_of(b->in->pages * sizeof(*b->p2m));
    if (b->ramdisk_mapped)
        b->ramdisk = take(&at, ramdisk_pages);
    if (!b->p2m_own)
        b->p2m_list = take(&at, b->p2m_list_pages);
    b->start_info = take(&at, 1);
    b->store = take(&at, 1);
    b->console = take(&at, 1);
    lay_out_tables(b, at);

    b->region_pages = (b->v_end - b->v_start) >> PAGE_SHIFT_4K;
    behind = b->region_pages;
    b->ramdisk_pfn = behind;
    if (!b->ramdisk_mapped)
        behind += ramdisk_pages;
    b->p2m_pfn = behind;
    if (b->p2m_own) {
        b->p2m_list = (struct span){ elf->init_p2m, elf->init_p2m + b->p2m_list_pages * PAGE };
        if ((elf->init_p2m & (PAGE - 1)) || elf->init_p2m >> 39 == b->v_start >> 39)
            return fail(b, EINVAL, "the kernel's place for its memory list cannot be used", NULL);
        b->p2m_table_pages = tables_below_root(b->p2m_list.start, b->p2m_list.end);
        behind += b->p2m_list_pages + b->p2m_table_pages;
    }
    if (behind + SPARE_PAGES > b->in->pages)
        return error_set(&b->h->error, ENOMEM, "builder", NULL,
                         "the guest has %lu MiB, and kernel and ramdisk need %lu",
                         (unsigned long)(b->in->pages >> 8),
                         (unsigned long)((behind + SPARE_PAGES + 255) >> 8));
    return 0;
}

/* Memory */

/* As much as there is in pieces of 2 MiB. Returns the frames that were had, or -1. */
static int64_t populate_big(struct builder *b)
{
    uint64_t done = 0;

    for (;;) {
        xen_pfn_t list[CHUNK];
        unsigned long want = (unsigned long)((b->in->pages - done) >> BIG_ORDER);
        long got;

        if (want > CHUNK)
            want = CHUNK;
        for (unsigned long i = 0; i < want; i++)
            list[i] = done + (i << BIG_ORDER);
        got = want ? xen_populate(b->h, b->in->domid, list, want, BIG_ORDER) : 0;
        if (got < 0)
            return -1;
        for (long i = 0; i < got; i++)
            for (uint64_t k = 0; k < 1u << BIG_ORDER; k++)
                b->p2m[done++] = list[i] + k;
        if (!want || (unsigned long)got < want)
            return (int64_t)done;
    }
}

static int populate(struct builder *b)
{
    int64_t big = populate_big(b);
    uint64_t done = (uint64_t)big;

    if (big < 0)
        return -1;
    while (done < b->in->pages) {
        unsigned long want = b->in->pages - done < CHUNK ? (unsigned long)(b->in->pages - done)
                                                         : CHUNK;
        long got;

        for (unsigned long i = 0; i < want; i++)
            b->p2m[done + i] = done + i;
        got = xen_populate(b->h, b->in->domid, b->p2m + done, want, 0);
        if (got < 0)
            return -1;
        done += (uint64_t)got;
        if ((unsigned long)got < want)
            return error_set(&b->h->error, ENOMEM, "hypervisor",
                             "'hospes info' shows free memory; shrink or stop another guest.",
                             "the guest is to have %lu MiB, and the machine has only %lu left",
                             (unsigned long)(b->in->pages >> 8), (unsigned long)(done >> 8));
    }
    return 0;
}

static void *map_pfns(struct builder *b, uint64_t pfn, uint64_t n)
{
    return xen_map(b->h, b->in->domid, PROT_READ | PROT_WRITE, b->p2m + pfn, n);
}

static uint8_t *at(struct builder *b, uint64_t v)
{
    return b->region + (v - b->v_start);
}

static uint64_t pfn_at(const struct builder *b, uint64_t v)
{
    return (v - b->v_start) >> PAGE_SHIFT_4K;
}

static int copy_behind(struct builder *b, uint64_t pfn, const void *data, uint64_t bytes)
{
    uint64_t n = pages_of(bytes);
    void *p;

    if (!n)
        return 0;
    p = map_pfns(b, pfn, n);
    if (!p)
        return -1;
    memcpy(p, data, bytes);
    xen_unmap(b->h, p, n);
    return 0;
}

static int copy_all(struct builder *b)
{
    const struct file_image *ramdisk = b->in->ramdisk;

    elf_load(b->elf, at(b, b->elf->vstart));
    if (b->ramdisk_mapped)
        memcpy(at(b, b->ramdisk.start), ramdisk->data, ramdisk->size);
    else if (copy_behind(b, b->ramdisk_pfn, ramdisk->data, ramdisk->size))
        return -1;
    if (!b->p2m_own)
        memcpy(at(b, b->p2m_list.start), b->p2m, b->in->pages * sizeof(*b->p2m));
    else if (copy_behind(b, b->p2m_pfn, b->p2m, b->in->pages * sizeof(*b->p2m)))
        return -1;
    return 0;
}

/* Page tables */

/* Where table frames are written: the region's own, or a separate mapping for the p2m list's. */
struct table_pool {
    uint64_t first_pfn, used;
    uint8_t *mapping;
};

static uint64_t *table_of(struct table_pool *pool, uint64_t pfn)
{
    return (uint64_t *)(void *)(pool->mapping + (pfn - pool->first_pfn) * PAGE);
}

static bool is_table(const struct builder *b, uint64_t pfn)
{
    return (pfn >= pfn_at(b, b->tables.start) && pfn < pfn_at(b, b->tables.end)) ||
           (b->p2m_own && pfn >= b->p2m_pfn + b->p2m_list_pages &&
            pfn < b->p2m_pfn + b->p2m_list_pages + b->p2m_table_pages);
}

static uint64_t entry_for(const struct builder *b, uint64_t pfn)
{
    return (b->p2m[pfn] << PAGE_SHIFT_4K) | PTE_PRESENT | PTE_USER | PTE_SEEN |
           (is_table(b, pfn) ? 0 : PTE_WRITE);
}

/* The table below slot, made if it is not there. */
static uint64_t *descend(struct builder *b, struct table_pool *pool, uint64_t *table,
                         unsigned int slot, uint64_t *child_pfn, uint64_t pfns[SLOTS])
{
    if (!table[slot]) {
        pfns[slot] = pool->first_pfn + pool->used++;
        table[slot] = (b->p2m[pfns[slot]] << PAGE_SHIFT_4K) | PTE_PRESENT | PTE_USER | PTE_SEEN |
                      PTE_WRITE;
    }
    *child_pfn = pfns[slot];
    return table_of(pool, *child_pfn);
}

/* Maps [start, end) to the pfns from pfn on, in ascending order, one root slot only. */
static void map_range(struct builder *b, struct table_pool *pool, uint64_t *root, uint64_t start,
                      uint64_t end, uint64_t pfn)
{
    uint64_t l4[SLOTS] = { 0 }, l3[SLOTS] = { 0 }, l2[SLOTS] = { 0 }, unused, *t3, *t2, *t1;
    uint64_t last3 = ~0ull, last2 = ~0ull;

    for (uint64_t v = start; v < end; v += PAGE, pfn++) {
        if (v >> 39 != last3) {
            memset(l3, 0, sizeof(l3));
            last3 = v >> 39;
        }
        if (v >> 30 != last2) {
            memset(l2, 0, sizeof(l2));
            last2 = v >> 30;
        }
        t3 = descend(b, pool, root, (v >> 39) % SLOTS, &unused, l4);
        t2 = descend(b, pool, t3, (v >> 30) % SLOTS, &unused, l3);
        t1 = descend(b, pool, t2, (v >> 21) % SLOTS, &unused, l2);
        t1[(v >> 12) % SLOTS] = entry_for(b, pfn);
    }
}

static int build_tables(struct builder *b)
{
    struct table_pool pool = { .first_pfn = pfn_at(b, b->tables.start),
                               .mapping = at(b, b->tables.start) };
    uint64_t *root = table_of(&pool, pool.first_pfn);

    memset(pool.mapping, 0, b->tables.end - b->tables.start);
    b->root_pfn = pool.first_pfn;
    pool.used = 1;
    map_range(b, &pool, root, b->v_start, b->v_end, 0);
    if (!b->p2m_own)
        return 0;
    pool = (struct table_pool){ .first_pfn = b->p2m_pfn + b->p2m_list_pages };
    pool.mapping = map_pfns(b, pool.first_pfn, b->p2m_table_pages);
    if (!pool.mapping)
        return -1;
    memset(pool.mapping, 0, b->p2m_table_pages * PAGE);
    map_range(b, &pool, root, b->p2m_list.start, b->p2m_list.end, b->p2m_pfn);
    xen_unmap(b->h, pool.mapping, b->p2m_table_pages);
    return 0;
}

/* Start of day */

static void write_start_info(struct builder *b, uint64_t shared_info)
{
    start_info_t *si = (void *)at(b, b->start_info.start);
    const struct build_input *in = b->in;

    memset(si, 0, PAGE);
    memset(at(b, b->store.start), 0, PAGE);
    memset(at(b, b->console.start), 0, PAGE);
    strcpy(si->magic, "xen-3.0-x86_64");
    si->nr_pages = in->pages;
    si->shared_info = shared_info;
    si->store_mfn = b->p2m[pfn_at(b, b->store.start)];
    si->store_evtchn = in->store_port;
    si->console.domU.mfn = b->p2m[pfn_at(b, b->console.start)];
    si->console.domU.evtchn = in->console_port;
    si->pt_base = b->tables.start;
    si->nr_pt_frames = (b->tables.end - b->tables.start) >> PAGE_SHIFT_4K;
    si->mfn_list = b->p2m_list.start;
    if (in->ramdisk->size) {
        si->mod_start = b->ramdisk_mapped ? b->ramdisk.start : b->ramdisk_pfn;
        si->mod_len = in->ramdisk->size;
        si->flags |= b->ramdisk_mapped ? 0 : SIF_MOD_START_PFN;
    }
    if (b->p2m_own) {
        si->first_p2m_pfn = b->p2m_pfn;
        si->nr_p2m_frames = b->p2m_list_pages + b->p2m_table_pages;
    }
    strncpy((char *)si->cmd_line, in->cmdline, sizeof(si->cmd_line) - 1);
}

static int prepare_shared_info(struct builder *b, xen_pfn_t mfn)
{
    shared_info_t *s = xen_map(b->h, b->in->domid, PROT_READ | PROT_WRITE, &mfn, 1);

    if (!s)
        return -1;
    memset(s, 0, PAGE);
    for (unsigned int i = 0; i < b->in->vcpus && i < XEN_LEGACY_MAX_VCPUS; i++)
        s->vcpu_info[i].evtchn_upcall_mask = 1;
    xen_unmap(b->h, s, 1);
    return 0;
}

/* xenstored and the console back end map their rings by these two entries alone. */
static int seed_grants(struct builder *b)
{
    const struct { unsigned int ref; uint32_t domid; uint64_t v; } seeds[] = {
        { GNTTAB_RESERVED_CONSOLE, b->in->console_domid, b->console.start },
        { GNTTAB_RESERVED_XENSTORE, b->in->store_domid, b->store.start },
    };
    grant_entry_v1_t *table = NULL;
    xenforeignmemory_resource_handle *r;

    r = xenforeignmemory_map_resource(b->h->foreign, b->in->domid, XENMEM_resource_grant_table,
                                      XENMEM_resource_grant_table_id_shared, 0, 1, (void **)&table,
                                      PROT_READ | PROT_WRITE, 0);
    if (!r)
        return error_set(&b->h->error, errno, "builder", NULL, "mapping the guest's grants: %s",
                         strerror(errno));
    for (unsigned int i = 0; i < sizeof(seeds) / sizeof(seeds[0]); i++) {
        table[seeds[i].ref].frame = (uint32_t)b->p2m[pfn_at(b, seeds[i].v)];
        table[seeds[i].ref].domid = (domid_t)seeds[i].domid;
        __sync_synchronize();
        table[seeds[i].ref].flags = GTF_permit_access;
    }
    xenforeignmemory_unmap_resource(b->h->foreign, r);
    return 0;
}

static int fill_hypercall_page(struct builder *b)
{
    if (!b->elf->have_hypercall)
        return 0;
    if (b->elf->virt_hypercall < b->v_start || b->elf->virt_hypercall >= b->elf->vend)
        return fail(b, EINVAL, "the kernel's hypercall page lies outside of it", NULL);
    return xen_hypercall_page(b->h, b->in->domid, b->p2m[pfn_at(b, b->elf->virt_hypercall)]);
}

static int pin_root(struct builder *b)
{
    mmuext_op_t *op = xen_buffer(b->h, sizeof(*op));
    long rc;

    if (!op)
        return -1;
    *op = (mmuext_op_t){ .cmd = MMUEXT_PIN_L4_TABLE };
    op->arg1.mfn = b->p2m[b->root_pfn];
    rc = xen_hypercall(b->h, __HYPERVISOR_mmuext_op, (unsigned long)op, 1, 0, b->in->domid,
                       "checking the guest's page tables");
    xen_buffer_free(b->h, op);
    return rc < 0 ? -1 : 0;
}

static int set_registers(struct builder *b)
{
    vcpu_guest_context_t *c = calloc(1, sizeof(*c));
    int rc;

    if (!c)
        return fail(b, ENOMEM, "out of memory", NULL);
    c->flags = VGCF_in_kernel | VGCF_online;
    c->user_regs.rip = b->elf->have_virt_entry ? b->elf->virt_entry : b->elf->entry;
    c->user_regs.rsp = b->stack.end;
    c->user_regs.rsi = b->start_info.start;
    c->user_regs.rflags = 1u << 9;
    c->user_regs.cs = FLAT_KERNEL_CS;
    c->user_regs.ds = c->user_regs.es = c->user_regs.fs = c->user_regs.gs = FLAT_KERNEL_DS;
    c->user_regs.ss = FLAT_KERNEL_SS;
    c->kernel_ss = FLAT_KERNEL_SS;
    c->kernel_sp = b->stack.end;
    c->ctrlreg[3] = xen_pfn_to_cr3(b->p2m[b->root_pfn]);
    rc = xen_vcpu_context_set(b->h, b->in->domid, 0, c);
    free(c);
    return rc;
}

static int fill(struct builder *b, xen_pfn_t shared_info)
{
    int rc;

    b->region = map_pfns(b, 0, b->region_pages);
    if (!b->region)
        return -1;
    rc = copy_all(b);
    if (!rc)
        rc = build_tables(b);
    if (!rc)
        write_start_info(b, shared_info << PAGE_SHIFT_4K);
    /* A frame that is mapped writable here cannot become a page table. */
    xen_unmap(b->h, b->region, b->region_pages);
    return rc;
}

int pv_build(struct hospes *h, const struct build_input *in, struct build_output *out)
{
    struct builder b = { .h = h, .in = in, .elf = &in->kernel->elf };
    struct xen_domctl_getdomaininfo info;
    int rc = -1;

    if (pv_build_check(in->kernel, &h->error) || lay_out(&b))
        return -1;
    if (strlen(in->cmdline) >= MAX_GUEST_CMDLINE)
        return fail(&b, E2BIG, "the kernel's command line is longer than 1,023 bytes", NULL);
    if (!xen_domain_info(h, in->domid, &info))
        return fail(&b, ESRCH, "the new domain is gone", NULL);
    b.p2m = calloc(in->pages, sizeof(*b.p2m));
    if (!b.p2m)
        return fail(&b, ENOMEM, "out of memory", NULL);
    if (!populate(&b) && !fill(&b, info.shared_info_frame) &&
        !prepare_shared_info(&b, info.shared_info_frame) && !seed_grants(&b) &&
        !fill_hypercall_page(&b) && !pin_root(&b) && !set_registers(&b)) {
        out->store_mfn = b.p2m[pfn_at(&b, b.store.start)];
        out->console_mfn = b.p2m[pfn_at(&b, b.console.start)];
        rc = 0;
    }
    free(b.p2m);
    return rc;
}
