/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multiboot and Multiboot2 information copied into boot_info. Runs on the boot page tables, whose
 * direct map covers the first 4 GiB; the loader's memory is not read again afterwards, but for the
 * modules themselves.
 */
#include <hv/boot.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/multiboot.h>
#include <hv/page.h>
#include "boot_private.h"

struct boot_info boot_info;

#define STRINGS_SIZE 8192
#define RSDP_MAX 64

/* The first word, in Debian's GRUB entries, of every command line. */
static const char placeholder[] = "placeholder";

static char strings[STRINGS_SIZE];
static size_t strings_used;
static uint8_t rsdp_copy[RSDP_MAX] __aligned(16);

static const void *loader_ptr(paddr_t pa)
{
    return maddr_to_virt(pa);
}

static const char *keep_string(const char *s)
{
    size_t room = STRINGS_SIZE - strings_used;
    char *p = strings + strings_used;

    if (room < 2)
        return "";
    strings_used += MIN(strlcpy(p, s, room), room - 1) + 1;
    return p;
}

/* GRUB 2 passes the arguments alone; other loaders put the file's name in front. */
static bool loader_passes_name(void)
{
    const char *p = strstr(boot_info.loader, "GRUB ");

    return !p || p[5] == '0';
}

static const char *skip_word(const char *s)
{
    while (*s && !isspace(*s))
        s++;
    while (isspace(*s))
        s++;
    return s;
}

static const char *arguments(const char *s)
{
    while (isspace(*s))
        s++;
    return loader_passes_name() ? skip_word(s) : s;
}

static void set_cmdline(const char *s)
{
    s = arguments(s);
    if (!strncmp(s, placeholder, sizeof(placeholder) - 1) &&
        (!s[sizeof(placeholder) - 1] || isspace(s[sizeof(placeholder) - 1])))
        s = skip_word(s);
    strlcpy(boot_info.cmdline, s, sizeof(boot_info.cmdline));
}

static void add_module(paddr_t start, paddr_t end, const char *cmdline)
{
    if (boot_info.nr_modules == MAX_BOOT_MODULES)
        return;
    boot_info.modules[boot_info.nr_modules++] = (struct boot_module){
        .start = start,
        .size = end > start ? end - start : 0,
        .cmdline = keep_string(arguments(cmdline)),
    };
}

int multiboot1_parse(paddr_t mbi)
{
    const struct mb1_info *mb = loader_ptr(mbi);
    const struct mb1_module *mod;

    if (!(mb->flags & MB1_INFO_MMAP))
        return -EINVAL;
    boot_info.loader =
        mb->flags & MB1_INFO_LOADER ? keep_string(loader_ptr(mb->loader_name)) : "unknown";
    if (mb->flags & MB1_INFO_CMDLINE)
        set_cmdline(loader_ptr(mb->cmdline));
    for (uint32_t at = 0; at + sizeof(struct mb1_mmap) <= mb->mmap_length;) {
        const struct mb1_mmap *e = loader_ptr((paddr_t)mb->mmap_addr + at);

        e820_add(&boot_info.e820, e->addr, e->len, e->type);
        at += e->size + (uint32_t)sizeof(e->size);
    }
    if (!(mb->flags & MB1_INFO_MODULES))
        return 0;
    mod = loader_ptr(mb->mods_addr);
    for (uint32_t i = 0; i < mb->mods_count; i++, mod++)
        add_module(mod->start, mod->end, mod->string ? loader_ptr(mod->string) : "");
    return 0;
}

static uint32_t known_type(uint32_t type)
{
    return type < E820_LOADER_FIRST ? type : E820_RESERVED;
}

static void mb2_memory_map(const struct mb2_tag *tag)
{
    const struct mb2_tag_mmap *map = (const void *)tag;

    if (map->entry_size < sizeof(struct mb2_mmap))
        return;
    for (uint32_t at = sizeof(*map); at + map->entry_size <= tag->size; at += map->entry_size) {
        const struct mb2_mmap *e = (const void *)((const uint8_t *)tag + at);

        e820_add(&boot_info.e820, e->addr, e->len, known_type(e->type));
    }
}

