/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 64-bit ELF kernels and their Xen notes. Works on the image in place; the image may be damaged or
 * hostile in any way. Source: System V ABI, "Object Files"; xen/elfnote.h.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/loader.h>
#include <xen/elfnote.h>
#include <xen/features.h>

#define ELF_MAGIC "\177ELF"
#define ELFCLASS64 2
#define ELFDATA_LSB 1
#define ET_EXEC 2
#define ET_DYN 3
#define EM_X86_64 62
#define PT_LOAD 1
#define PT_NOTE 4
#define SHT_NOTE 7
#define MAX_KERNEL_SPAN (1ULL << 32) /* from the first to the last byte of the loaded kernel */

struct elf_header {
    uint8_t ident[16];              /* 0 */
    uint16_t type, machine;         /* 16, 18 */
    uint32_t version;               /* 20 */
    uint64_t entry, phoff, shoff;   /* 24, 32, 40 */
    uint32_t flags;                 /* 48 */
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx; /* 52.. */
};
struct elf_segment {
    uint32_t type, flags;                                   /* 0, 4 */
    uint64_t offset, vaddr, paddr, filesz, memsz, align;    /* 8.. */
};
struct elf_section {
    uint32_t name, type;                                    /* 0, 4 */
    uint64_t flags, addr, offset, size;                     /* 8.. */
    uint32_t link, info;                                    /* 40, 44 */
    uint64_t align, entsize;                                /* 48, 56 */
};
struct elf_note { uint32_t namesz, descsz, type; };
_Static_assert(sizeof(struct elf_header) == 64 && sizeof(struct elf_segment) == 56 &&
               sizeof(struct elf_section) == 64 && sizeof(struct elf_note) == 12, "ELF64 layout");

static int refuse(const char **why, const char *text)
{
    *why = text;
    return -EINVAL;
}

static bool inside(const struct elf_image *e, uint64_t offset, uint64_t len)
{
    return offset <= e->size && len <= e->size - offset;
}

/* Copies entry i of a table with the given entry size; false when it is not in the image. */
static bool read_entry(const struct elf_image *e, uint64_t table, uint16_t entsize, unsigned int i,
                       void *out, size_t len)
{
    uint64_t offset = table + (uint64_t)i * entsize;

    if (entsize < len || offset < table || !inside(e, offset, len))
        return false;
    memcpy(out, e->data + offset, len);
    return true;
}

/* --- Notes --- */

static uint64_t note_number(const uint8_t *desc, uint32_t size)
{
    uint64_t v = 0;

    memcpy(&v, desc, MIN(size, (uint32_t)sizeof(v)));
    return v;
}

static void note_text(char *out, size_t size, const uint8_t *desc, uint32_t len)
{
    size_t n = strnlen((const char *)desc, MIN((size_t)len, size - 1));

    memcpy(out, desc, n);
    out[n] = '\0';
}

/* "!a|b": features by name; those with ! are required. Unknown names are left to the kernel's luck,
 * as the ABI has it. */
static void note_features(struct elf_image *e, const uint8_t *desc, uint32_t len)
{
    static const struct { const char *name; uint8_t bit; } names[] = {
        { "writable_page_tables", XENFEAT_writable_page_tables },
        { "writable_descriptor_tables", XENFEAT_writable_descriptor_tables },
        { "auto_translated_physmap", XENFEAT_auto_translated_physmap },
        { "supervisor_mode_kernel", XENFEAT_supervisor_mode_kernel },
        { "pae_pgdir_above_4gb", XENFEAT_pae_pgdir_above_4gb },
        { "dom0", XENFEAT_dom0 },
    };
    char text[256], *s = text;

    note_text(text, sizeof(text), desc, len);
    while (*s) {
        bool required = *s == '!';
        char *word = s + required, *end = strchr(word, '|');
        size_t n = end ? (size_t)(end - word) : strlen(word);

        for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
            if (strlen(names[i].name) != n || strncmp(names[i].name, word, n))
                continue;
            e->supported_features |= 1u << names[i].bit;
            e->required_features |= required ? 1u << names[i].bit : 0;
        }
        s = word + n + (end != NULL);
    }
}

