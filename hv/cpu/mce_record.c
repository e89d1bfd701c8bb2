/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of machine checks for domain 0. When nobody fetches them the oldest are kept: the first
   error is the one that tells most. */
#include <hv/lib.h>
#include <hv/mce.h>
#include <hv/printk.h>
#include <hv/spinlock.h>

static DEFINE_SPINLOCK(record_lock, LOCK_LEAF);
/* All under record_lock. A record's id is its number, counted from 1. */
static struct queue {
    struct mc_info info[MCE_KEPT];
    uint64_t first, next;        /* numbers of the oldest, and of the next to come */
    uint64_t lost;
} queues[NR_MCE_QUEUES] = { { .first = 1, .next = 1 }, { .first = 1, .next = 1 } };

void mce_keep(enum mce_queue q, const struct mc_info *info)
{
    struct queue *queue = &queues[q];
    unsigned long flags;

    spin_lock_irqsave(&record_lock, flags);
    if (queue->next - queue->first == MCE_KEPT)
        queue->lost++;
    else
        queue->info[queue->next++ % MCE_KEPT] = *info;
    spin_unlock_irqrestore(&record_lock, flags);
}

bool mce_oldest(enum mce_queue q, struct mc_info *info, uint64_t *id)
{
    struct queue *queue = &queues[q];
    unsigned long flags;
    bool any;

    spin_lock_irqsave(&record_lock, flags);
    any = queue->first != queue->next;
    *id = any ? queue->first : 0;
    if (any)
        *info = queue->info[queue->first % MCE_KEPT];
    spin_unlock_irqrestore(&record_lock, flags);
    return any;
}

void mce_acknowledge(enum mce_queue q, uint64_t id)
{
    struct queue *queue = &queues[q];
    unsigned long flags;

    spin_lock_irqsave(&record_lock, flags);
    if (queue->first != queue->next && id == queue->first)
        queue->first++;
    spin_unlock_irqrestore(&record_lock, flags);
}

void mc_info_add(struct mc_info *info, const void *entry, uint16_t size)
{
    const struct mcinfo_common *e = x86_mcinfo_first(info);
    size_t used;

    for (uint32_t i = 0; i < info->mi_nentries; i++)
        e = x86_mcinfo_next(e);
    used = (size_t)((const char *)e - (const char *)info->mi_data);
    if (size > sizeof(info->mi_data) - used) {
        info->flags |= MCINFO_FLAGS_UNCOMPLETE;
        return;
    }
    memcpy((char *)info->mi_data + used, entry, size);
    info->mi_nentries++;
}
