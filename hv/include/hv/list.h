/* SPDX-License-Identifier: BSD-2-Clause */
/* Circular doubly linked list with the head as a node. */
#ifndef HV_LIST_H
#define HV_LIST_H

#include <hv/types.h>

struct list_head { struct list_head *next, *prev; };

#define LIST_HEAD_INIT(name) { &(name), &(name) }
#define LIST_HEAD(name) struct list_head name = LIST_HEAD_INIT(name)

static inline void list_init(struct list_head *h) { h->next = h->prev = h; }
static inline bool list_empty(const struct list_head *h) { return h->next == h; }
static inline void list_insert(struct list_head *n, struct list_head *prev, struct list_head *next)
{
    n->prev = prev;
    n->next = next;
    prev->next = n;
    next->prev = n;
}
static inline void list_add(struct list_head *n, struct list_head *h)
{
    list_insert(n, h, h->next);
}
static inline void list_add_tail(struct list_head *n, struct list_head *h)
{
    list_insert(n, h->prev, h);
}
/* Leaves n an empty list of its own, so that list_empty(n) says "not on a list". */
static inline void list_del(struct list_head *n)
{
    n->prev->next = n->next;
    n->next->prev = n->prev;
    list_init(n);
}
#define list_entry(p, type, member) container_of(p, type, member)
#define list_first(h, type, member) list_entry((h)->next, type, member)
#define list_for_each(pos, h, member)                                        \
    for (pos = list_entry((h)->next, __typeof__(*pos), member);              \
         &pos->member != (h);                                                \
         pos = list_entry(pos->member.next, __typeof__(*pos), member))
/* pos may be deleted or freed in the body; tmp is the next one. */
#define list_for_each_safe(pos, tmp, h, member)                              \
    for (pos = list_entry((h)->next, __typeof__(*pos), member),              \
         tmp = list_entry(pos->member.next, __typeof__(*pos), member);       \
         &pos->member != (h);                                                \
         pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

#endif
