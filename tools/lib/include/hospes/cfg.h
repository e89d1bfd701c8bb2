/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The syntax of guest config files: lines KEY = VALUE as xl and xm read them. A value is a string,
 * a number, a list, or an expression of these with +, % and names set before, which is what xm's
 * samples use of Python. Their function definitions and xm_vars.*() calls are skipped; other Python
 * is refused by name. What the keys mean is in guest_config.h.
 *
 *   file   = { KEY ("=" | "+=") expr (newline | ";") }        "#" starts a comment
 *   expr   = term { ("+" | "%") term }
 *   term   = STRING { STRING } | NUMBER | NAME | "[" [expr {"," expr} [","]] "]"
 *          | "(" expr {"," expr} [","] ")"
 */
#ifndef HOSPES_CFG_H
#define HOSPES_CFG_H

#include <stddef.h>
#include <stdint.h>

#include <hospes/error.h>

enum cfg_kind { CFG_NUMBER, CFG_STRING, CFG_LIST };

struct cfg_value {
    enum cfg_kind kind;
    int64_t number;             /* CFG_NUMBER */
    char *string;               /* CFG_STRING, never NULL then */
    struct cfg_value *items;    /* CFG_LIST */
    size_t n;
};

struct cfg_entry {
    char *key;
    struct cfg_value value;
    unsigned int line;          /* 0: from the command line */
    unsigned int uses;          /* how often a later expression names it */
};

struct cfg {
    struct cfg_entry *entries;
    size_t n;
};

#define CFG_MAX_BYTES (1u << 20)
#define CFG_MAX_DEPTH 16

/*
 * Adds the words "KEY=VALUE" of a command line: before cfg_parse(), so that the file can use the
 * names, and it cannot then set them. VALUE: an expression, or else a string as it stands.
 */
int cfg_assign(struct cfg *cfg, const char *word, struct error *e);
/* Reads len bytes of text; name is for messages. What was read before an error stays in cfg. */
int cfg_parse(struct cfg *cfg, const char *text, size_t len, const char *name, struct error *e);
/* Reads a file of at most CFG_MAX_BYTES. */
int cfg_read(struct cfg *cfg, const char *path, struct error *e);
/* NULL: not there. */
struct cfg_entry *cfg_find(const struct cfg *cfg, const char *key);
void cfg_free(struct cfg *cfg);

#endif
