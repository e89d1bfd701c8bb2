/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ioremap window: device memory and scattered frames mapped contiguously. Ranges in use are
 * kept in a list in ascending order; each is followed by an unmapped guard page. First fit.
 */
#include <hv/cpumask.h>
#include <hv/flush.h>
#include <hv/list.h>
#include <hv/mm.h>
#include <hv/printk.h>

struct window {
    struct list_head list;
    unsigned long start, pages; /* without the guard page */
};

static LIST_HEAD(windows);
static DEFINE_SPINLOCK(window_lock, LOCK_LEAF);

/* Finds room for w->pages aligned as asked and links w in. False if there is none. */
static bool place(struct window *w, unsigned long align)
{
    unsigned long at = ROUND_UP(IOREMAP_VIRT_START + PAGE_SIZE, align);
    struct list_head *before = &windows;
    struct window *other;

    list_for_each(other, &windows, list) {
        if (other->start >= at + (w->pages + 1) * PAGE_SIZE)
            break;
        at = MAX(at, ROUND_UP(other->start + (other->pages + 1) * PAGE_SIZE, align));
        before = &other->list;
    }
    if (w->pages >= (IOREMAP_VIRT_END - IOREMAP_VIRT_START) / PAGE_SIZE ||
        at + (w->pages + 1) * PAGE_SIZE > IOREMAP_VIRT_END)
        return false;
    w->start = at;
    list_add(&w->list, before);
    return true;
}

static struct window *new_window(unsigned long pages, unsigned long align)
{
    struct window *w = xzalloc_struct(struct window);
    bool ok;

    if (!w)
        return NULL;
    w->pages = pages;
    spin_lock(&window_lock);
    ok = place(w, align);
    spin_unlock(&window_lock);
    if (ok)
        return w;
    xfree(w);
    return NULL;
}

static void drop_window(struct window *w)
{
    spin_lock(&window_lock);
    list_del(&w->list);
    spin_unlock(&window_lock);
    xfree(w);
}

static struct window *find_window(unsigned long start)
{
    struct window *w, *found = NULL;

    spin_lock(&window_lock);
    list_for_each(w, &windows, list)
        if (w->start == start)
            found = w;
    spin_unlock(&window_lock);
    return found;
}

/* Large windows are aligned so that large pages fit. */
static struct window *open_window(unsigned long pages)
{
    return new_window(pages, pages >= PT_ENTRIES ? 1UL << L2_SHIFT : PAGE_SIZE);
}

static void close_window(struct window *w)
{
    unmap_hv_pages(w->start, w->pages);
    flush_all(FLUSH_TLB | FLUSH_TLB_GLOBAL);
    drop_window(w);
}

static void *map_device(paddr_t pa, size_t len, uint64_t flags)
{
    unsigned long offset = pa & ~PAGE_MASK;
    unsigned long pages = DIV_ROUND_UP(offset + len, PAGE_SIZE);
    struct window *w;

    if (!len || pa + len < pa)
        return NULL;
    w = open_window(pages);
    if (!w)
        return NULL;
    if (map_hv_pages(w->start, paddr_to_pfn(pa), pages, flags)) {
        unmap_hv_pages(w->start, pages);
        drop_window(w);
        return NULL;
    }
    return (char *)w->start + offset;
}

void *ioremap(paddr_t pa, size_t len)
{
    return map_device(pa, len, PAGE_HV_UC);
}

static void release(void *va)
{
    struct window *w = find_window((unsigned long)va & PAGE_MASK);

    if (w)
        close_window(w);
    else
        printk(XENLOG_ERR "mm: %p is to be unmapped and is not mapped\n", va);
}

void iounmap(void *va, size_t len)
{
    release(va);
}

void *vmap_reserve(unsigned long pages)
{
    struct window *w = open_window(pages);

    return w ? (void *)w->start : NULL;
}

void vunmap(void *va)
{
    release(va);
}
