/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An HVM domain's state as a stream of records (xen/hvm/save.h): each with a descriptor before it,
 * ascending in code, ended by an empty one. A stream is checked as a whole before any of it is
 * loaded.
 */
#include <hv/errno.h>
#include <hv/hvm/save.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include "hvm_priv.h"

extern const struct hvm_record hvm_cpu_records[];
extern const unsigned int hvm_nr_cpu_records;

/* The nth row of both tables; NULL behind the last. */
static const struct hvm_record *row(unsigned int n)
{
    if (n < hvm_nr_cpu_records)
        return &hvm_cpu_records[n];
    n -= hvm_nr_cpu_records;
    return n < hvm_nr_platform_records ? hvm_platform_records[n] : NULL;
}

static const struct hvm_record *row_of(uint16_t code)
{
    const struct hvm_record *r;

    for (unsigned int n = 0; (r = row(n)) != NULL; n++)
        if (r->code == code)
            return r;
    return NULL;
}

static bool has(const struct domain *d, const struct hvm_record *r, unsigned int instance)
{
    return instance < r->instances(d) && (!r->has || r->has(d, instance));
}

size_t hvm_context_max_size(const struct domain *d)
{
    size_t size = sizeof(struct hvm_save_descriptor);
    const struct hvm_record *r;

    for (unsigned int n = 0; (r = row(n)) != NULL; n++)
        size += r->instances(d) * (sizeof(struct hvm_save_descriptor) + r->length);
    return size;
}

static uint8_t *put_descriptor(uint8_t *at, uint16_t code, unsigned int instance, uint32_t length)
{
    const struct hvm_save_descriptor desc = { code, (uint16_t)instance, length };

    memcpy(at, &desc, sizeof(desc));
    return at + sizeof(desc);
}

size_t hvm_context_save(struct domain *d, void *buffer)
{
    const struct hvm_record *r;
    uint8_t *at = buffer;

    for (unsigned int n = 0; (r = row(n)) != NULL; n++)
        for (unsigned int i = 0; i < r->instances(d); i++) {
            if (!has(d, r, i))
                continue;
            at = put_descriptor(at, r->code, i, r->length);
            r->save(d, i, at);
            at += r->length;
        }
    at = put_descriptor(at, HVM_SAVE_CODE(END), 0, 0);
    return (size_t)(at - (uint8_t *)buffer);
}

int hvm_context_save_one(struct domain *d, uint16_t code, uint16_t instance, void *buffer,
                         uint32_t *size)
{
    const struct hvm_record *r = row_of(code);

    if (!r)
        return -EINVAL;
    if (!has(d, r, instance))
        return instance < r->instances(d) ? -ENODATA : -ENOENT;
    *size = r->length;
    r->save(d, instance, buffer);
    return 0;
}

/* A record that is only part of the way in a vCPU's life is refused by the row. */
static const char *check_record(struct domain *d, const struct hvm_save_descriptor *desc,
                                const uint8_t *data)
{
    const struct hvm_record *r = row_of(desc->typecode);

    if (!r)
        return "a record of unknown type";
    if (desc->instance >= r->instances(d))
        return "a record of an instance that the domain does not have";
    if (desc->length != r->length)
        return "a record of wrong length";
    if (r->instances(d) == d->max_vcpus && desc->instance < d->max_vcpus &&
        !d->vcpu[desc->instance])
        return "a record of a vCPU that has not been made";
    return r->check(d, desc->instance, data);
}

/* Calls load for each record, or only checks. NULL or what is wrong with the stream. */
static const char *go_through(struct domain *d, const uint8_t *at, size_t left, bool load)
{
    struct hvm_save_descriptor desc;
    const char *why;

    for (;;) {
        if (left < sizeof(desc))
            return "the stream ends without an end record";
        memcpy(&desc, at, sizeof(desc));
        at += sizeof(desc);
        left -= sizeof(desc);
        if (desc.typecode == HVM_SAVE_CODE(END))
            return NULL;
        if (desc.length > left)
            return "a record goes beyond the stream's end";
        why = load ? NULL : check_record(d, &desc, at);
        if (why)
            return why;
        if (load)
            row_of(desc.typecode)->load(d, desc.instance, at);
        at += desc.length;
        left -= desc.length;
    }
}

int hvm_context_load(struct domain *d, const void *buffer, size_t size)
{
    const char *why = go_through(d, buffer, size, false);

    if (why) {
        printk(XENLOG_GUEST XENLOG_WARNING "%s: HVM context refused: %s\n", d->name, why);
        return -EINVAL;
    }
    go_through(d, buffer, size, true);
    return 0;
}
