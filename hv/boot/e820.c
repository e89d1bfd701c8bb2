/* SPDX-License-Identifier: BSD-2-Clause */
/* The firmware's memory map put in order. Entries of any source may overlap; the more restrictive
   type wins. */
#include <hv/boot.h>
#include <hv/lib.h>

#define MAX_EDGES (2 * E820_MAX)

static unsigned int left_out;

static int compare_edges(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The highest type number among the entries that cover [start, end); 0 = none. No entry begins or
   ends inside. */
static uint32_t winning_type(const struct e820_map *m, uint64_t start, uint64_t end)
{
    uint32_t type = 0;

    for (unsigned int i = 0; i < m->nr; i++)
        if (m->e[i].addr <= start && m->e[i].addr + m->e[i].size >= end && m->e[i].type > type)
            type = m->e[i].type;
    return type;
}

/* Collects where entries begin and end; drops empty ones and cuts those that wrap round. */
static unsigned int collect_edges(struct e820_map *m, uint64_t *edges)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < m->nr; i++) {
        struct e820_entry *e = &m->e[i];

        if (e->addr + e->size < e->addr)
            e->size = -e->addr - 1;
        if (!e->size)
            continue;
        edges[n++] = e->addr;
        edges[n++] = e->addr + e->size;
    }
    return n;
}

void e820_add(struct e820_map *m, uint64_t addr, uint64_t size, uint32_t type)
{
    struct e820_entry *last = m->nr ? &m->e[m->nr - 1] : NULL;

    if (last && last->type == type && last->addr + last->size == addr)
        last->size += size;
    else if (m->nr < E820_MAX)
        m->e[m->nr++] = (struct e820_entry){ addr, size, type };
    else
        left_out++;
}

unsigned int e820_left_out(void)
{
    return left_out;
}

void e820_sanitize(struct e820_map *m)
{
    static struct e820_map in __initdata;
    static uint64_t edges[MAX_EDGES] __initdata;
    unsigned int n = collect_edges(m, edges);

    in = *m;
    m->nr = 0;
    sort(edges, n, sizeof(edges[0]), compare_edges);
    for (unsigned int i = 0; i + 1 < n; i++) {
        uint32_t type;

        if (edges[i] == edges[i + 1])
            continue;
        type = winning_type(&in, edges[i], edges[i + 1]);
        if (type)
            e820_add(m, edges[i], edges[i + 1] - edges[i], type);
    }
}

uint64_t e820_type_of(paddr_t start, paddr_t end)
{
    const struct e820_map *m = &boot_info.e820;

    for (unsigned int i = 0; i < m->nr; i++)
        if (m->e[i].addr <= start && end <= m->e[i].addr + m->e[i].size)
            return m->e[i].type;
    return 0;
}
