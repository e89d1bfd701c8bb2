/* SPDX-License-Identifier: BSD-2-Clause */
/* Any file as a guest's kernel: bzImage, payload, ELF, and the PV builder into memory that is not
 * a guest's. */
/* sources: tools/lib/pv_build.c tools/lib/error.c tools/lib/loader_host.c hv/boot/elf.c */
/* sources: hv/boot/bzimage.c hv/boot/unpack.c hv/boot/unpack_gzip.c hv/boot/unpack_lz4.c */
/* sources: hv/boot/unpack_lzma2.c hv/boot/unpack_xz.c hv/boot/unpack_xz_fast.c */
/* sources: hv/boot/unpack_zstd.c */
/* libs: -llzma -lzstd -llz4 -lz */
#include <stdlib.h>
#include <string.h>

#include <hospes/builder.h>

#define UNPACKED_MAX (4u << 20)
#define PAGES 4096u             /* of the guest: 16 MiB */
#define FIRST_MFN 0x1000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The hypervisor's side: frames are numbered in order, mappings are of zeros. */

long xen_populate(struct hospes *h, uint32_t domid, xen_pfn_t *list, unsigned long n,
                  unsigned int order)
{
    for (unsigned long i = 0; i < n; i++)
        list[i] += FIRST_MFN;
    /* Large ones run short, so that both ways are gone. */
    return order ? (long)(n / 2) : (long)n;
}

void *xen_map(struct hospes *h, uint32_t domid, int prot, const xen_pfn_t *frames, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (frames[i] < FIRST_MFN || frames[i] >= FIRST_MFN + PAGES)
            abort();
    return calloc(n, 4096);
}

void xen_unmap(struct hospes *h, void *p, size_t n)
{
    free(p);
}

bool xen_domain_info(struct hospes *h, uint32_t domid, struct xen_domctl_getdomaininfo *info)
{
    *info = (struct xen_domctl_getdomaininfo){ .shared_info_frame = FIRST_MFN };
    return true;
}

static grant_entry_v1_t grants[512];

xenforeignmemory_resource_handle *xenforeignmemory_map_resource(
    xenforeignmemory_handle *fmem, domid_t domid, unsigned int type, unsigned int id,
    unsigned long frame, unsigned long n, void **addr, int prot, int flags)
{
    *addr = grants;
    return (void *)grants;
}

int xenforeignmemory_unmap_resource(xenforeignmemory_handle *fmem,
                                    xenforeignmemory_resource_handle *r)
{
    return 0;
}

int xen_hypercall_page(struct hospes *h, uint32_t domid, uint64_t gmfn)
{
    return 0;
}

void *xen_buffer(struct hospes *h, size_t size)
{
    return calloc(1, size);
}

void xen_buffer_free(struct hospes *h, void *p)
{
    free(p);
}

long xen_hypercall(struct hospes *h, unsigned int number, unsigned long a, unsigned long b,
                   unsigned long c, unsigned long d, const char *what)
{
    return 0;
}

int xen_vcpu_context_set(struct hospes *h, uint32_t domid, unsigned int vcpu,
                         const vcpu_guest_context_t *context)
{
    return 0;
}

static void build(struct kernel_image *kernel)
{
    static char ramdisk_bytes[5000];
    struct file_image ramdisk = { ramdisk_bytes, sizeof(ramdisk_bytes) };
    struct build_input in = { .domid = 1, .pages = PAGES, .vcpus = 1, .kernel = kernel,
                              .ramdisk = &ramdisk, .cmdline = "console=hvc0", .store_port = 1,
                              .console_port = 2 };
    struct build_output out;
    struct hospes h = { 0 };

    pv_build(&h, &in, &out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kernel_image kernel = { .file = { (void *)data, size } };
    const char *why = "";
    const void *payload;
    size_t n, room;

    if (bzimage_payload(data, size, &payload, &n, &why))
        return 0;
    if (unpack_detect(payload, n) != UNPACK_none) {
        room = unpack_size(payload, n);
        room = room && room < UNPACKED_MAX ? room : UNPACKED_MAX;
        kernel.unpacked = malloc(room);
        if (!kernel.unpacked || unpack(payload, n, kernel.unpacked, room, &n, &why)) {
            free(kernel.unpacked);
            return 0;
        }
        payload = kernel.unpacked;
    }
    if (!elf_parse(&kernel.elf, payload, n, &why))
        build(&kernel);
    free(kernel.unpacked);
    return 0;
}
