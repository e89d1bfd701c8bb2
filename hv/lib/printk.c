/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages: level and rate limit, prefix and time stamp in front of each line, one line at a time
 * to the console. A message longer than its buffer is cut.
 */
#include <hv/boot.h>
#include <hv/console.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/time.h>

#define PREFIX "(HV) "
#define NEST_MAX 3               /* messages inside messages: a fault, then an NMI */
#define RATE_PERIOD MILLISECS(5000)
#define RATE_BURST 10

enum { LEVEL_error, LEVEL_warning, LEVEL_info, LEVEL_debug, LEVEL_all };

/* Below lower always printed, from lower below upper rate-limited, from upper on dropped. */
struct thresholds { unsigned int lower, upper; };
#ifdef DEBUG
static struct thresholds own = { LEVEL_all, LEVEL_all }, guest = { LEVEL_all, LEVEL_all };
#else
static struct thresholds own = { LEVEL_info, LEVEL_info }, guest = { 0, LEVEL_info };
#endif

static enum stamp_mode { STAMP_none, STAMP_date, STAMP_datems, STAMP_boot, STAMP_raw } stamp_mode;

struct line_state { bool midline, dropping; };
static struct line_state line;
static char buffers[NEST_MAX][1024];
static unsigned int nesting;

static s_time_t rate_last;
static unsigned int rate_tokens = RATE_BURST, rate_missed;

static const char *parse_level(const char *s, unsigned int *level)
{
    static const struct { const char *name; unsigned int level; } words[] = {
        { "none", LEVEL_error }, { "error", LEVEL_warning }, { "warning", LEVEL_info },
        { "info", LEVEL_debug }, { "debug", LEVEL_all }, { "all", LEVEL_all },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++) {
        size_t n = strlen(words[i].name);
        if (!strncmp(s, words[i].name, n)) {
            *level = words[i].level;
            return s + n;
        }
    }
    return NULL;
}

/* LEVEL or LEVEL/RATE-LIMITED-LEVEL. */
static int parse_thresholds(const char *s, struct thresholds *t)
{
    struct thresholds n;

    s = parse_level(s, &n.lower);
    if (!s)
        return -EINVAL;
    n.upper = n.lower;
    if (*s == '/') {
        s = parse_level(s + 1, &n.upper);
        if (!s)
            return -EINVAL;
        n.upper = MAX(n.upper, n.lower);
    }
    if (*s)
        return -EINVAL;
    *t = n;
    return 0;
}
static int set_loglvl(const char *s) { return parse_thresholds(s, &own); }
custom_param("loglvl", set_loglvl);
static int set_guest_loglvl(const char *s) { return parse_thresholds(s, &guest); }
custom_param("guest_loglvl", set_guest_loglvl);

static int set_timestamps(const char *s)
{
    static const char *const words[] = {
        [STAMP_none] = "none", [STAMP_date] = "date", [STAMP_datems] = "datems",
        [STAMP_boot] = "boot", [STAMP_raw] = "raw",
    };
    int b = parse_bool(s);

    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
        if (!strcmp(s, words[i])) {
            stamp_mode = (enum stamp_mode)i;
            return 0;
        }
    if (b < 0 && *s)
        return -EINVAL;
    stamp_mode = b == 0 ? STAMP_none : STAMP_date;
    return 0;
}
custom_param("console_timestamps", set_timestamps);

bool printk_shows_guest_debug(void)
{
    return guest.upper > LEVEL_debug;
}

/* Days since 1970-01-01 to a date of the Gregorian calendar, counted in eras of 400 years from a 1
 * March. */
static void civil_date(uint64_t days, struct tm_utc *tm)
{
    uint64_t z = days + 719468, era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    tm->mday = (int)(doy - (153 * mp + 2) / 5 + 1);
    tm->mon = (int)(mp < 10 ? mp + 3 : mp - 9);
    tm->year = (int)(yoe + era * 400 + (tm->mon <= 2));
}

/* The wall clock as last read: its lock can't be taken in every context that prints. */
static uint64_t wall_secs;
static uint32_t wall_ns;

void printk_read_clock(void)
{
    get_wallclock(&wall_secs, &wall_ns);
}

