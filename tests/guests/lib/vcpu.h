/* SPDX-License-Identifier: BSD-2-Clause */
/* The guest's virtual CPUs. Each has a 16 KiB stack with its struct vcpu at the low end. */
#ifndef GUEST_VCPU_H
#define GUEST_VCPU_H

#include <stdbool.h>
#include <stdint.h>
#include <xen/xen.h>
#include "trap.h"

#define MAX_VCPUS 4
#define STACK_SIZE 16384

struct catch {
    uint64_t rsp; /* first: start.S stores it */
    struct trap trap;
    struct catch *outer;
    uint8_t upcall_mask;
};

struct vcpu {
    unsigned int id;
    bool user_ready;
    struct vcpu_info *info;
    struct catch *catch;
};

/* The running vCPU's record; only on a stack of the library (not in user mode). */
static inline struct vcpu *this_vcpu(void)
{
    uint64_t rsp;

    asm("mov %%rsp, %0" : "=r"(rsp));
    return (struct vcpu *)(rsp & ~(uint64_t)(STACK_SIZE - 1));
}

/* A context for vCPU @id that runs fn(arg) and then goes down: what vcpu_start() hands over. */
void vcpu_context(unsigned int id, void (*fn)(void *), void *arg, struct vcpu_guest_context *ctx);
/* Initialise and bring up vCPU @id; the result of the hypercall that failed, or 0. */
long vcpu_start(unsigned int id, void (*fn)(void *), void *arg);
/* Wait until vCPU @id is down, at most a second; false when it is not. */
bool vcpu_wait_down(unsigned int id);
/* Skips the test unless the domain has @count vCPUs. */
void vcpu_need(unsigned int count);

#endif
