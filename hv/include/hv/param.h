/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command-line options (hv/boot/cmdline.c). An option is declared beside its variable; the linker
 * gathers them in a table. Names are Xen's where the meaning is the same. Unknown options are named
 * in the log with the nearest known one.
 */
#ifndef HV_PARAM_H
#define HV_PARAM_H

#include <hv/types.h>

struct param {
    const char *name;
    enum { PARAM_bool, PARAM_uint, PARAM_size, PARAM_str, PARAM_fn } kind;
    void *var;
    size_t len;
    int (*fn)(const char *value); /* 0, or -EINVAL: the value is reported as bad */
};
#ifdef HV_UNIT_TEST
#define PARAM_SECTION __attribute__((used, section("param_table"), aligned(8)))
#else
#define PARAM_SECTION __attribute__((used, section(".param_table"), aligned(8)))
#endif
/* name alone or name=1/on/true/yes; no-name or name=0/off/false/no. */
#define bool_param(n, v)                                                                           \
    static const struct param param_##v PARAM_SECTION = { n, PARAM_bool, &(v), 0, NULL }
#define uint_param(n, v)                                                                           \
    static const struct param param_##v PARAM_SECTION = { n, PARAM_uint, &(v), sizeof(v), NULL }
#define size_param(n, v)                                                                           \
    static const struct param param_##v PARAM_SECTION = { n, PARAM_size, &(v), sizeof(v), NULL }
#define string_param(n, v)                                                                         \
    static const struct param param_##v PARAM_SECTION = { n, PARAM_str, v, sizeof(v), NULL }
#define custom_param(n, f)                                                                         \
    static const struct param param_##f PARAM_SECTION = { n, PARAM_fn, NULL, 0, f }

void cmdline_parse(const char *cmdline);
/* 1, 0, or -1 if s is no boolean word. */
int parse_bool(const char *s);

#endif
