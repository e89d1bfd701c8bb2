/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads the syntax of config files (cfg.h). The text is untrusted: lengths and depths are
 * limited. */
#include <hospes/cfg.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct parser {
    struct cfg *cfg;
    const char *at, *end, *name;
    unsigned int line, depth;   /* depth: of brackets; line ends are spaces inside */
    size_t room;                /* bytes and items that names may still bring in */
    struct error *error;
};

/* Values */

static void value_free(struct cfg_value *v)
{
    free(v->string);
    for (size_t i = 0; i < v->n; i++)
        value_free(&v->items[i]);
    free(v->items);
    *v = (struct cfg_value){ 0 };
}

static void *must(void *p)
{
    if (!p) {
        fputs("hospes: config: out of memory\n", stderr);
        abort();
    }
    return p;
}

static struct cfg_value string_value(const char *s, size_t n)
{
    char *copy = must(malloc(n + 1));

    memcpy(copy, s, n);
    copy[n] = '\0';
    return (struct cfg_value){ .kind = CFG_STRING, .string = copy };
}

static void list_add(struct cfg_value *list, struct cfg_value item)
{
    /* Room for 1, 2, 4, 8... items: as many as were, when that is a power of two. */
    if (!(list->n & (list->n - 1)))
        list->items = must(reallocarray(list->items, list->n ? list->n * 2 : 1, sizeof(item)));
    list->items[list->n++] = item;
}

static struct cfg_value value_copy(const struct cfg_value *v)
{
    struct cfg_value copy = { .kind = v->kind, .number = v->number };

    if (v->kind == CFG_STRING)
        return string_value(v->string, strlen(v->string));
    for (size_t i = 0; i < v->n; i++)
        list_add(&copy, value_copy(&v->items[i]));
    return copy;
}

/* Bytes and items of a value; more than any file may have if it is nested too deep. */
static size_t value_size(const struct cfg_value *v, unsigned int depth)
{
    size_t n = 1 + (v->kind == CFG_STRING ? strlen(v->string) : 0);

    if (depth > CFG_MAX_DEPTH)
        return CFG_MAX_BYTES;
    for (size_t i = 0; i < v->n && n < CFG_MAX_BYTES; i++)
        n += value_size(&v->items[i], depth + 1);
    return n;
}

/* Characters */

static int fail(struct parser *p, const char *what)
{
    if (p->line)
        return error_set(p->error, EINVAL, "config", NULL, "%s:%u: %s", p->name, p->line, what);
    return error_set(p->error, EINVAL, "config", NULL, "%s: %s", p->name, what);
}

static int peek(const struct parser *p)
{
    return p->at < p->end ? (unsigned char)*p->at : -1;
}

static void skip_space(struct parser *p)
{
    for (; p->at < p->end; p->at++) {
        if (*p->at == '#') {
            while (p->at < p->end && *p->at != '\n')
                p->at++;
            if (p->at == p->end)
                return;
        }
        if (*p->at == '\\' && p->end - p->at > 1 && p->at[1] == '\n') {
            p->at++;
            p->line++;
        } else if (*p->at == '\n') {
            if (!p->depth)
                return;
            p->line++;
        } else if (!isspace((unsigned char)*p->at)) {
            return;
        }
    }
}

static bool accept(struct parser *p, char c)
{
    skip_space(p);
    if (peek(p) != (unsigned char)c)
        return false;
    p->at++;
    return true;
}

static size_t name_length(const struct parser *p)
{
    const char *s = p->at;

    if (s < p->end && !isalpha((unsigned char)*s) && *s != '_')
        return 0;
    while (s < p->end && (isalnum((unsigned char)*s) || *s == '_'))
        s++;
    return (size_t)(s - p->at);
}

/* Terms */

static int escape(struct parser *p, char *out)
{
    static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
    const char *f;
    int c = peek(p);
    unsigned int n = 0, code = 0;

    if (c < 0)
        return fail(p, "the text ends inside of a string");
    p->at++;
    f = c ? strchr(from, c) : NULL;
    if (f) {
        *out = to[f - from];
        return 0;
    }
    if (c == 'x') {
        for (; n < 2 && isxdigit(peek(p)); n++, p->at++)
            code = code * 16 + (isdigit(peek(p)) ? *p->at - '0' : tolower(*p->at) - 'a' + 10);
        if (!n || !code)
            return fail(p, "\\x needs hexadecimal digits, and cannot be a zero byte");
        *out = (char)code;
        return 0;
    }
    *out = (char)c;
    return 0;
}

