/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What GCC's -fsanitize-coverage=trace-pc calls, for libFuzzer, which has no such counters of its
 * own. The fuzzers are built by the compiler that builds what is shipped: hv/boot has assembly
 * (asm goto with outputs) that clang 14 gets wrong.
 */
#include <stdint.h>

#define COUNTERS 65536u

void __sanitizer_cov_trace_pc(void);

__attribute__((section("__libfuzzer_extra_counters"))) static uint8_t counters[COUNTERS];

void __sanitizer_cov_trace_pc(void)
{
    uintptr_t pc = (uintptr_t)__builtin_return_address(0);

    counters[(pc ^ (pc >> 16)) % COUNTERS]++;
}
