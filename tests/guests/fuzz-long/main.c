/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same question as fuzz-hypercalls, with many more seeds, three times the calls, and on two
 * processors. Most of these domains kill themselves before they have made all of their calls.
 */
#include "../fuzz-hypercalls/main.c"
