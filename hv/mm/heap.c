/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Small objects. Sizes are rounded to one of a few classes; a page (slab) holds objects of one
 * class, with a header in front and a list of the free ones through their first word. What does not
 * fit into half a page is made of whole frames.
 *
 * A slab without objects goes back at once, the last of its class too: the heap holds exactly the
 * frames that objects lie in, and a domain's end gives back all that the domain took.
 */
#include <hv/lib.h>
#include <hv/list.h>
#include <hv/mm.h>
#include <hv/printk.h>

#define SLAB_MAGIC 0x51abu
#define FREED_BYTE 0xf5
#define MAX_BLOCK_FRAMES 0xffffu

struct slab {
    struct list_head list;      /* in its class's list while it has free objects */
    void *free;                 /* first free object, linked through their first word */
    uint16_t used, cls, magic;
    uint16_t pad[9];
};
_Static_assert(sizeof(struct slab) == 48, "objects stay 16-byte aligned");

static const uint16_t class_size[] = {16,  32,  48,  64,  96,   128,  192,
                                      256, 400, 576, 800, 1008, 1344, 2016};
#define NR_CLASSES ARRAY_SIZE(class_size)
#define MAX_SMALL 2016

static DEFINE_SPINLOCK(xmalloc_lock, LOCK_XMALLOC);
/* Slabs with free objects. NULL links until first used. */
static struct list_head partial[NR_CLASSES];
static struct { unsigned long objects, slabs; } in_use[NR_CLASSES];
static unsigned long block_frames; /* changed atomically: blocks take no lock */

static unsigned int class_of(size_t size)
{
    unsigned int c = 0;

    while (class_size[c] < size)
        c++;
    return c;
}

static struct slab *make_slab(unsigned int cls)
{
    struct slab *s = alloc_xen_page();
    size_t size = class_size[cls];

    if (!s)
        return NULL;
    s->cls = (uint16_t)cls;
    s->magic = SLAB_MAGIC;
    for (char *p = (char *)s + sizeof(*s); p + size <= (char *)s + PAGE_SIZE; p += size) {
        *(void **)p = s->free;
        s->free = p;
    }
    return s;
}

static void *take_object(unsigned int cls)
{
    struct list_head *head = &partial[cls];
    struct slab *s;
    void *p;

    if (!head->next)
        list_init(head);
    if (list_empty(head))
        return NULL;
    s = list_first(head, struct slab, list);
    p = s->free;
    s->free = *(void **)p;
    s->used++;
    in_use[cls].objects++;
    if (!s->free)
        list_del(&s->list);
    return p;
}

static void *alloc_small(size_t size)
{
    unsigned int cls = class_of(size);
    struct slab *s;
    void *p;

    spin_lock(&xmalloc_lock);
    p = take_object(cls);
    spin_unlock(&xmalloc_lock);
    if (p)
        return p;
    s = make_slab(cls);
    if (!s)
        return NULL;
    spin_lock(&xmalloc_lock);
    list_init(&s->list);
    if (!partial[cls].next)
        list_init(&partial[cls]);
    list_add(&s->list, &partial[cls]);
    in_use[cls].slabs++;
    p = take_object(cls);
    spin_unlock(&xmalloc_lock);
    return p;
}

/* Whole frames; what the power of two has too much is given back. The first frame's `progress`
   keeps how many there are. */
static void *alloc_block(size_t size)
{
    unsigned long nr = DIV_ROUND_UP(size, PAGE_SIZE), end;
    unsigned int order = order_of(nr);
    struct page_info *pg;

    if (nr > MAX_BLOCK_FRAMES)
        return NULL;
    pg = alloc_xen_pages(order, 0);
    if (!pg)
        return NULL;
    pg->progress = (uint16_t)nr;
    __atomic_fetch_add(&block_frames, nr, __ATOMIC_RELAXED);
    for (end = 1UL << order; end > nr; end--)
        free_xen_pages(pg + end - 1, 0);
    return page_to_virt(pg);
}

void *xmalloc(size_t size)
{
    if (size > SIZE_MAX - PAGE_SIZE)
        return NULL;
    return size <= MAX_SMALL ? alloc_small(size) : alloc_block(size);
}

void *xzalloc(size_t size)
{
    void *p = xmalloc(size);

    /* Blocks come zeroed. */
    if (p && size <= MAX_SMALL)
        memset(p, 0, size);
    return p;
}

void *xzalloc_array(size_t n, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(n, size, &bytes))
        return NULL;
    return xzalloc(bytes);
}

static void free_block(void *p)
{
    struct page_info *pg = virt_to_page(p);
    unsigned long nr = pg->progress;

    BUG_ON(!nr);
    pg->progress = 0;
    __atomic_fetch_sub(&block_frames, nr, __ATOMIC_RELAXED);
    while (nr) {
        unsigned int order = fls64(nr);

        /* A chunk given back must be aligned to its size. */
        if (page_to_mfn(pg))
            order = MIN(order, ffs64(page_to_mfn(pg)));
        free_xen_pages(pg, order);
        pg += 1UL << order;
        nr -= 1UL << order;
    }
}

static void free_small(void *p)
{
    struct slab *s = (struct slab *)((unsigned long)p & PAGE_MASK);
    bool empty;

    BUG_ON(s->magic != SLAB_MAGIC);
#ifdef DEBUG
    memset(p, FREED_BYTE, class_size[s->cls]);
#endif
    spin_lock(&xmalloc_lock);
    if (!s->free)
        list_add(&s->list, &partial[s->cls]);
    *(void **)p = s->free;
    s->free = p;
    in_use[s->cls].objects--;
    empty = --s->used == 0;
    if (empty) {
        list_del(&s->list);
        in_use[s->cls].slabs--;
    }
    spin_unlock(&xmalloc_lock);
    if (!empty)
        return;
    s->magic = 0;
    free_xen_page(s);
}

void xfree(void *p)
{
    if (!p)
        return;
    if (IS_ALIGNED((unsigned long)p, PAGE_SIZE))
        free_block(p);
    else
        free_small(p);
}

unsigned long heap_frames(void)
{
    unsigned long n = __atomic_load_n(&block_frames, __ATOMIC_RELAXED);

    for (unsigned int c = 0; c < NR_CLASSES; c++)
        n += READ_ONCE(in_use[c].slabs);
    return n;
}

void heap_dump(void)
{
    printk("Heap: %lu frames, %lu of them in blocks; by size, objects in slabs:\n", heap_frames(),
           block_frames);
    for (unsigned int c = 0; c < NR_CLASSES; c++)
        if (in_use[c].slabs)
            printk("  %4u bytes: %lu in %lu\n", class_size[c], in_use[c].objects,
                   in_use[c].slabs);
}
