/* SPDX-License-Identifier: BSD-2-Clause */
/* Short words for json-c. */
#ifndef HOSPES_JSON_H
#define HOSPES_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <json-c/json.h>

/* NULL text: null. */
static inline void json_text(struct json_object *o, const char *key, const char *text)
{
    json_object_object_add(o, key, text ? json_object_new_string(text) : NULL);
}

static inline void json_number(struct json_object *o, const char *key, uint64_t n)
{
    json_object_object_add(o, key, json_object_new_uint64(n));
}

static inline void json_real(struct json_object *o, const char *key, double n)
{
    json_object_object_add(o, key, json_object_new_double(n));
}

static inline void json_flag(struct json_object *o, const char *key, bool on)
{
    json_object_object_add(o, key, json_object_new_boolean(on));
}

/* Prints and frees. */
static inline void json_print(struct json_object *o)
{
    puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
    json_object_put(o);
}

#endif
