/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log that outlives a reset (hv/kept_log.h). The place is the first free one of a fixed list,
 * all below 4 GiB and away from both ends of RAM, where firmware and boot loaders put their own
 * things; the next boot looks at all of them.
 */
#include <hv/boot.h>
#include <hv/bootmem.h>
#include <hv/console.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/printk.h>

#define MAGIC 0x4b534f48u            /* "HOSK" */
#define PLACE_STEP (32UL << 20)
#define PLACE_LIMIT (4UL << 30)
#define CACHE_LINE 64
#define HASH_FACTOR 31
#define RUN_FACTOR 0x9e3779b1u       /* odd, so that it mixes all bits */

static bool opt_kept_log = true;
bool_param("kept_log", opt_kept_log);

static struct kept_block *blocks;    /* of this run; NULL = none is kept */
static uint32_t next_run, this_run, this_number;
static uint32_t text_hash;           /* of the block being filled */
static struct kept_block *old;       /* half of the last run */
static const struct kept_block *last; /* its last block, if there is one */
static bool muted;                   /* the last run's log is being printed */

/* --- blocks --- */

static uint32_t hash_char(uint32_t hash, char c)
{
    return hash * HASH_FACTOR + (uint8_t)c;
}

static uint32_t check_of(const struct kept_block *b, uint32_t hash)
{
    return (hash + b->len) * RUN_FACTOR ^ (b->run + 1) * RUN_FACTOR ^ b->number;
}

static bool intact(const struct kept_block *b)
{
    uint32_t hash = 0;

    if (b->magic != MAGIC || b->len > sizeof(b->text))
        return false;
    for (unsigned int i = 0; i < b->len; i++)
        hash = hash_char(hash, b->text[i]);
    return b->check == check_of(b, hash);
}

/* To RAM: a reset may throw away what is in the cache. */
static void write_back(const void *p, size_t len)
{
    const char *line = (const char *)((unsigned long)p & ~(CACHE_LINE - 1UL));

    for (; line < (const char *)p + len; line += CACHE_LINE)
        __asm__ volatile("clflush %0" : : "m"(*line) : "memory");
}

static struct kept_block *begin_block(uint32_t number)
{
    struct kept_block *b = &blocks[number % KEPT_HALF_BLOCKS];

    this_number = number;
    text_hash = 0;
    *b = (struct kept_block){ .magic = MAGIC, .run = this_run, .number = number };
    b->check = check_of(b, 0);
    return b;
}

void kept_log_write(const char *s, size_t len)
{
    struct kept_block *b;

    if (!blocks || muted)
        return;
    b = &blocks[this_number % KEPT_HALF_BLOCKS];
    while (len) {
        size_t n = MIN(len, sizeof(b->text) - b->len), from = b->len;

        for (size_t i = 0; i < n; i++)
            text_hash = hash_char(text_hash, b->text[from + i] = s[i]);
        b->len += (uint16_t)n;
        b->check = check_of(b, text_hash);
        write_back(b, offsetof(struct kept_block, text));
        write_back(b->text + from, n);
        s += n;
        len -= n;
        if (b->len == sizeof(b->text))
            b = begin_block(this_number + 1);
    }
}

void kept_log_next_block(void)
{
    if (blocks)
        begin_block(this_number + 1);
}

static void clear(struct kept_block *half)
{
    memset(half, 0, KEPT_LOG_SIZE / 2);
    write_back(half, KEPT_LOG_SIZE / 2);
}

void kept_log_discard(void)
{
    unsigned long flags;
    bool nested = console_lock(&flags);

    if (blocks)
        clear(blocks);
    blocks = NULL;
    console_unlock(nested, flags);
}

/* --- the last run --- */

/* The newest intact block of the area; NULL if there is none. */
static const struct kept_block *newest(const struct kept_block *area)
{
    const struct kept_block *best = NULL;

    for (unsigned int i = 0; i < 2 * KEPT_HALF_BLOCKS; i++)
        if (intact(&area[i]) &&
            (!best || area[i].run > best->run ||
             (area[i].run == best->run && area[i].number > best->number)))
            best = &area[i];
    return best;
}

