/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The domain builder. Layout of a domain's memory, by frame number: its ELF image at its link
 * address, then phys-to-machine list, start info, console page, page tables (L4, L3, L2, L1s),
 * boot stack. Frames are written one at a time through one foreign mapping, which is gone before
 * pinning.
 */
#include "guest.h"
#include "domain.h"
#include "domain_priv.h"
#include <elf.h>
#include <xen/sysctl.h>
#include <xen/version.h>

#define ENTRIES 512
#define NATIVE_TSC 2

struct layout {
    uint64_t entry, hypercall_page;
    unsigned int p2m, p2m_frames, start_info, console, tables, l1_count, stack, end;
};

static struct xen_domctl op;
static void *slot;

struct xen_domctl *domain_op(void)
{
    memset(&op, 0, sizeof(op));
    return &op;
}

long domain_domctl(uint32_t command, domid_t id)
{
    op.cmd = command;
    op.interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op.domain = id;
    return hc_domctl(&op);
}

long domctl_simple(uint32_t command, domid_t id)
{
    memset(&op, 0, sizeof(op));
    return domain_domctl(command, id);
}

bool is_hospes(void)
{
    xen_extraversion_t version = "";

    hc_xen_version(XENVER_extraversion, version);
    return strstr(version, "hospes");
}

uint64_t free_frames(void)
{
    struct xen_sysctl sysctl = { .cmd = XEN_SYSCTL_physinfo,
                                 .interface_version = XEN_SYSCTL_INTERFACE_VERSION };

    require(hc_sysctl(&sysctl), 0);
    return sysctl.u.physinfo.free_pages;
}

long domain_map(const struct domain *d, void *va, unsigned int pfn, uint64_t flags)
{
    struct mmu_update update = { .ptr = pte_maddr(va, 1), .val = make_pte(d->mfns[pfn], flags) };
    long error = hc_mmu_update(&update, 1, NULL, d->id);

    mmuext_linear(MMUEXT_INVLPG_LOCAL, (unsigned long)va);
    return error;
}

void *domain_frame(const struct domain *d, unsigned int pfn)
{
    if (!slot)
        slot = window_alloc(1);
    if (domain_map(d, slot, pfn, PTE_RW))
        report_error("frame %u of domain %u can't be mapped", pfn, d->id);
    return slot;
}

static void copy_in(const struct domain *d, uint64_t address, const void *from, size_t length)
{
    while (length) {
        size_t offset = address % PAGE_SIZE, part = PAGE_SIZE - offset;

        part = part < length ? part : length;
        memcpy((char *)domain_frame(d, (unsigned int)(address / PAGE_SIZE)) + offset, from, part);
        from = (const char *)from + part;
        address += part;
        length -= part;
    }
}

uint64_t elf_note_number(const char *file, const Elf64_Phdr *note, uint32_t type)
{
    const char *p = file + note->p_offset, *end = p + note->p_filesz;

    while (p < end) {
        const Elf64_Nhdr *n = (const void *)p;
        const char *desc = p + sizeof(*n) + ((n->n_namesz + 3) & ~3u);

        if (n->n_type == type && n->n_descsz == 8)
            return *(const uint64_t *)desc;
        if (n->n_type == type && n->n_descsz == 4)
            return *(const uint32_t *)desc;
        p = desc + ((n->n_descsz + 3) & ~3u);
    }
    return 0;
}

static bool plan(struct domain *d, const char *file, struct layout *l)
{
    const Elf64_Ehdr *elf = (const void *)file;
    const Elf64_Phdr *ph = (const void *)(file + elf->e_phoff);
    uint64_t end = 0;
    unsigned int i;

    memset(l, 0, sizeof(*l));
    if (memcmp(elf->e_ident, ELFMAG, SELFMAG))
        return false;
    for (i = 0; i < elf->e_phnum; i++) {
        if (ph[i].p_type == PT_LOAD && ph[i].p_paddr + ph[i].p_memsz > end)
            end = ph[i].p_paddr + ph[i].p_memsz;
        if (ph[i].p_type == PT_NOTE) {
            l->entry = elf_note_number(file, &ph[i], 1);
            l->hypercall_page = elf_note_number(file, &ph[i], 2);
        }
    }
    l->p2m = (unsigned int)((end + PAGE_SIZE - 1) / PAGE_SIZE);
    l->p2m_frames = (unsigned int)((d->pages * 8 + PAGE_SIZE - 1) / PAGE_SIZE);
    l->start_info = l->p2m + l->p2m_frames;
    l->console = l->start_info + 1;
    l->tables = l->console + 1;
    l->l1_count = (d->pages + ENTRIES - 1) / ENTRIES;
    l->stack = l->tables + 3 + l->l1_count;
    l->end = l->stack + 1;
    return l->entry && l->hypercall_page && l->end + 64 < d->pages;
}

