/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * console_io: dom0's output goes to the devices as it is, and dom0 reads what is typed. Other
 * domains may write when guest_loglvl= shows their debug messages; their output is put into the log
 * line by line, with the domain's number in front. Longest path: one chunk, then a continuation.
 */
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/uaccess.h>

#define CHUNK 128
#define LINE_MAX 128
#define NR_LINES 8

static bool opt_console_to_ring;
bool_param("console_to_ring", opt_console_to_ring);

/* Unfinished lines of domains. When there are more writers than places, the oldest one's line ends
 * early. */
static DEFINE_SPINLOCK(lines_lock, LOCK_LEAF);
static struct guest_line {
    domid_t id;
    bool used;
    uint8_t len;
    char text[LINE_MAX + 1];
} lines[NR_LINES];
static unsigned int next_victim;

static void flush_line(struct guest_line *l)
{
    l->text[l->len] = '\0';
    printk(XENLOG_GUEST XENLOG_DEBUG "(d%u) %s\n", l->id, l->text);
    l->len = 0;
}

static struct guest_line *line_of(domid_t id)
{
    struct guest_line *l;

    for (unsigned int i = 0; i < NR_LINES; i++)
        if (lines[i].used && lines[i].id == id)
            return &lines[i];
    l = &lines[next_victim++ % NR_LINES];
    if (l->used && l->len)
        flush_line(l);
    l->id = id;
    l->used = true;
    l->len = 0;
    return l;
}

static void write_guest(domid_t id, const char *s, size_t len)
{
    struct guest_line *l;

    spin_lock(&lines_lock);
    l = line_of(id);
    for (size_t i = 0; i < len; i++) {
        if (s[i] == '\n' || l->len == LINE_MAX)
            flush_line(l);
        if (isprint(s[i]) || s[i] == '\t')
            l->text[l->len++] = s[i];
    }
    spin_unlock(&lines_lock);
}

static void write_dom0(const char *s, size_t len)
{
    unsigned long flags;
    bool nested = console_lock(&flags);

    if (opt_console_to_ring)
        console_emit(s, len);
    else
        console_emit_output(s, len);
    console_unlock(nested, flags);
}

static long console_write(unsigned long count, const char *buffer)
{
    const struct domain *d = current->domain;
    char chunk[CHUNK];

    while (count) {
        size_t n = MIN(count, sizeof(chunk));

        if (copy_from_guest(chunk, buffer, n))
            return -EFAULT;
        if (is_control_domain(d))
            write_dom0(chunk, n);
        else
            write_guest(d->domain_id, chunk, n);
        buffer += n;
        count -= n;
        if (count && hypercall_preempt_check())
            return HYPERCALL_CONTINUE(console_io, CONSOLEIO_write, count, (unsigned long)buffer);
    }
    return 0;
}

static long console_read(unsigned long count, char *buffer)
{
    char chunk[CHUNK];
    unsigned long done = 0;

    while (done < count) {
        size_t n = console_read_input(chunk, MIN(count - done, sizeof(chunk)));

        if (n == 0)
            break;
        if (copy_to_guest(buffer + done, chunk, n))
            return -EFAULT;
        done += n;
    }
    return (long)done;
}

long do_console_io(unsigned long cmd, unsigned long count, void *buffer)
{
    bool control = is_control_domain(current->domain);

    count = (unsigned int)count;
    switch ((unsigned int)cmd) {
    case CONSOLEIO_write:
        return control || printk_shows_guest_debug() ? console_write(count, buffer) : -EPERM;
    case CONSOLEIO_read:
        return console_read(count, buffer);
    default:
        return control ? -ENOSYS : -EPERM;
    }
}
