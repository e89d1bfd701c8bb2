/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which device answers a port or memory access of an HVM guest. A claim is one word (last, first),
 * so that an access that comes while a device moves sees the old place or the new one. There are at
 * most a dozen, looked through in order; the local APIC's page comes first.
 */
#include <hv/errno.h>
#include "vplatform.h"

#define PLACE(first, last) ((uint64_t)(last) << 32 | (uint32_t)(first))
#define PLACE_FIRST(place) ((uint32_t)(place))
#define PLACE_LAST(place) ((uint32_t)((place) >> 32))

static uint64_t only(uint64_t val, unsigned int size)
{
    return size >= 8 ? val : val & ((1ULL << (size * 8)) - 1);
}

/* --- claims --- */

static int claim(struct hvm_io_claim *table, unsigned int *nr, uint32_t first, uint32_t last,
                 const struct hvm_io_ops *ops)
{
    for (unsigned int i = 0; i < *nr; i++)
        if (first <= PLACE_LAST(table[i].place) && last >= PLACE_FIRST(table[i].place))
            return -EEXIST;
    if (*nr == HVM_IO_RANGES)
        return -ENOSPC;
    table[*nr] = (struct hvm_io_claim){ PLACE(first, last), ops };
    (*nr)++;
    return 0;
}

int hvm_io_claim_ports(struct domain *d, uint16_t first, uint16_t last,
                       const struct hvm_io_ops *ops)
{
    struct hvm_io_table *io = &domain_platform(d)->io;

    return first > last ? -EINVAL : claim(io->port, &io->nr_ports, first, last, ops);
}

int hvm_io_claim_mmio(struct domain *d, uint64_t first, uint64_t last, const struct hvm_io_ops *ops)
{
    struct hvm_io_table *io = &domain_platform(d)->io;

    if (first > last || last > UINT32_MAX)
        return -EINVAL;
    return claim(io->mmio, &io->nr_mmio, (uint32_t)first, (uint32_t)last, ops);
}

void hvm_io_move_ports(struct domain *d, const struct hvm_io_ops *ops, uint16_t first)
{
    struct hvm_io_table *io = &domain_platform(d)->io;

    for (unsigned int i = 0; i < io->nr_ports; i++) {
        uint64_t place = io->port[i].place;

        if (io->port[i].ops == ops)
            WRITE_ONCE(io->port[i].place,
                       PLACE(first, first + PLACE_LAST(place) - PLACE_FIRST(place)));
    }
}

/* --- lookup --- */

static const struct hvm_io_ops *find(const struct hvm_io_claim *table, unsigned int nr,
                                     uint64_t first, uint64_t last)
{
    for (unsigned int i = 0; i < nr; i++) {
        uint64_t place = READ_ONCE(table[i].place);

        if (first >= PLACE_FIRST(place) && last <= PLACE_LAST(place))
            return table[i].ops;
    }
    return NULL;
}

static const struct hvm_io_ops lapic_ops = { vlapic_mmio_read, vlapic_mmio_write };

static const struct hvm_io_ops *find_mmio(struct vcpu *v, uint64_t first, uint64_t last)
{
    struct vplatform *p = vcpu_platform(v);
    uint64_t lapic = vlapic_mmio_base(v);

    if (last < first)
        return NULL;
    if (lapic && first - lapic < VLAPIC_PAGE_SIZE && last - lapic < VLAPIC_PAGE_SIZE)
        return &lapic_ops;
    return p ? find(p->io.mmio, p->io.nr_mmio, first, last) : NULL;
}

static const struct hvm_io_ops *find_ports(struct vcpu *v, uint16_t port, unsigned int size)
{
    struct vplatform *p = vcpu_platform(v);

    return p ? find(p->io.port, p->io.nr_ports, port, port + size - 1u) : NULL;
}

bool hvm_mmio_claimed(struct vcpu *v, uint64_t gpa)
{
    return find_mmio(v, gpa, gpa) != NULL;
}

/* --- accesses --- */

static int do_read(const struct hvm_io_ops *ops, struct vcpu *v, uint64_t addr, unsigned int size,
                   uint64_t *val)
{
    uint64_t got = 0;
    int rc = ops ? ops->read(v, addr, size, &got) : HVM_IO_PASS;

    if (rc == HVM_IO_DONE)
        *val = only(got, size);
    return rc;
}

int hvm_port_read(struct vcpu *v, uint16_t port, unsigned int size, uint64_t *val)
{
    return do_read(find_ports(v, port, size), v, port, size, val);
}

int hvm_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint64_t val)
{
    const struct hvm_io_ops *ops = find_ports(v, port, size);

    return ops ? ops->write(v, port, size, only(val, size)) : HVM_IO_PASS;
}

int hvm_mmio_read(struct vcpu *v, uint64_t gpa, unsigned int size, uint64_t *val)
{
    return do_read(find_mmio(v, gpa, gpa + size - 1), v, gpa, size, val);
}

int hvm_mmio_write(struct vcpu *v, uint64_t gpa, unsigned int size, uint64_t val)
{
    const struct hvm_io_ops *ops = find_mmio(v, gpa, gpa + size - 1);

    return ops ? ops->write(v, gpa, size, only(val, size)) : HVM_IO_PASS;
}
