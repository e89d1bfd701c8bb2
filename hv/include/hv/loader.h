/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Kernel images: ELF with Xen notes, bzImage, and their compressed payloads (hv/boot/elf.c,
 * bzimage.c, unpack_*.c). All input is untrusted: every offset is checked against the
 * image; errors come with a reason.
 */
#ifndef HV_LOADER_H
#define HV_LOADER_H

#include <hv/types.h>

/* Finds the payload of a bzImage, or takes a compressed or plain ELF as it is. *payload points into
   image. 0 or -EINVAL with *why set. */
int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size,
                    const char **why);
/* Length after decompression; 0 if the format does not say. */
size_t unpack_size(const void *data, size_t size);
enum unpack_format { UNPACK_none, UNPACK_gzip, UNPACK_xz, UNPACK_lzma, UNPACK_lz4, UNPACK_zstd };
enum unpack_format unpack_detect(const void *data, size_t size);
/* Decompresses to dst. *out_size is set to the bytes written. 0, -EINVAL (damaged), -ENOSPC,
   -ENOMEM, -EOPNOTSUPP; *why says. Uses scratch memory from unpack_arena(). SSE is used: callers
   own the FPU and have interrupts off. */
int unpack(const void *data, size_t size, void *dst, size_t dst_size, size_t *out_size,
           const char **why);
/* Scratch memory for the decoders' allocations. */
void unpack_arena(void *mem, size_t size);

#define ELF_MAX_SEGMENTS 16
struct elf_image {
    const uint8_t *data;
    size_t size;
    uint64_t entry;
    unsigned int nr_segments;
    struct { uint64_t offset, vaddr, paddr, filesz, memsz; uint32_t flags; } seg[ELF_MAX_SEGMENTS];
    /* From the Xen notes (xen/elfnote.h); have_* tell which were present. */
    bool is_xen;
    uint64_t virt_base, virt_entry, virt_hypercall, elf_paddr_offset;
    uint64_t hv_start_low, init_p2m, phys32_entry;
    bool have_virt_entry, have_hypercall, have_init_p2m, have_phys32_entry, have_paddr_offset;
    bool mod_start_pfn, bsd_symtab;
    uint32_t supported_features, required_features; /* bits of XENFEAT_* word 0 */
    char guest_os[32], guest_ver[32], xen_ver[16], loader[16];
    uint64_t mtd_mask, mtd_value;
    uint64_t vstart, vend;  /* lowest and highest address of the loaded kernel, virt_base applied */
};
/* Reads headers, segments and notes. 0 or -EINVAL with *why. */
int elf_parse(struct elf_image *e, const void *data, size_t size, const char **why);
/* Copies the segments and clears bss; base is where e->vstart is mapped and
   has e->vend - e->vstart bytes. */
void elf_load(const struct elf_image *e, void *base);

#endif
