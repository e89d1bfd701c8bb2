/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The builder's half for hardware-assisted domains: a program with a PVH entry, loaded at its
 * physical addresses. Behind the image, by frame number: start info with the command line, the
 * console's page. The first vCPU starts as libxenguest sets it.
 */
#include "guest.h"
#include "domain.h"
#include "domain_priv.h"
#include <elf.h>
#include <xen/elfnote.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/arch-x86/hvm/start_info.h>

#define hc_hvm_op(cmd, arg) HC2(hvm_op, cmd, arg)
#define MEMPOOL (8UL << 20)

uint32_t hvm_entry(const char *file)
{
    const Elf64_Ehdr *elf = (const void *)file;
    const Elf64_Phdr *ph = (const void *)(file + elf->e_phoff);
    unsigned int i;

    if (memcmp(elf->e_ident, ELFMAG, SELFMAG))
        return 0;
    for (i = 0; i < elf->e_phnum; i++) {
        uint64_t entry;

        if (ph[i].p_type != PT_NOTE)
            continue;
        entry = elf_note_number(file, &ph[i], XEN_ELFNOTE_PHYS32_ENTRY);
        if (entry)
            return (uint32_t)entry;
    }
    return 0;
}

static uint64_t image_end_of(const char *file)
{
    const Elf64_Ehdr *elf = (const void *)file;
    const Elf64_Phdr *ph = (const void *)(file + elf->e_phoff);
    uint64_t end = 0;
    unsigned int i;

    for (i = 0; i < elf->e_phnum; i++)
        if (ph[i].p_type == PT_LOAD && ph[i].p_paddr + ph[i].p_memsz > end)
            end = ph[i].p_paddr + ph[i].p_memsz;
    return (end + PAGE_SIZE - 1) & PAGE_MASK;
}

static void write_hvm_start_info(const struct domain *d, unsigned int pfn, const char *command)
{
    struct hvm_start_info *si = domain_frame(d, pfn);
    size_t length = strlen(command);

    memset(si, 0, PAGE_SIZE);
    si->magic = XEN_HVM_START_MAGIC_VALUE;
    si->version = 1;
    si->cmdline_paddr = (uint64_t)pfn * PAGE_SIZE + sizeof(*si);
    memcpy(si + 1, command, length < MAX_GUEST_CMDLINE ? length : MAX_GUEST_CMDLINE - 1);
}

static long set_param(const struct domain *d, uint32_t index, uint64_t value)
{
    struct xen_hvm_param p = { .domid = d->id, .index = index, .value = value };

    return hc_hvm_op(HVMOP_set_param, &p);
}

/* Header, as the hypervisor gives it, and the first CPU: 32 bits, flat, no paging. */
static long set_hvm_context(const struct domain *d, uint32_t entry, uint64_t start_info_at)
{
    static uint8_t all[32768] __attribute__((aligned(8)));
    static struct {
        struct hvm_save_descriptor header_d;
        HVM_SAVE_TYPE(HEADER) header;
        struct hvm_save_descriptor cpu_d;
        HVM_SAVE_TYPE(CPU) cpu;
        struct hvm_save_descriptor end_d;
    } ctx;
    struct xen_domctl *op = domain_op();
    long error;

    op->u.hvmcontext.size = sizeof(all);
    set_xen_guest_handle(op->u.hvmcontext.buffer, all);
    error = domain_domctl(XEN_DOMCTL_gethvmcontext, d->id);
    if (error)
        return error;
    memset(&ctx, 0, sizeof(ctx));
    memcpy(&ctx.header_d, all, sizeof(ctx.header_d) + sizeof(ctx.header));
    ctx.cpu_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(CPU), 0, HVM_SAVE_LENGTH(CPU) };
    ctx.cpu.cs_base = ctx.cpu.ds_base = ctx.cpu.es_base = ctx.cpu.ss_base = 0;
    ctx.cpu.cs_limit = ctx.cpu.ds_limit = ctx.cpu.es_limit = ctx.cpu.ss_limit = ~0u;
    ctx.cpu.tr_limit = 0x67;
    ctx.cpu.cs_arbytes = 0xc9b;
    ctx.cpu.ds_arbytes = ctx.cpu.es_arbytes = ctx.cpu.ss_arbytes = 0xc93;
    ctx.cpu.tr_arbytes = 0x8b;
    ctx.cpu.cr0 = 0x11;
    ctx.cpu.rflags = RFLAGS_FIXED;
    ctx.cpu.dr6 = 0xffff0ff0;
    ctx.cpu.dr7 = 0x400;
    ctx.cpu.rip = entry;
    ctx.cpu.rbx = start_info_at;
    ctx.end_d = (struct hvm_save_descriptor){ HVM_SAVE_CODE(END), 0, HVM_SAVE_LENGTH(END) };
    op = domain_op();
    op->u.hvmcontext.size = sizeof(ctx);
    set_xen_guest_handle(op->u.hvmcontext.buffer, (uint8_t *)&ctx);
    return domain_domctl(XEN_DOMCTL_sethvmcontext, d->id);
}

long domain_fill_hvm(struct domain *d, const char *program, const char *command, const char **step)
{
    unsigned int pfn = (unsigned int)(image_end_of(program) / PAGE_SIZE);
    struct xen_domctl *op = domain_op();
    long error;

    *step = "set_paging_mempool_size";
    op->u.paging_mempool.size = MEMPOOL;
    error = domain_domctl(XEN_DOMCTL_set_paging_mempool_size, d->id);
    if (error)
        return error;
    *step = "populate_physmap";
    error = domain_populate(d);
    if (error)
        return error;
    for (unsigned int i = 0; i < d->pages; i++)
        d->mfns[i] = i;
    domain_load(d, program);
    write_hvm_start_info(d, pfn, command);
    memset(domain_frame(d, pfn + 1), 0, PAGE_SIZE);
    *step = "console page";
    error = set_param(d, HVM_PARAM_CONSOLE_PFN, pfn + 1);
    if (!error)
        error = set_param(d, HVM_PARAM_CONSOLE_EVTCHN, d->console_port);
    if (error)
        return error;
    if (!d->console)
        d->console = window_alloc(1);
    error = domain_map(d, (void *)d->console, pfn + 1, PTE_RW);
    if (error)
        return error;
    *step = "sethvmcontext";
    return set_hvm_context(d, hvm_entry(program), (uint64_t)pfn * PAGE_SIZE);
}