static void take_number(struct elf_image *e, uint32_t type, uint64_t v)
{
    switch (type) {
    case XEN_ELFNOTE_ENTRY: e->virt_entry = v; e->have_virt_entry = true; return;
    case XEN_ELFNOTE_HYPERCALL_PAGE: e->virt_hypercall = v; e->have_hypercall = true; return;
    case XEN_ELFNOTE_VIRT_BASE: e->virt_base = v; return;
    case XEN_ELFNOTE_PADDR_OFFSET: e->elf_paddr_offset = v; e->have_paddr_offset = true; return;
    case XEN_ELFNOTE_HV_START_LOW: e->hv_start_low = v; return;
    case XEN_ELFNOTE_INIT_P2M: e->init_p2m = v; e->have_init_p2m = true; return;
    case XEN_ELFNOTE_PHYS32_ENTRY: e->phys32_entry = v; e->have_phys32_entry = true; return;
    case XEN_ELFNOTE_MOD_START_PFN: e->mod_start_pfn = v != 0; return;
    case XEN_ELFNOTE_SUPPORTED_FEATURES: e->supported_features |= (uint32_t)v; return;
    default: return;
    }
}

static void take_note(struct elf_image *e, uint32_t type, const uint8_t *desc, uint32_t len)
{
    char text[16];

    e->is_xen = true;
    switch (type) {
    case XEN_ELFNOTE_GUEST_OS: note_text(e->guest_os, sizeof(e->guest_os), desc, len); return;
    case XEN_ELFNOTE_GUEST_VERSION:
        note_text(e->guest_ver, sizeof(e->guest_ver), desc, len);
        return;
    case XEN_ELFNOTE_XEN_VERSION: note_text(e->xen_ver, sizeof(e->xen_ver), desc, len); return;
    case XEN_ELFNOTE_LOADER: note_text(e->loader, sizeof(e->loader), desc, len); return;
    case XEN_ELFNOTE_FEATURES: note_features(e, desc, len); return;
    case XEN_ELFNOTE_BSD_SYMTAB:
        note_text(text, sizeof(text), desc, len);
        e->bsd_symtab = !strcmp(text, "yes");
        return;
    case XEN_ELFNOTE_L1_MFN_VALID:
        if (len < 16)
            return;
        memcpy(&e->mtd_mask, desc, 8);
        memcpy(&e->mtd_value, desc + 8, 8);
        return;
    default:
        take_number(e, type, note_number(desc, len));
    }
}

static void walk_notes(struct elf_image *e, uint64_t offset, uint64_t size)
{
    const uint8_t *p;

    if (!inside(e, offset, size))
        return;
    p = e->data + offset;
    while (size >= sizeof(struct elf_note)) {
        struct elf_note n;
        uint64_t name_len, desc_len;

        memcpy(&n, p, sizeof(n));
        name_len = ROUND_UP((uint64_t)n.namesz, 4);
        desc_len = ROUND_UP((uint64_t)n.descsz, 4);
        size -= sizeof(n);
        p += sizeof(n);
        if (name_len > size || n.descsz > size - name_len)
            return;
        if (n.namesz == sizeof("Xen") && !memcmp(p, "Xen", sizeof("Xen")))
            take_note(e, n.type, p + name_len, n.descsz);
        if (desc_len > size - name_len)
            return;
        p += name_len + desc_len;
        size -= name_len + desc_len;
    }
}

/* Notes in sections: only for kernels linked without a note segment. */
static void walk_note_sections(struct elf_image *e, const struct elf_header *h)
{
    for (unsigned int i = 0; i < h->shnum; i++) {
        struct elf_section s;

        if (!read_entry(e, h->shoff, h->shentsize, i, &s, sizeof(s)))
            return;
        if (s.type == SHT_NOTE)
            walk_notes(e, s.offset, s.size);
    }
}

/* --- Segments --- */

static int take_segment(struct elf_image *e, const struct elf_segment *s, const char **why)
{
    if (s->memsz == 0)
        return 0;
    if (e->nr_segments == ELF_MAX_SEGMENTS)
        return refuse(why, "ELF: more loadable segments than supported");
    if (s->filesz > s->memsz || s->paddr + s->memsz < s->paddr)
        return refuse(why, "ELF: a segment's sizes are inconsistent");
    if (!inside(e, s->offset, s->filesz))
        return refuse(why, "ELF: a segment lies outside of the file (truncated?)");
    e->seg[e->nr_segments].offset = s->offset;
    e->seg[e->nr_segments].vaddr = s->vaddr;
    e->seg[e->nr_segments].paddr = s->paddr;
    e->seg[e->nr_segments].filesz = s->filesz;
    e->seg[e->nr_segments].memsz = s->memsz;
    e->seg[e->nr_segments].flags = s->flags;
    e->nr_segments++;
    return 0;
}