static int parse_string(struct parser *p, struct cfg_value *v)
{
    char quote = *p->at++, *out = must(malloc((size_t)(p->end - p->at) + 1));
    size_t n = 0;

    for (;;) {
        int c = peek(p);

        if (c < 0 || c == '\n' || !c) {
            free(out);
            return fail(p, c ? "a string has no closing quote" : "a zero byte in a string");
        }
        p->at++;
        if (c == quote)
            break;
        out[n] = (char)c;
        if (c == '\\' && escape(p, &out[n])) {
            free(out);
            return -1;
        }
        n++;
    }
    *v = string_value(out, n);
    free(out);
    return 0;
}

static int parse_number(struct parser *p, struct cfg_value *v)
{
    char digits[32], *end;
    size_t n = 0;

    while (n < sizeof(digits) - 1 && (isalnum(peek(p)) || (!n && peek(p) == '-')))
        digits[n++] = *p->at++;
    digits[n] = '\0';
    errno = 0;
    *v = (struct cfg_value){ .kind = CFG_NUMBER, .number = strtoll(digits, &end, 0) };
    if (*end || errno || end == digits)
        return fail(p, "not a number (text stands in quotes)");
    return 0;
}

static int parse_name(struct parser *p, struct cfg_value *v)
{
    static const struct { const char *name; int number; } words[] = {
        { "True", 1 }, { "False", 0 }, { "None", 0 },
    };
    size_t n = name_length(p);
    char name[64];
    struct cfg_entry *entry;

    snprintf(name, sizeof(name), "%.*s", (int)n, p->at);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (!strcmp(name, words[i].name)) {
            p->at += n;
            *v = (struct cfg_value){ .kind = CFG_NUMBER, .number = words[i].number };
            return 0;
        }
    entry = n < sizeof(name) ? cfg_find(p->cfg, name) : NULL;
    if (!entry)
        return error_set(p->error, EINVAL, "config",
                         "Give it on the command line as NAME=VALUE, or put text in quotes.",
                         "%s:%u: the name '%s' has no value yet", p->name, p->line, name);
    p->at += n;
    entry->uses++;
    /* x = [x, x] on every line would double it each time. */
    n = value_size(&entry->value, p->depth);
    if (n >= p->room)
        return fail(p, "names stand for too much text, or for lists too deep");
    p->room -= n;
    *v = value_copy(&entry->value);
    return 0;
}

static int parse_expr(struct parser *p, struct cfg_value *v);

static int parse_items(struct parser *p, char close, struct cfg_value *list)
{
    while (!accept(p, close)) {
        struct cfg_value item = { 0 };

        if (parse_expr(p, &item)) {
            value_free(&item);
            return -1;
        }
        list_add(list, item);
        if (!accept(p, ',') && (skip_space(p), peek(p) != close))
            return fail(p, "a list needs commas between its items and a closing bracket");
    }
    return 0;
}

static int parse_list(struct parser *p, struct cfg_value *v)
{
    char open = *p->at++;
    bool comma;
    int rc;

    *v = (struct cfg_value){ .kind = CFG_LIST };
    if (p->depth == CFG_MAX_DEPTH)
        return fail(p, "brackets too deep");
    p->depth++;
    rc = parse_items(p, open == '[' ? ']' : ')', v);
    p->depth--;
    if (rc || open == '[')
        return rc;
    /* Brackets around one expression only group it. */
    comma = p->at[-1] == ')' && v->n != 1;
    if (!comma && v->n == 1) {
        struct cfg_value only = v->items[0];

        free(v->items);
        *v = only;
    }
    return 0;
}

static int parse_term(struct parser *p, struct cfg_value *v)
{
    int c;

    skip_space(p);
    c = peek(p);
    if (c == '[' || c == '(')
        return parse_list(p, v);
    if (c == '"' || c == '\'')
        return parse_string(p, v);
    if (isdigit(c) || c == '-')
        return parse_number(p, v);
    if (name_length(p) && c >= 0)
        return parse_name(p, v);
    return fail(p, "a value is missing");
}

/* Operators */

/* *f stands behind the %, and is moved to the letter: "d", "s", "02x". */
static int format_one(struct parser *p, const char **f, const struct cfg_value *arg, char *out,
                      size_t room)
{
    bool zeros = **f == '0';
    int width = 0, n = -1;

    for (; isdigit((unsigned char)**f) && width < 100; ++*f)
        width = width * 10 + (**f - '0');
    if (**f == 's' && arg->kind == CFG_STRING)
        n = snprintf(out, room, "%*s", width, arg->string);
    else if (**f && strchr("sdi", **f) && arg->kind == CFG_NUMBER)
        n = snprintf(out, room, zeros ? "%0*" PRId64 : "%*" PRId64, width, arg->number);
    else if (**f == 'x' && arg->kind == CFG_NUMBER)
        n = snprintf(out, room, zeros ? "%0*" PRIx64 : "%*" PRIx64, width, (uint64_t)arg->number);
    else
        return fail(p, "% knows %d, %i, %x for numbers, %s, and %%");
    return (size_t)n < room ? n : fail(p, "text too long");
}

