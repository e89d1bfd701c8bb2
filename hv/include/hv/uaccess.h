/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The one door to the current guest's memory by its virtual addresses. Dispatches to the current
 * vCPU's back end. Every byte is fetched once; callers copy into a local first and check the local.
 *
 * All return 0 or -EFAULT; a failed read has zeroed the rest of the buffer; a failed write may have
 * written a part. Not in interrupt context.
 */
#ifndef HV_UACCESS_H
#define HV_UACCESS_H

#include <hv/types.h>

int copy_from_guest(void *dst, const void *gva, size_t len) __must_check;
int copy_to_guest(void *gva, const void *src, size_t len) __must_check;
int clear_guest(void *gva, size_t len) __must_check;
/* The current guest may name this range: it does not touch the hypervisor's addresses.
   Says nothing of what is mapped. */
bool guest_range_ok(const void *gva, size_t len);

/* Elements of a public-header guest handle (h.p is the guest's pointer): by offset and count. A
   count above UINT32_MAX is refused. */
#define copy_from_handle_offset(dst, h, off, nr)                                                   \
    ({ const __typeof__(*(h).p) *src_ = (h).p; size_t n_ = (nr);                                   \
       _Static_assert(sizeof(*(dst)) == sizeof(*src_), "handle type");                             \
       n_ >> 32 ? -14 : copy_from_guest(dst, src_ + (size_t)(off), n_ * sizeof(*src_)); })
#define copy_to_handle_offset(h, off, src, nr)                                                     \
    ({ __typeof__(*(h).p) *dst_ = (h).p; size_t n_ = (nr);                                         \
       _Static_assert(sizeof(*(src)) == sizeof(*dst_), "handle type");                             \
       n_ >> 32 ? -14 : copy_to_guest((void *)(dst_ + (size_t)(off)), src, n_ * sizeof(*dst_)); })
#define copy_from_handle(dst, h, nr) copy_from_handle_offset(dst, h, 0, nr)
#define copy_to_handle(h, src, nr) copy_to_handle_offset(h, 0, src, nr)
/* Hypercall arguments arrive as plain pointers (void *arg). */
#define copy_arg_from(dst, arg) copy_from_guest(dst, arg, sizeof(*(dst)))
#define copy_arg_to(arg, src) copy_to_guest(arg, src, sizeof(*(src)))
#define handle_is_null(h) ((h).p == NULL)

/* Copies that may fault on hypervisor-visible addresses (fix-up table): the PV back end's
   primitive, and the safe reads of the debugger and the backtrace. Addresses are not range-checked.
   Return the number of bytes NOT copied. */
unsigned long raw_copy(void *dst, const void *src, size_t len);
unsigned long raw_clear(void *dst, size_t len);
/* The PV back end's primitives, with SMAP opened for the guest side: 0 or -EFAULT; a read that
   fails zeroes the rest of dst. len is below 4 GiB. */
int raw_read_user(void *dst, const void *src, size_t len) __must_check;
int raw_write_user(void *dst, const void *src, size_t len) __must_check;
unsigned long raw_clear_user(void *dst, size_t len);

/* Entries of the fix-up table (.ex_table): a fault at `insn` continues at `fixup`.
   Relative to their own address. */
struct ex_entry { int32_t insn, fixup; };
#define EX_TABLE(insn, fixup)                                                                      \
    ".pushsection .ex_table, \"a\"\n .balign 4\n .long " insn " - ., " fixup " - .\n .popsection\n"
/* Address to continue at, or 0. */
unsigned long search_ex_table(unsigned long rip);

#endif
