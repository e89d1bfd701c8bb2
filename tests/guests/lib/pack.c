/* SPDX-License-Identifier: BSD-2-Clause */
/* The pack of programs in domain 0's initrd. */
#include "guest.h"
#include "domain.h"

struct pack {
    char magic[8];
    uint64_t count;
    struct pack_entry entries[];
};

static const struct pack *pack(void)
{
    const struct pack *p = (void *)start_info->mod_start;

    if (!p || start_info->mod_len < sizeof(*p) || memcmp(p->magic, "HGPACK1", 8))
        return NULL;
    return p;
}

unsigned int pack_count(void)
{
    return pack() ? (unsigned int)pack()->count : 0;
}

const struct pack_entry *pack_entry(unsigned int n)
{
    return &pack()->entries[n];
}

const void *pack_file(const struct pack_entry *entry)
{
    return (const char *)pack() + entry->offset;
}
