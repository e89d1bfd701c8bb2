/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same question as fuzz-hypercalls, each sub-operation 10,000 times and for ten minutes.
 */
#include "../fuzz-hypercalls/main.c"