static size_t time_stamp(char *buf, size_t size)
{
    s_time_t now = stamp_mode == STAMP_none || stamp_mode == STAMP_raw ? 0 : NOW();
    uint64_t secs = wall_secs, ns = (uint64_t)now + wall_ns, t;
    struct tm_utc tm;

    switch (stamp_mode) {
    case STAMP_none:
        return 0;
    case STAMP_raw:
        return (size_t)snprintf(buf, size, "[%016lx] ", rdtsc());
    case STAMP_boot:
        return (size_t)snprintf(buf, size, "[%5ld.%06ld] ", now / SECONDS(1),
                                now % SECONDS(1) / 1000);
    default:
        break;
    }
    if (!secs)
        return (size_t)snprintf(buf, size, "[%5ld.%06ld] ", now / SECONDS(1),
                                now % SECONDS(1) / 1000);
    t = secs + ns / SECONDS(1);
    civil_date(t / 86400, &tm);
    t %= 86400;
    if (stamp_mode == STAMP_datems)
        return (size_t)snprintf(buf, size, "[%04d-%02d-%02d %02lu:%02lu:%02lu.%03lu] ", tm.year,
                                tm.mon, tm.mday, t / 3600, t / 60 % 60, t % 60,
                                ns % SECONDS(1) / MILLISECS(1));
    return (size_t)snprintf(buf, size, "[%04d-%02d-%02d %02lu:%02lu:%02lu] ", tm.year, tm.mon,
                            tm.mday, t / 3600, t / 60 % 60, t % 60);
}

static void emit_text(const char *s) { console_emit(s, strlen(s)); }

static void start_line(void)
{
    char stamp[48];
    size_t n = time_stamp(stamp, sizeof(stamp));

    emit_text(PREFIX);
    console_emit(stamp, MIN(n, sizeof(stamp) - 1));
}

/* A token each RATE_PERIOD, up to RATE_BURST. */
static bool rate_allows(void)
{
    s_time_t now = NOW(), gained = (now - rate_last) / RATE_PERIOD;
    char note[64];

    if (gained > 0) {
        gained = MIN(gained, (s_time_t)RATE_BURST);
        rate_tokens = MIN(rate_tokens + (unsigned int)gained, (unsigned int)RATE_BURST);
        rate_last = now;
    }
    if (!rate_tokens) {
        rate_missed++;
        return false;
    }
    rate_tokens--;
    if (rate_missed) {
        start_line();
        snprintf(note, sizeof(note), "printk: %u messages suppressed.\n", rate_missed);
        emit_text(note);
        rate_missed = 0;
    }
    return true;
}

/* Level marks at s; true = the line is to be printed. *text is set behind the marks. */
static bool wanted(const char *s, const char **text)
{
    const struct thresholds *t = &own;
    unsigned int level = LEVEL_warning;

    for (; s[0] == '<' && s[1] && s[2] == '>'; s += 3) {
        if (s[1] == 'G')
            t = &guest;
        else if (s[1] >= '0' && s[1] <= '3')
            level = (unsigned int)(s[1] - '0');
        else
            break;
    }
    *text = s;
    if (system_state == SYS_panic || level < t->lower)
        return true;
    return level < t->upper && rate_allows();
}

static void print_lines(const char *s)
{
    while (*s) {
        const char *end = strchr(s, '\n');
        size_t n;

        if (!line.midline) {
            line.dropping = !wanted(s, &s);
            if (!line.dropping && *s)
                start_line();
            end = strchr(s, '\n');
        }
        n = end ? (size_t)(end - s) + 1 : strlen(s);
        if (!line.dropping)
            console_emit(s, n);
        line.midline = n ? !end : line.midline;
        s += n;
    }
}

void vprintk(const char *fmt, va_list args)
{
    unsigned long flags;
    bool nested = console_lock(&flags);
    unsigned int slot = nested ? ++nesting : 0;

    if (slot < NEST_MAX) {
        vsnprintf(buffers[slot], sizeof(buffers[slot]), fmt, args);
        print_lines(buffers[slot]);
    }
    if (nested)
        nesting--;
    console_unlock(nested, flags);
}

void printk(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vprintk(fmt, args);
    va_end(args);
}
