/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trace: a ring of fixed-size records per CPU without time stamps, so that two runs can be laid
 * side by side (hv/lib/trace.c). Printed by debug key 'T' and by panic(). What is recorded `trace=`
 * says; in a debug build it is all. What is recorded always is in hv/exits.h.
 */
#ifndef HV_TRACE_H
#define HV_TRACE_H

#include <hv/types.h>

enum trace_class {
    TRACE_HYPERCALL = 1 << 0, /* number, arg1, arg2, result */
    TRACE_EXCEPTION = 1 << 1, /* vector, error code, rip, cr2 */
    TRACE_EMULATE = 1 << 2,   /* opcode, rip, rax, rcx */
    TRACE_IRQ = 1 << 3,       /* vector, gsi */
    TRACE_EVENT = 1 << 4,     /* domain, port, state */
    TRACE_SCHED = 1 << 5,     /* from domain, its vCPU, to domain, its vCPU */
};
extern uint32_t trace_mask;

void trace_record(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d);
static inline void trace(uint32_t cls, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    if (unlikely(trace_mask & cls))
        trace_record(cls, a, b, c, d);
}
void trace_dump(unsigned int last);    /* newest `last` records of every CPU */

#endif
