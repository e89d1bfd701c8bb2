/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which device of the core answers an HVM guest's port or memory access (hv/hvm/io.c). Ranges are
 * claimed per domain; what is not claimed, or passed on by its device, is the device model's.
 */
#ifndef HV_HVM_IO_H
#define HV_HVM_IO_H

#include <hv/types.h>

struct domain;
struct vcpu;

/* Results of an access besides errors, of which there are none: a device copes with all. */
#define HVM_IO_DONE 0
#define HVM_IO_PASS 1           /* nobody here answers: to the device model as it is */

/*
 * v is current. size is 1, 2 or 4 (ports), 1, 2, 4 or 8 (memory), of any alignment; the access lies
 * within the range as a whole. A read's value has nothing above size. Called without locks.
 */
struct hvm_io_ops {
    int (*read)(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t *val);
    int (*write)(struct vcpu *v, uint64_t addr, unsigned int size, uint64_t val);
};

/*
 * The way in for exits: one element of an access that does not leave its 64 KiB of ports, or its
 * page. HVM_IO_DONE or HVM_IO_PASS; *val is set only when done, and zero-extended. An access that
 * lies in a range only in part is passed.
 */
int hvm_port_read(struct vcpu *v, uint16_t port, unsigned int size, uint64_t *val);
int hvm_port_write(struct vcpu *v, uint16_t port, unsigned int size, uint64_t val);
int hvm_mmio_read(struct vcpu *v, uint64_t gpa, unsigned int size, uint64_t *val);
int hvm_mmio_write(struct vcpu *v, uint64_t gpa, unsigned int size, uint64_t val);
/* True if hvm_mmio_read() would find a device for a byte at gpa. */
bool hvm_mmio_claimed(struct vcpu *v, uint64_t gpa);

/* Claims ports or memory first..last (inclusive) of d, which is new or paused; -EEXIST when a part
   is claimed already, -ENOSPC when the table is full (HVM_IO_RANGES of each kind). */
#define HVM_IO_RANGES 16
int hvm_io_claim_ports(struct domain *d, uint16_t first, uint16_t last,
                       const struct hvm_io_ops *ops);
int hvm_io_claim_mmio(struct domain *d, uint64_t first, uint64_t last,
                      const struct hvm_io_ops *ops);
/* Moves the claim of ops to ports that begin at first; d may run: an access sees the old place or
   the new one. */
void hvm_io_move_ports(struct domain *d, const struct hvm_io_ops *ops, uint16_t first);

#endif