/* Returns how many blocks are missing from the first one on that can still be there. */
static unsigned int show_run(const struct kept_block *half, uint32_t run, uint32_t end,
                             void (*show)(const char *s, size_t len))
{
    uint32_t number = end >= KEPT_HALF_BLOCKS ? end - KEPT_HALF_BLOCKS + 1 : 0;
    unsigned int lost = 0;

    for (; number <= end; number++) {
        const struct kept_block *b = &half[number % KEPT_HALF_BLOCKS];

        if (b->run == run && b->number == number && intact(b))
            show(b->text, b->len);
        else
            lost++;
    }
    return lost;
}

bool kept_log_open(void *area)
{
    struct kept_block *all = area;

    last = newest(all);
    old = last && last < all + KEPT_HALF_BLOCKS ? all : all + KEPT_HALF_BLOCKS;
    this_run = last ? MAX(next_run, last->run + 1) : next_run;
    blocks = old == all ? all + KEPT_HALF_BLOCKS : all;
    clear(blocks);
    begin_block(0);
    return last != NULL;
}

unsigned int kept_log_take_last(void (*show)(const char *s, size_t len))
{
    unsigned int lost = 0;

    muted = true;
    if (last)
        lost = show_run(old, last->run, last->number, show);
    muted = false;
    clear(old);
    last = NULL;
    return lost;
}

/* --- its place --- */

static char line[200];
static unsigned int line_len;
static bool frame_begun;

static void end_line(void)
{
    if (!frame_begun)
        printk("---- Log of the run before, which did not end in order ----\n");
    frame_begun = true;
    printk("| %.*s\n", (int)line_len, line);
    line_len = 0;
}

static void show_text(const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\n' || line_len == sizeof(line))
            end_line();
        if (s[i] != '\n' && s[i] != '\r')
            line[line_len++] = s[i];
    }
}

/* Candidates from three quarters of the RAM below 4 GiB downwards: the upper end is what firmware
   and GRUB use for themselves, the lower one is where images and modules are loaded. */
static paddr_t __init first_place(void)
{
    paddr_t top = 0;

    for (unsigned int i = 0; i < boot_info.e820.nr; i++) {
        const struct e820_entry *e = &boot_info.e820.e[i];

        if (e->type == E820_RAM && e->addr + e->size <= PLACE_LIMIT)
            top = MAX(top, e->addr + e->size);
    }
    return ROUND_DOWN(top / 4 * 3, PLACE_STEP);
}

/* Where the newest log is; what is left of older ones may lie at other places. */
static paddr_t __init find_last(paddr_t first)
{
    paddr_t found = INVALID_PADDR;

    for (paddr_t at = first; at; at -= PLACE_STEP) {
        const struct kept_block *b = e820_type_of(at, at + KEPT_LOG_SIZE) == E820_RAM
                                         ? newest(maddr_to_virt(at)) : NULL;

        if (b && b->run >= next_run) {
            next_run = b->run + 1;
            found = at;
        }
    }
    return found;
}

/* Where the last run's log is, if that is still free; else the first free place. */
static paddr_t __init find_place(void)
{
    paddr_t first = first_place(), at = find_last(first);

    if (at != INVALID_PADDR && bootmem_reserve(at, KEPT_LOG_SIZE))
        return at;
    for (at = first; at; at -= PLACE_STEP)
        if (bootmem_reserve(at, KEPT_LOG_SIZE))
            return at;
    return INVALID_PADDR;
}

void __init kept_log_init(void)
{
    unsigned int lost;
    paddr_t at;

    if (!opt_kept_log)
        return;
    at = find_place();
    if (at == INVALID_PADDR) {
        printk(XENLOG_WARNING "kept log: no free place in RAM; the log will not outlive a reset\n");
        return;
    }
    kept_log_open(maddr_to_virt(at));
    console_copy_ring(kept_log_write);
    lost = kept_log_take_last(show_text);
    if (!frame_begun)
        return;
    if (line_len)
        end_line();
    if (lost)
        printk("---- %u pieces of %zu characters are lost ----\n", lost,
               sizeof(((struct kept_block *)0)->text));
    printk("---- End of the log of the run before ----\n");
}
