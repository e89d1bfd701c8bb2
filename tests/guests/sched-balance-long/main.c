/* SPDX-License-Identifier: BSD-2-Clause */
/* The same question as sched-balance, over 60 s each and within 3 % and 2 points. */
#include "../sched-balance/main.c"