void domain_load(const struct domain *d, const char *file)
{
    const Elf64_Ehdr *elf = (const void *)file;
    const Elf64_Phdr *ph = (const void *)(file + elf->e_phoff);
    unsigned int i;

    for (i = 0; i < elf->e_phnum; i++) {
        uint64_t p, end = ph[i].p_paddr + ph[i].p_memsz;

        if (ph[i].p_type != PT_LOAD)
            continue;
        for (p = ph[i].p_paddr & PAGE_MASK; p < end; p += PAGE_SIZE)
            memset(domain_frame(d, (unsigned int)(p / PAGE_SIZE)), 0, PAGE_SIZE);
        copy_in(d, ph[i].p_paddr, file + ph[i].p_offset, ph[i].p_filesz);
    }
}

static void write_tables(const struct domain *d, const struct layout *l)
{
    uint64_t *table = domain_frame(d, l->tables);
    unsigned int i, pfn = 0;

    memset(table, 0, PAGE_SIZE);
    table[511] = make_pte(d->mfns[l->tables + 1], PTE_TABLE);
    table = domain_frame(d, l->tables + 1);
    memset(table, 0, PAGE_SIZE);
    table[510] = make_pte(d->mfns[l->tables + 2], PTE_TABLE);
    table = domain_frame(d, l->tables + 2);
    memset(table, 0, PAGE_SIZE);
    for (i = 0; i < l->l1_count; i++)
        table[i] = make_pte(d->mfns[l->tables + 3 + i], PTE_TABLE);
    for (i = 0; i < l->l1_count; i++) {
        unsigned int n;

        table = domain_frame(d, l->tables + 3 + i);
        for (n = 0; n < ENTRIES; n++, pfn++) {
            bool is_table = pfn >= l->tables && pfn < l->stack;

            table[n] = pfn >= d->pages ? 0 : make_pte(d->mfns[pfn], is_table ? PTE_RO : PTE_RW);
        }
    }
}

static void write_start_info(struct domain *d, const struct layout *l, const char *command,
                             unsigned long shared_frame)
{
    struct start_info *si = domain_frame(d, l->start_info);
    size_t length = strlen(command);

    memset(si, 0, PAGE_SIZE);
    memcpy(si->magic, "xen-3.0-x86_64", 15);
    si->nr_pages = d->pages;
    si->shared_info = shared_frame << PAGE_SHIFT;
    si->console.domU.mfn = d->mfns[l->console];
    si->console.domU.evtchn = d->console_port;
    si->pt_base = (unsigned long)pfn_to_virt(l->tables);
    si->nr_pt_frames = 3 + l->l1_count;
    si->mfn_list = (unsigned long)pfn_to_virt(l->p2m);
    si->first_p2m_pfn = l->p2m;
    si->nr_p2m_frames = l->p2m_frames;
    memcpy(si->cmd_line, command, length < MAX_GUEST_CMDLINE ? length : MAX_GUEST_CMDLINE - 1);
}

long domain_populate(struct domain *d)
{
    struct xen_memory_reservation r = { .nr_extents = d->pages, .domid = d->id };
    unsigned int i;
    long done;

    for (i = 0; i < d->pages; i++)
        d->mfns[i] = i;
    set_xen_guest_handle(r.extent_start, d->mfns);
    done = hc_memory_op(XENMEM_populate_physmap, &r);
    return done == d->pages ? 0 : done < 0 ? done : -XEN_ENOMEM;
}

static long set_m2p(const struct domain *d)
{
    static struct mmu_update updates[64];
    unsigned int i, n;

    for (i = 0; i < d->pages; i += n) {
        long error;

        for (n = 0; n < ARRAY_SIZE(updates) && i + n < d->pages; n++) {
            updates[n].ptr = (d->mfns[i + n] << PAGE_SHIFT) | MMU_MACHPHYS_UPDATE;
            updates[n].val = i + n;
        }
        error = hc_mmu_update(updates, n, NULL, d->id);
        if (error)
            return error;
    }
    return 0;
}