static void mb2_rsdp(const struct mb2_tag *tag)
{
    size_t len = MIN(tag->size - sizeof(*tag), (size_t)RSDP_MAX);

    memcpy(rsdp_copy, tag + 1, len);
    boot_info.rsdp = virt_to_maddr(rsdp_copy);
}

static void mb2_efi_memory_map(const struct mb2_tag *tag)
{
    const struct mb2_tag_efi_mmap *map = (const void *)tag;

    if (tag->size > sizeof(*map))
        efi_take_memory_map(map->entries, tag->size - sizeof(*map), map->entry_size);
}

static void mb2_framebuffer(const struct mb2_tag *tag)
{
    const struct mb2_tag_framebuffer *f = (const void *)tag;

    if (tag->size < sizeof(*f) || f->type != MB2_FRAMEBUFFER_RGB)
        return;
    boot_info.fb = (struct boot_framebuffer){
        .base = f->addr,
        .pitch = f->pitch,
        .width = f->width,
        .height = f->height,
        .bits_per_pixel = f->bpp,
        .red = { f->red.pos, f->red.size },
        .green = { f->green.pos, f->green.size },
        .blue = { f->blue.pos, f->blue.size },
    };
}

static void mb2_tag(const struct mb2_tag *tag)
{
    const struct mb2_tag_module *mod = (const void *)tag;

    switch (tag->type) {
    case MB2_TAG_CMDLINE: set_cmdline((const char *)(tag + 1)); break;
    case MB2_TAG_MODULE: add_module(mod->start, mod->end, mod->cmdline); break;
    case MB2_TAG_MMAP: mb2_memory_map(tag); break;
    case MB2_TAG_FRAMEBUFFER: mb2_framebuffer(tag); break;
    case MB2_TAG_EFI64:
        boot_info.efi_system_table = ((const struct mb2_tag_efi64 *)tag)->table;
        break;
    case MB2_TAG_EFI_MMAP: mb2_efi_memory_map(tag); break;
    case MB2_TAG_ACPI_NEW: mb2_rsdp(tag); break;
    case MB2_TAG_ACPI_OLD:
        if (!boot_info.rsdp)
            mb2_rsdp(tag);
        break;
    }
}

int multiboot2_parse(paddr_t mbi)
{
    const struct mb2_info *info = loader_ptr(mbi);
    uint32_t at;

    boot_info.loader = "unknown";
    /* The loader's name decides how command lines are read and may come after them. */
    for (int naming = 1; naming >= 0; naming--)
        for (at = sizeof(*info); at + sizeof(struct mb2_tag) <= info->total_size;) {
            const struct mb2_tag *tag = loader_ptr(mbi + at);

            if (tag->type == MB2_TAG_END)
                break;
            if (tag->size < sizeof(*tag) || tag->size > info->total_size - at)
                return -EINVAL;
            if (!naming)
                mb2_tag(tag);
            else if (tag->type == MB2_TAG_LOADER)
                boot_info.loader = keep_string((const char *)(tag + 1));
            at += ROUND_UP(tag->size, 8u);
        }
    return boot_info.e820.nr ? 0 : -EINVAL;
}

/* A module that is cut off or lies where there is no RAM was not loaded as it should have been. */
const char *boot_modules_check(void)
{
    paddr_t image_start = virt_to_maddr(hv_start), image_end = virt_to_maddr(hv_end);

    if (!boot_info.nr_modules)
        return "no module for domain 0: give its kernel as the first module (GRUB: module2 "
               "/boot/vmlinuz)";
    for (unsigned int i = 0; i < boot_info.nr_modules; i++) {
        const struct boot_module *m = &boot_info.modules[i];
        paddr_t end = m->start + m->size;

        if (!m->size)
            return "a boot module is empty: check the file that the boot loader was told to load";
        if (end > BOOT_DIRECTMAP_LIMIT || e820_type_of(m->start, end) != E820_RAM)
            return "a boot module is damaged: it lies outside of RAM; boot with less or with "
                   "another loader";
        if (m->start < image_end && end > image_start)
            return "a boot module is damaged: it overlaps the hypervisor; boot with another loader";
    }
    return NULL;
}
