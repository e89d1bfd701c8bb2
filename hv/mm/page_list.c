/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of frames, linked by frame number through struct page_info (mm.h). */
#include <hv/mm.h>

static uint32_t index_of(const struct page_info *pg)
{
    return (uint32_t)page_to_mfn(pg);
}

void page_list_add(struct page_list *l, struct page_info *pg)
{
    uint32_t me = index_of(pg);

    pg->prev = PAGE_LIST_NIL;
    pg->next = l->first;
    if (l->first == PAGE_LIST_NIL)
        l->last = me;
    else
        frame_table[l->first].prev = me;
    l->first = me;
    l->count++;
}

void page_list_add_tail(struct page_list *l, struct page_info *pg)
{
    uint32_t me = index_of(pg);

    pg->next = PAGE_LIST_NIL;
    pg->prev = l->last;
    if (l->last == PAGE_LIST_NIL)
        l->first = me;
    else
        frame_table[l->last].next = me;
    l->last = me;
    l->count++;
}

void page_list_del(struct page_list *l, struct page_info *pg)
{
    if (pg->prev == PAGE_LIST_NIL)
        l->first = pg->next;
    else
        frame_table[pg->prev].next = pg->next;
    if (pg->next == PAGE_LIST_NIL)
        l->last = pg->prev;
    else
        frame_table[pg->next].prev = pg->prev;
    l->count--;
}

struct page_info *page_list_first(const struct page_list *l)
{
    return l->first == PAGE_LIST_NIL ? NULL : mfn_to_page(l->first);
}

struct page_info *page_list_next(const struct page_info *pg)
{
    return pg->next == PAGE_LIST_NIL ? NULL : mfn_to_page(pg->next);
}

struct page_info *page_list_pop(struct page_list *l)
{
    struct page_info *pg = page_list_first(l);

    if (pg)
        page_list_del(l, pg);
    return pg;
}