static int check_header(const struct elf_image *e, struct elf_header *h, const char **why)
{
    if (!inside(e, 0, sizeof(*h)))
        return refuse(why, "ELF: shorter than its header");
    memcpy(h, e->data, sizeof(*h));
    if (memcmp(h->ident, ELF_MAGIC, 4))
        return refuse(why, "not an ELF file");
    if (h->ident[4] != ELFCLASS64 || h->machine != EM_X86_64)
        return refuse(why, "ELF: not a 64-bit x86 kernel");
    if (h->ident[5] != ELFDATA_LSB || (h->type != ET_EXEC && h->type != ET_DYN))
        return refuse(why, "ELF: not an executable");
    return 0;
}

static int read_segments(struct elf_image *e, const struct elf_header *h, const char **why)
{
    for (unsigned int i = 0; i < h->phnum; i++) {
        struct elf_segment s;
        int rc = 0;

        if (!read_entry(e, h->phoff, h->phentsize, i, &s, sizeof(s)))
            return refuse(why, "ELF: the program headers lie outside of the file (truncated?)");
        if (s.type == PT_LOAD)
            rc = take_segment(e, &s, why);
        else if (s.type == PT_NOTE)
            walk_notes(e, s.offset, s.filesz);
        if (rc)
            return rc;
    }
    return e->nr_segments ? 0 : refuse(why, "ELF: nothing to load");
}

static uint64_t lowest_paddr(const struct elf_image *e)
{
    uint64_t low = UINT64_MAX;

    for (unsigned int i = 0; i < e->nr_segments; i++)
        low = MIN(low, e->seg[i].paddr);
    return low;
}

/* Where the kernel lies in its own address space: physical addresses of the file moved by virt_base
 * - paddr_offset. */
static int place(struct elf_image *e, const char **why)
{
    uint64_t low = lowest_paddr(e), high = 0, move;

    for (unsigned int i = 0; i < e->nr_segments; i++)
        high = MAX(high, e->seg[i].paddr + e->seg[i].memsz);
    if (high - low > MAX_KERNEL_SPAN)
        return refuse(why, "ELF: the segments are too far apart");
    if (!e->have_paddr_offset)
        e->elf_paddr_offset = e->virt_base;
    move = e->virt_base - e->elf_paddr_offset;
    e->vstart = low + move;
    e->vend = high + move;
    if (e->vend < e->vstart)
        return refuse(why, "ELF: the kernel wraps around the end of the address space");
    if (!e->have_virt_entry)
        e->virt_entry = e->entry;
    if (e->is_xen && (e->virt_entry < e->vstart || e->virt_entry >= e->vend))
        return refuse(why, "ELF: the entry point lies outside of the kernel");
    if (e->have_hypercall && (e->virt_hypercall < e->vstart || e->virt_hypercall >= e->vend))
        return refuse(why, "ELF: the hypercall page lies outside of the kernel");
    return 0;
}

int elf_parse(struct elf_image *e, const void *data, size_t size, const char **why)
{
    struct elf_header h;
    int rc;

    *e = (struct elf_image){ .data = data, .size = size };
    rc = check_header(e, &h, why);
    if (rc)
        return rc;
    e->entry = h.entry;
    rc = read_segments(e, &h, why);
    if (rc)
        return rc;
    if (!e->is_xen)
        walk_note_sections(e, &h);
    return place(e, why);
}

void elf_load(const struct elf_image *e, void *base)
{
    uint64_t low = lowest_paddr(e);

    for (unsigned int i = 0; i < e->nr_segments; i++) {
        uint8_t *to = (uint8_t *)base + (e->seg[i].paddr - low);

        memcpy(to, e->data + e->seg[i].offset, e->seg[i].filesz);
        memset(to + e->seg[i].filesz, 0, e->seg[i].memsz - e->seg[i].filesz);
    }
}