static int format(struct parser *p, struct cfg_value *v, const struct cfg_value *args)
{
    const struct cfg_value *arg = args->kind == CFG_LIST ? args->items : args;
    size_t left = args->kind == CFG_LIST ? args->n : 1, n = 0;
    char out[4096];

    if (v->kind != CFG_STRING)
        return fail(p, "% needs a string on its left");
    for (const char *f = v->string; *f; f++) {
        int used = 1;

        if (n + 1 >= sizeof(out))
            return fail(p, "text too long");
        if (*f != '%' || *++f == '%') {
            out[n++] = *f;
            continue;
        }
        if (!*f || !left)
            return fail(p, "% has fewer values than its string asks for");
        used = format_one(p, &f, arg++, out + n, sizeof(out) - n);
        if (used < 0)
            return -1;
        left--;
        n += (size_t)used;
    }
    if (left)
        return fail(p, "% has more values than its string asks for");
    free(v->string);
    *v = string_value(out, n);
    return 0;
}

static int add(struct parser *p, struct cfg_value *v, struct cfg_value *right)
{
    if (v->kind != right->kind)
        return fail(p, "+ needs two of a kind: numbers, strings or lists");
    if (v->kind == CFG_NUMBER) {
        if (__builtin_add_overflow(v->number, right->number, &v->number))
            return fail(p, "number too large");
    } else if (v->kind == CFG_STRING) {
        size_t a = strlen(v->string), b = strlen(right->string);

        if (a + b > CFG_MAX_BYTES)
            return fail(p, "text too long");
        v->string = must(realloc(v->string, a + b + 1));
        memcpy(v->string + a, right->string, b + 1);
    } else {
        if (v->n + right->n > CFG_MAX_BYTES / 64)
            return fail(p, "list too long");
        for (size_t i = 0; i < right->n; i++)
            list_add(v, value_copy(&right->items[i]));
    }
    return 0;
}

static int parse_expr(struct parser *p, struct cfg_value *v)
{
    if (parse_term(p, v))
        return -1;
    for (;;) {
        struct cfg_value right = { 0 };
        char op;
        int rc;

        skip_space(p);
        op = (char)(peek(p) < 0 ? 0 : peek(p));
        if (op == '+' || op == '%')
            p->at++;
        else if ((op == '"' || op == '\'') && v->kind == CFG_STRING)
            op = '+';
        else
            return 0;
        rc = parse_term(p, &right);
        if (!rc)
            rc = op == '%' ? format(p, v, &right) : add(p, v, &right);
        value_free(&right);
        if (rc)
            return -1;
    }
}

/* Statements */

struct cfg_entry *cfg_find(const struct cfg *cfg, const char *key)
{
    for (size_t i = 0; i < cfg->n; i++)
        if (!strcmp(cfg->entries[i].key, key))
            return &cfg->entries[i];
    return NULL;
}

static struct cfg_entry *entry_new(struct cfg *cfg, const char *key, unsigned int line)
{
    struct cfg_entry *entry;

    cfg->entries = must(reallocarray(cfg->entries, cfg->n + 1, sizeof(*entry)));
    entry = &cfg->entries[cfg->n++];
    *entry = (struct cfg_entry){ .key = must(strdup(key)), .line = line };
    return entry;
}

static int set_key(struct parser *p, const char *key, bool append, struct cfg_value *v,
                   unsigned int line)
{
    struct cfg_entry *entry = cfg_find(p->cfg, key);

    if (entry && !entry->line) {
        value_free(v);
        return 0;
    }
    if (entry && append) {
        int rc = add(p, &entry->value, v);

        value_free(v);
        return rc;
    }
    if (!entry)
        entry = entry_new(p->cfg, key, line);
    value_free(&entry->value);
    entry->value = *v;
    entry->line = line;
    return 0;
}

/* Samples of xm define functions that check what the command line gave; nothing calls them here.
 * The line is skipped, and all below that are indented or empty. */
static void skip_block(struct parser *p)
{
    for (;;) {
        while (p->at < p->end && *p->at != '\n')
            p->at++;
        if (p->end - p->at < 2 || (p->at[1] != ' ' && p->at[1] != '\t' && p->at[1] != '\n'))
            return;
        p->at++;
        p->line++;
    }
}

