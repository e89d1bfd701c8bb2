/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Command-line options. The table is gathered by the linker (param.h). Complaints wait for the
 * console, which needs options itself.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include "boot_private.h"

extern const struct param __start_param_table[], __stop_param_table[];

#define WORD_MAX 256
#define COMPLAINTS_MAX 16
#define NAME_MAX 32

static struct {
    char word[WORD_MAX];
    const char *why, *nearest;
} complaints[COMPLAINTS_MAX];
static unsigned int nr_complaints;

#define for_each_param(p) for (p = __start_param_table; p < __stop_param_table; p++)

int parse_bool(const char *s)
{
    static const char *const yes[] = { "1", "on", "true", "yes", "enable" };
    static const char *const no[] = { "0", "off", "false", "no", "disable" };

    for (unsigned int i = 0; i < ARRAY_SIZE(yes); i++) {
        if (!strcmp(s, yes[i]))
            return 1;
        if (!strcmp(s, no[i]))
            return 0;
    }
    return -1;
}

/* Number of single-character changes that turn a into b (Levenshtein), names cut to NAME_MAX. */
static unsigned int edit_distance(const char *a, const char *b)
{
    uint8_t row[NAME_MAX + 1];
    size_t la = strnlen(a, NAME_MAX), lb = strnlen(b, NAME_MAX);

    for (size_t j = 0; j <= lb; j++)
        row[j] = (uint8_t)j;
    for (size_t i = 1; i <= la; i++) {
        uint8_t diagonal = row[0];

        row[0] = (uint8_t)i;
        for (size_t j = 1; j <= lb; j++) {
            uint8_t substitute = diagonal + (a[i - 1] != b[j - 1]);
            uint8_t other = MIN(row[j], row[j - 1]) + 1;

            diagonal = row[j];
            row[j] = MIN(substitute, other);
        }
    }
    return row[lb];
}

static const char *nearest_name(const char *name)
{
    const struct param *p;
    const char *best = NULL;
    unsigned int limit = (unsigned int)strlen(name) / 3 + 1;

    for_each_param(p) {
        unsigned int d = edit_distance(name, p->name);

        if (d <= limit) {
            limit = d ? d - 1 : 0;
            best = p->name;
        }
    }
    return best;
}

static void complain(const char *word, const char *why, const char *nearest)
{
    if (nr_complaints == COMPLAINTS_MAX)
        return;
    strlcpy(complaints[nr_complaints].word, word, WORD_MAX);
    complaints[nr_complaints].why = why;
    complaints[nr_complaints++].nearest = nearest;
}

static int store_uint(const struct param *p, uint64_t v)
{
    if (p->len < sizeof(v) && v >> (8 * p->len))
        return -EINVAL;
    memcpy(p->var, &v, p->len);
    return 0;
}

/* value: NULL when the word has no '='. negated: the word began with "no-". */
static int set_param(const struct param *p, const char *value, bool negated)
{
    const char *end;
    uint64_t v;
    int b;

    if (negated && (value || (p->kind != PARAM_bool && p->kind != PARAM_fn)))
        return -EINVAL;
    switch (p->kind) {
    case PARAM_bool:
        b = value ? parse_bool(value) : 1;
        if (b < 0)
            return -EINVAL;
        *(bool *)p->var = b != negated;
        return 0;
    case PARAM_uint:
    case PARAM_size:
        if (!value || !isdigit(*value))
            return -EINVAL;
        v = p->kind == PARAM_uint ? strtoul(value, &end, 0) : parse_size(value, &end);
        return *end ? -EINVAL : store_uint(p, v);
    case PARAM_str:
        return strlcpy(p->var, value ? value : "", p->len) < p->len ? 0 : -EINVAL;
    case PARAM_fn:
        return p->fn(negated ? "no" : value ? value : "");
    }
    return -EINVAL;
}

/* A name may have several rows: each component reads its own part. 0, -ENOENT, -EINVAL. */
static int set_by_name(const char *name, const char *value, bool negated)
{
    const struct param *p;
    int rc = -ENOENT;

    for_each_param(p)
        if (!strcmp(p->name, name)) {
            int one = set_param(p, value, negated);

            if (rc == -ENOENT || one)
                rc = one;
        }
    return rc;
}

static void parse_word(const char *word)
{
    char name[WORD_MAX];
    char *eq;
    int rc;

    strlcpy(name, word, sizeof(name));
    eq = strchr(name, '=');
    if (eq)
        *eq++ = '\0';
    rc = set_by_name(name, eq, false);
    if (rc == -ENOENT && !strncmp(name, "no-", 3))
        rc = set_by_name(name + 3, eq, true);
    if (rc == -ENOENT)
        complain(word, "unknown option", nearest_name(name));
    else if (rc)
        complain(word, "bad value", NULL);
}

void cmdline_parse(const char *cmdline)
{
    char word[WORD_MAX];

    nr_complaints = 0;
    while (*cmdline) {
        size_t n = 0;

        while (isspace(*cmdline))
            cmdline++;
        while (cmdline[n] && !isspace(cmdline[n]))
            n++;
        strlcpy(word, cmdline, MIN(n + 1, sizeof(word)));
        cmdline += n;
        if (n >= sizeof(word))
            complain(word, "too long", NULL);
        else if (n)
            parse_word(word);
    }
}

void cmdline_report(void)
{
    for (unsigned int i = 0; i < nr_complaints; i++)
        printk(XENLOG_WARNING "command line: %s \"%s\"%s%s%s\n", complaints[i].why,
               complaints[i].word, complaints[i].nearest ? "; nearest known: \"" : ", ignored",
               complaints[i].nearest ? complaints[i].nearest : "",
               complaints[i].nearest ? "\"" : "");
}
