/* SPDX-License-Identifier: BSD-2-Clause */
/* The PV clock as the ABI's header describes it. */
#include "guest.h"

uint64_t time_of(const struct vcpu_time_info *info, uint64_t tsc)
{
    uint64_t delta = tsc - info->tsc_timestamp;

    if (info->tsc_shift < 0)
        delta >>= -info->tsc_shift;
    else
        delta <<= info->tsc_shift;
    return info->system_time +
           (uint64_t)(((unsigned __int128)delta * info->tsc_to_system_mul) >> 32);
}

uint64_t now_ns(void)
{
    const volatile struct vcpu_time_info *from = &this_vcpu()->info->time;
    struct vcpu_time_info copy;
    uint64_t now;
    uint32_t version;

    do {
        version = from->version;
        barrier();
        copy = *(const struct vcpu_time_info *)from;
        barrier();
        now = time_of(&copy, rdtsc());
    } while ((version & 1) || version != from->version);
    return now;
}

void spin_ns(uint64_t ns)
{
    uint64_t end = now_ns() + ns;

    while (now_ns() < end)
        asm volatile("pause");
}