/* And they declare such names: xm_vars.var('vmid', use="...", check=...), xm_vars.check(). */
static int skip_call(struct parser *p)
{
    char quote = 0;

    while (p->at < p->end && *p->at != '(' && *p->at != '\n')
        p->at++;
    if (peek(p) != '(')
        return fail(p, "a line is KEY = VALUE");
    for (unsigned int open = 0; p->at < p->end; p->at++) {
        if (*p->at == '\n')
            p->line++;
        if (quote) {
            quote = *p->at == quote ? 0 : quote;
        } else if (*p->at == '"' || *p->at == '\'') {
            quote = *p->at;
        } else if (*p->at == '(') {
            open++;
        } else if (*p->at == ')' && !--open) {
            p->at++;
            return 0;
        }
    }
    return fail(p, "a closing bracket is missing");
}

static int parse_statement(struct parser *p)
{
    static const char *const python[] = { "import", "from", "if", "for", "while", "try",
                                          "print", "class", "exec" };
    struct cfg_value v = { 0 };
    size_t n = name_length(p);
    unsigned int line = p->line;
    char key[64];
    bool append;

    if (!n || n >= sizeof(key))
        return fail(p, "a line is KEY = VALUE");
    snprintf(key, sizeof(key), "%.*s", (int)n, p->at);
    if (!strcmp(key, "xm_vars"))
        return skip_call(p);
    if (!strcmp(key, "def")) {
        skip_block(p);
        return 0;
    }
    for (size_t i = 0; i < sizeof(python) / sizeof(python[0]); i++)
        if (!strcmp(key, python[i]))
            return error_set(p->error, EINVAL, "config",
                             "Write the values out; KEY=VALUE on the command line sets a name.",
                             "%s:%u: '%s' is Python, which is not run here", p->name, line, key);
    p->at += n;
    append = accept(p, '+');
    if (!accept(p, '='))
        return fail(p, "'=' is missing after the key");
    if (parse_expr(p, &v)) {
        value_free(&v);
        return -1;
    }
    return set_key(p, key, append, &v, line);
}

int cfg_parse(struct cfg *cfg, const char *text, size_t len, const char *name, struct error *e)
{
    struct parser p = { .cfg = cfg, .at = text, .end = text + len, .name = name, .line = 1,
                        .room = CFG_MAX_BYTES, .error = e };

    if (len > CFG_MAX_BYTES)
        return fail(&p, "larger than 1 MiB");
    for (;;) {
        skip_space(&p);
        if (p.at == p.end)
            return 0;
        if (*p.at == '\n') {
            p.line++;
            p.at++;
        } else if (*p.at == ';') {
            p.at++;
        } else {
            if (parse_statement(&p))
                return -1;
            skip_space(&p);
            if (p.at < p.end && *p.at != '\n' && *p.at != ';')
                return fail(&p, "something stands behind the value");
        }
    }
}

int cfg_assign(struct cfg *cfg, const char *word, struct error *e)
{
    struct parser p = { .cfg = cfg, .at = word, .end = word + strlen(word), .name = word,
                        .room = CFG_MAX_BYTES, .error = e };
    struct error ignored = { 0 };
    size_t n = name_length(&p);
    struct cfg_value v = { 0 };
    struct cfg_entry *entry;
    char key[64];

    if (!n || n >= sizeof(key) || word[n] != '=')
        return error_set(e, EINVAL, "config", NULL, "'%s' is not KEY=VALUE", word);
    snprintf(key, sizeof(key), "%.*s", (int)n, word);
    p.at += n + 1;
    p.error = &ignored;
    if (parse_expr(&p, &v) || (skip_space(&p), p.at != p.end)) {
        value_free(&v);
        v = string_value(word + n + 1, strlen(word + n + 1));
    }
    entry = cfg_find(cfg, key);
    if (!entry)
        entry = entry_new(cfg, key, 0);
    value_free(&entry->value);
    entry->value = v;
    entry->line = 0;
    return 0;
}

int cfg_read(struct cfg *cfg, const char *path, struct error *e)
{
    FILE *f = fopen(path, "re");
    char *text;
    size_t n;
    int rc;

    if (!f)
        return error_set(e, errno, "config", NULL, "%s: %s", path, strerror(errno));
    text = must(malloc(CFG_MAX_BYTES + 1));
    n = fread(text, 1, CFG_MAX_BYTES + 1, f);
    rc = ferror(f) ? error_set(e, errno ? errno : EIO, "config", NULL, "%s: cannot be read", path)
                   : cfg_parse(cfg, text, n, path, e);
    free(text);
    fclose(f);
    return rc;
}

void cfg_free(struct cfg *cfg)
{
    for (size_t i = 0; i < cfg->n; i++) {
        free(cfg->entries[i].key);
        value_free(&cfg->entries[i].value);
    }
    free(cfg->entries);
    *cfg = (struct cfg){ 0 };
}
