/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log that outlives a reset (hv/drivers/kept_log.c): a copy of the newest output, dom0's
 * included, in a piece of RAM that the next boot finds again by its place and contents, if the
 * firmware and the boot loader leave it alone. A power cycle ends it.
 *
 * The RAM is cut into blocks that each carry their own check, so that what is overwritten costs
 * only itself. Half of it is written in one run, half in the next: the old one can be read while
 * the new one is made.
 */
#ifndef HV_KEPT_LOG_H
#define HV_KEPT_LOG_H

#include <hv/types.h>

#define KEPT_LOG_SIZE 65536
#define KEPT_BLOCK_SIZE 256
#define KEPT_HALF_BLOCKS (KEPT_LOG_SIZE / KEPT_BLOCK_SIZE / 2)

struct kept_block {
    uint32_t magic;
    uint32_t run;             /* grows with each boot */
    uint32_t number;          /* within its run */
    uint32_t check;           /* over all else */
    uint16_t len;
    char text[KEPT_BLOCK_SIZE - 18];
};
_Static_assert(sizeof(struct kept_block) == KEPT_BLOCK_SIZE, "block of the kept log");

/* Boot, after bootmem_init() and before memory is given out: finds the place, which is reserved
   from here on, prints what the last run left there unless it ended in order, and begins to keep
   this one's output. Without RAM for it there is none. */
void kept_log_init(void);
/* Adds output; the console lock is held. */
void kept_log_write(const char *s, size_t len);
/* What follows does not share a block with what is being written just now: for panic(), which may
   have interrupted that. */
void kept_log_next_block(void);
/* The run ends as it should: the next one is not to show it. */
void kept_log_discard(void);

/* The steps of kept_log_init(). Begins to keep at `area`, KEPT_LOG_SIZE bytes; true: the log of a
   last run is there. */
bool kept_log_open(void *area);
/* Hands the last run's text to show(), piece by piece in order, and forgets it. What is written
   meanwhile is not kept. Returns how many blocks of it are gone or damaged. */
unsigned int kept_log_take_last(void (*show)(const char *s, size_t len));

#endif