static long set_context(const struct domain *d, const struct layout *l)
{
    static struct vcpu_guest_context ctx;

    memset(&ctx, 0, sizeof(ctx));
    ctx.flags = VGCF_in_kernel | VGCF_online;
    ctx.user_regs.rip = l->entry;
    ctx.user_regs.rsi = (unsigned long)pfn_to_virt(l->start_info);
    ctx.user_regs.rsp = (unsigned long)pfn_to_virt(l->stack) + PAGE_SIZE;
    ctx.user_regs.rflags = RFLAGS_FIXED | RFLAGS_IF;
    ctx.user_regs.cs = FLAT_KERNEL_CS;
    ctx.user_regs.ss = FLAT_KERNEL_SS;
    ctx.kernel_ss = FLAT_KERNEL_SS;
    ctx.kernel_sp = ctx.user_regs.rsp;
    ctx.ctrlreg[3] = xen_pfn_to_cr3(d->mfns[l->tables]);
    memset(&op, 0, sizeof(op));
    set_xen_guest_handle(op.u.vcpucontext.ctxt, &ctx);
    return domain_domctl(XEN_DOMCTL_setvcpucontext, d->id);
}

static long new_domain(struct domain *d, bool hvm, const char **step)
{
    struct evtchn_alloc_unbound port = { .dom = d->id, .remote_dom = DOMID_SELF };
    long error;

    *step = "createdomain";
    memset(&op, 0, sizeof(op));
    op.u.createdomain.max_vcpus = d->vcpus;
    if (hvm) {
        op.u.createdomain.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
        op.u.createdomain.arch.emulation_flags = d->emulation;
    }
    op.u.createdomain.max_evtchn_port = 1023;
    op.u.createdomain.max_grant_frames = 4;
    op.u.createdomain.max_maptrack_frames = 16;
    op.u.createdomain.grant_opts = XEN_DOMCTL_GRANT_version(1);
    error = domain_domctl(XEN_DOMCTL_createdomain, d->id);
    if (error)
        return error;
    d->id = op.domain;
    port.dom = d->id;
    *step = "max_vcpus";
    memset(&op, 0, sizeof(op));
    op.u.max_vcpus.max = d->vcpus;
    error = domain_domctl(XEN_DOMCTL_max_vcpus, d->id);
    if (error)
        return error;
    *step = "max_mem";
    memset(&op, 0, sizeof(op));
    op.u.max_mem.max_memkb = d->pages * 4UL + 64;
    error = domain_domctl(XEN_DOMCTL_max_mem, d->id);
    if (error)
        return error;
    *step = "settscinfo";
    memset(&op, 0, sizeof(op));
    op.u.tsc_info.tsc_mode = NATIVE_TSC;
    error = domain_domctl(XEN_DOMCTL_settscinfo, d->id);
    if (error)
        return error;
    *step = "console port";
    error = hc_event_channel_op(EVTCHNOP_alloc_unbound, &port);
    d->console_port = port.port;
    return error;
}

/* As libxenguest does: cleared, and events masked for the vCPUs that have their place in it. */
static long init_shared_info(const struct domain *d, unsigned long mfn)
{
    struct shared_info *shared;
    unsigned int i;
    long error;

    if (!slot)
        slot = window_alloc(1);
    error = hc_update_va_mapping_otherdomain(slot, (mfn << PAGE_SHIFT) | PTE_RW, UVMF_INVLPG,
                                             d->id);
    if (error)
        return error;
    shared = slot;
    memset(shared, 0, PAGE_SIZE);
    for (i = 0; i < XEN_LEGACY_MAX_VCPUS; i++)
        shared->vcpu_info[i].evtchn_upcall_mask = 1;
    return 0;
}

static long fill_domain(struct domain *d, const char *program, const char *command,
                        const char **step)
{
    struct mmuext_op pin = { .cmd = MMUEXT_PIN_L4_TABLE };
    struct layout l;
    long error;

    *step = "ELF image";
    if (!plan(d, program, &l))
        return -XEN_ENOEXEC;
    *step = "populate_physmap";
    error = domain_populate(d);
    if (error)
        return error;
    *step = "machine-to-physical table";
    error = set_m2p(d);
    if (error)
        return error;
    domain_load(d, program);
    *step = "hypercall_init";
    memset(&op, 0, sizeof(op));
    op.u.hypercall_init.gmfn = d->mfns[(l.hypercall_page - VIRT_BASE) / PAGE_SIZE];
    error = domain_domctl(XEN_DOMCTL_hypercall_init, d->id);
    if (error)
        return error;
    *step = "getdomaininfo";
    memset(&op, 0, sizeof(op));
    error = domain_domctl(XEN_DOMCTL_getdomaininfo, d->id);
    if (error)
        return error;
    write_start_info(d, &l, command, op.u.getdomaininfo.shared_info_frame);
    copy_in(d, (uint64_t)l.p2m * PAGE_SIZE, d->mfns, d->pages * 8);
    memset(domain_frame(d, l.console), 0, PAGE_SIZE);
    write_tables(d, &l);
    *step = "shared info";
    error = init_shared_info(d, op.u.getdomaininfo.shared_info_frame);
    if (error)
        return error;
    *step = "console page";
    if (!d->console)
        d->console = window_alloc(1);
    error = domain_map(d, (void *)d->console, l.console, PTE_RW);
    if (error)
        return error;
    *step = "pinning the page tables";
    unmap_page(slot);
    pin.arg1.mfn = d->mfns[l.tables];
    error = hc_mmuext_op(&pin, 1, NULL, d->id);
    if (error)
        return error;
    *step = "setvcpucontext";
    return set_context(d, &l);
}

