/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does XENMEM_exchange trade frames for contiguous ones below an address, as swiotlb needs, and
 * back?
 *
 * The ABI: input extents of one order for output extents of another, equal in pages; out frames are
 * contiguous and aligned within each extent and lie below 2^address_bits; the frames given in are
 * gone; nr_exchanged counts. Hostile: unequal sums, frames not owned, in use as page tables, bad
 * lists, huge counts.
 */
#include <guest.h>

#define ORDER 4
#define COUNT (1u << ORDER)

static struct xen_memory_exchange exchange(unsigned long *in, unsigned int in_count,
                                           unsigned int in_order, unsigned long *out,
                                           unsigned int out_count, unsigned int out_order,
                                           unsigned int bits)
{
    struct xen_memory_exchange x = {
        .in = { .nr_extents = in_count, .extent_order = in_order, .domid = DOMID_SELF },
        .out = { .nr_extents = out_count, .extent_order = out_order, .domid = DOMID_SELF,
                 .mem_flags = XENMEMF_address_bits(bits) },
    };

    set_xen_guest_handle(x.in.extent_start, in);
    set_xen_guest_handle(x.out.extent_start, out);
    return x;
}

static uint8_t *pages;

static void make_contiguous(void)
{
    unsigned long in[COUNT], out = virt_to_pfn(pages), i;
    struct xen_memory_exchange x = exchange(in, COUNT, 0, &out, 1, ORDER, 28);

    for (i = 0; i < COUNT; i++) {
        in[i] = virt_to_mfn(pages + i * PAGE_SIZE);
        require(unmap_page(pages + i * PAGE_SIZE), 0);
    }
    expect(hc_memory_op(XENMEM_exchange, &x), 0);
    expect(x.nr_exchanged, COUNT);
    check(!(out & (COUNT - 1)), "extent at 0x%lx is not aligned", out);
    check(out + COUNT <= 1UL << (28 - PAGE_SHIFT), "extent at 0x%lx is above 256 MiB", out);
    for (i = 0; i < COUNT; i++) {
        check(mfn_to_pfn(out + i) == virt_to_pfn(pages) + i, "frame 0x%lx has number 0x%lx",
              out + i, mfn_to_pfn(out + i));
        expect(map_frame(pages + i * PAGE_SIZE, out + i, PTE_RW), 0);
        check(map_frame(window_alloc(1), in[i], PTE_RW) < 0 || in[i] - out < COUNT,
              "a frame traded away can be mapped");
        p2m_set(virt_to_pfn(pages) + i, out + i);
        pages[i * PAGE_SIZE] = (uint8_t)i;
    }
}

static void split_again(void)
{
    unsigned long in = virt_to_mfn(pages), out[COUNT], i;
    struct xen_memory_exchange x = exchange(&in, 1, ORDER, out, COUNT, 0, 0);

    for (i = 0; i < COUNT; i++) {
        out[i] = virt_to_pfn(pages) + i;
        require(unmap_page(pages + i * PAGE_SIZE), 0);
    }
    expect(hc_memory_op(XENMEM_exchange, &x), 0);
    expect(x.nr_exchanged, 1);
    for (i = 0; i < COUNT; i++) {
        expect(map_frame(pages + i * PAGE_SIZE, out[i], PTE_RW), 0);
        p2m_set(virt_to_pfn(pages) + i, out[i]);
    }
}

static void hostile(void)
{
    unsigned long in[2] = { 0xfffffffff, 0 }, out[2] = { 0 };
    struct xen_memory_exchange x = exchange(in, 1, 0, out, 1, 0, 0);
    domid_t self = DOMID_SELF;
    long before = hc_memory_op(XENMEM_current_reservation, &self);

    check(hc_memory_op(XENMEM_exchange, &x) < 0, "no memory was exchanged");
    in[0] = mm_root_mfn();
    x = exchange(in, 1, 0, out, 1, 0, 0);
    check(hc_memory_op(XENMEM_exchange, &x) < 0, "a page table was exchanged");
    x = exchange(in, 1, 0, out, 2, 0, 0);
    expect(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = exchange(in, 1, 1, out, 1, 0, 0);
    expect(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = exchange(in, 1, 63, out, 1, 63, 0);
    check(hc_memory_op(XENMEM_exchange, &x) < 0, "order 63");
    x = exchange(in, 1, 0, out, 1, 0, 0);
    x.nr_exchanged = 2;
    expect(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    x = exchange(in, 1, 0, out, 1, 0, 0);
    x.in.domid = 0x7000;
    check(hc_memory_op(XENMEM_exchange, &x) < 0, "a domain of nobody");
    x = exchange((void *)0x1000, 1, 0, out, 1, 0, 0);
    expect(hc_memory_op(XENMEM_exchange, &x), -XEN_EFAULT);
    x = exchange((void *)HYPERVISOR_VIRT_START, 1, 0, out, 1, 0, 0);
    check(hc_memory_op(XENMEM_exchange, &x) < 0, "a list in the hypervisor");
    /* The result of a wrapped list would be written into the hypervisor (XSA-212). */
    x = exchange(in, 1, 0, (void *)0xffff82d040200000, 1, 0, 0);
    check(hc_memory_op(XENMEM_exchange, &x) < 0, "an out list in the hypervisor");
    x = exchange(in, 1, 0, out, 1, 0, 0);
    x.nr_exchanged = ~0UL;
    expect(hc_memory_op(XENMEM_exchange, &x), -XEN_EINVAL);
    expect(hc_memory_op(XENMEM_exchange, 0x1000), -XEN_EFAULT);
    expect(hc_memory_op(XENMEM_current_reservation, &self), before);
}

void test_main(void)
{
    pages = pages_alloc(COUNT);
    make_contiguous();
    split_again();
    hostile();
}
