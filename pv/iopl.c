/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * I/O privilege of a PV vCPU: its virtual IOPL and its permission bit map. Neither is loaded into
 * the CPU: port access traps, and pv/priv_op.c looks here.
 */
#include <hv/errno.h>
#include <pv/pv.h>

#define IOPL_SHIFT 12
#define IOPL_MAX 3
#define NR_IO_PORTS 0x10000

long pv_set_iopl(struct vcpu *v, unsigned int iopl)
{
    if (iopl > IOPL_MAX)
        return -EINVAL;
    pv_vcpu(v)->iopl = (uint16_t)(iopl << IOPL_SHIFT);
    return 0;
}

long pv_set_iobitmap(struct vcpu *v, uint8_t *bitmap, unsigned int nr_ports)
{
    if (nr_ports > NR_IO_PORTS || !pv_range_ok((unsigned long)bitmap, nr_ports / 8 + 2))
        return -EINVAL;
    pv_vcpu(v)->io_bitmap = bitmap;
    pv_vcpu(v)->io_bitmap_ports = nr_ports;
    return 0;
}