long domain_create(struct domain *d, domid_t id, const void *program, size_t size,
                   const char *command, unsigned int pages, unsigned int vcpus,
                   const char **failed)
{
    volatile struct xencons_interface *console = d->console;
    const char *step;
    long error;

    (void)size;
    memset(d, 0, sizeof(*d));
    d->console = console;
    d->id = id;
    d->pages = pages < DOMAIN_PAGES ? pages : DOMAIN_PAGES;
    d->vcpus = vcpus;
    d->emulation = (uint32_t)line_number(command, "emulation", XEN_X86_EMU_LAPIC);
    error = new_domain(d, hvm_entry(program) != 0, &step);
    if (!error && hvm_entry(program))
        error = domain_fill_hvm(d, program, command, &step);
    else if (!error)
        error = fill_domain(d, program, command, &step);
    if (failed)
        *failed = error ? step : NULL;
    /* Without createdomain the number may be another's. */
    if (error && strcmp(step, "createdomain"))
        domain_destroy(d);
    return error;
}

long domain_destroy(struct domain *d)
{
    long error;

    if (d->console && *pte_of((void *)d->console, 1) & PTE_P)
        unmap_page((void *)d->console);
    if (slot)
        unmap_page(slot);
    do
        error = domctl_simple(XEN_DOMCTL_destroydomain, d->id);
    while (error == -XEN_EAGAIN);
    if (error)
        return error;
    /* What other CPUs still have to drop is dropped soon. */
    wait_until(domain_flags(d->id) < 0, 2000);
    return domain_flags(d->id) < 0 ? 0 : -XEN_EBUSY;
}

long domain_unpause(const struct domain *d)
{
    return domctl_simple(XEN_DOMCTL_unpausedomain, d->id);
}

long domain_pause(const struct domain *d)
{
    return domctl_simple(XEN_DOMCTL_pausedomain, d->id);
}

long domain_flags(domid_t id)
{
    long error = domctl_simple(XEN_DOMCTL_getdomaininfo, id);

    if (error)
        return error;
    return op.u.getdomaininfo.domain == id ? (long)op.u.getdomaininfo.flags : -XEN_ESRCH;
}

int domain_shutdown_code(domid_t id)
{
    long flags = domain_flags(id);

    if (flags < 0 || !(flags & XEN_DOMINF_shutdown))
        return -1;
    return (int)(flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask);
}

static void end_line(struct domain *d)
{
    d->line[d->line_length] = '\0';
    printf("d%u: %s\n", d->id, d->line);
    if (!strncmp(d->line, "Verdict: ", 9))
        memcpy(d->verdict, d->line, sizeof(d->verdict));
    d->line_length = 0;
    d->lines++;
}

void domain_pump(struct domain *d)
{
    volatile struct xencons_interface *ring = d->console;
    XENCONS_RING_IDX consumed = ring->out_cons;

    /* The ring is the guest's to scribble on: believe at most one ring's worth. */
    if (ring->out_prod - consumed > sizeof(ring->out))
        consumed = ring->out_prod;
    for (; consumed != ring->out_prod; consumed++) {
        char c = ring->out[MASK_XENCONS_IDX(consumed, ring->out)];

        if (c == '\n' || d->line_length + 1 == sizeof(d->line))
            end_line(d);
        if (c != '\n')
            d->line[d->line_length++] = c;
    }
    barrier();
    ring->out_cons = consumed;
}

bool domain_wait_shutdown(struct domain *d, unsigned int ms)
{
    uint64_t end = now_ns() + ms * NS_PER_MS;
    bool down;

    do {
        struct sched_poll sleep = { .timeout = now_ns() + NS_PER_MS };

        down = domain_shutdown_code(d->id) >= 0;
        domain_pump(d);
        if (!down)
            hc_sched_op(SCHEDOP_poll, &sleep);
    } while (!down && now_ns() < end);
    if (d->line_length)
        end_line(d);
    return down;
}

const char *domain_outcome(const struct domain *d)
{
    const char *p = d->verdict;

    if (strncmp(p, "Verdict: ", 9))
        return "";
    for (p += 9; *p && *p != ' '; p++)
        ;
    return *p ? p + 1 : p;
}
