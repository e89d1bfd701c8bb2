/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A micro-domain 0 that runs micro-guests as unprivileged domains: not a test of its own.
 *
 * Each program of the pack becomes a domain with its command line, numbered from 1, one
 * after the other, or all at once with together=yes on our own command line. Their output
 * appears as "dN: ...". A domain's command line may say expect=crash (or another shutdown's
 * name: poweroff, reboot, suspend, watchdog, soft_reset, or any), pages=N, vcpus=N,
 * seconds=N. The verdict is the first bad one.
 */
#include <guest.h>
#include <domain.h>

static struct domain domains[DOMAIN_MAX];

static const char *const code_names[] = {
    "poweroff", "reboot", "suspend", "crash", "watchdog", "soft_reset",
};

static const char *code_name(int code)
{
    return code >= 0 && code < (int)ARRAY_SIZE(code_names) ? code_names[code] : "unknown";
}

static void build(struct domain *d, unsigned int n)
{
    const struct pack_entry *e = pack_entry(n);
    char command[400];
    const char *step;
    long error;

    snprintf(command, sizeof(command), "domid=%u first=1 count=%u %s", n + 1, pack_count(),
             e->command);
    error = domain_create(d, (domid_t)(n + 1), pack_file(e), e->length, command,
                          (unsigned int)line_number(e->command, "pages", DOMAIN_PAGES),
                          (unsigned int)line_number(e->command, "vcpus", 1), &step);
    if (error)
        report_error("domain %u: %s gave %ld", n + 1, step, error);
}

static void judge(struct domain *d, unsigned int n)
{
    const char *outcome = domain_outcome(d);
    char want[16] = "";
    int code = domain_shutdown_code(d->id);

    if (line_text(pack_entry(n)->command, "expect", want, sizeof(want))) {
        if (!strcmp(want, "any"))
            return;
        check(!strcmp(code_name(code), want), "d%u (%s): ended with %s, not %s", d->id,
              pack_entry(n)->command, code_name(code), want);
        /* A failed check before the end counts all the same. */
        check(!*outcome || !strncmp(outcome, "success", 7), "d%u: %s", d->id, outcome);
        return;
    }
    if (!strncmp(outcome, "skip", 4))
        report_skip("%s", outcome + 6);
    if (!*outcome)
        report_failure("d%u (%s): no verdict, ended with %s", d->id, pack_entry(n)->command,
                       code_name(code));
    else if (strcmp(outcome, "success"))
        report_failure("%s", strncmp(outcome, "failure: ", 9) ? outcome : outcome + 9);
}

static void run(unsigned int first, unsigned int count)
{
    uint64_t free = free_frames();
    unsigned int i;

    for (i = first; i < first + count; i++)
        build(&domains[i - first], i);
    for (i = first; i < first + count; i++)
        require(domain_unpause(&domains[i - first]), 0);
    for (i = first; i < first + count; i++) {
        unsigned long seconds = line_number(pack_entry(i)->command, "seconds", 20);

        char want[8] = "";

        line_text(pack_entry(i)->command, "expect", want, sizeof(want));
        /* "any" may hang as well, by its own doing. */
        if (!domain_wait_shutdown(&domains[i - first], (unsigned int)seconds * 1000) &&
            strcmp(want, "any"))
            report_failure("d%u (%s): still running after %lu s", i + 1, pack_entry(i)->command,
                           seconds);
        else
            judge(&domains[i - first], i);
    }
    for (i = first; i < first + count; i++)
        check(domain_destroy(&domains[i - first]) == 0, "domain %u can't be destroyed", i + 1);
    /* Xen's heap may keep some for good. */
    if (!wait_until(free_frames() == free, is_hospes() ? 1000 : 100)) {
        check(!is_hospes(), "%ld frames lost", (long)(free - free_frames()));
        printf("Note: %ld frames fewer are free\n", (long)(free - free_frames()));
    }
}

void test_main(void)
{
    char together[8] = "";
    unsigned int i;

    if (!pack_count())
        report_error("no pack of programs in the initrd");
    report_set_name(pack_entry(0)->name);
    line_text(command_line(), "together", together, sizeof(together));
    if (!strcmp(together, "yes")) {
        if (pack_count() > DOMAIN_MAX)
            report_error("%u domains, at most %u together", pack_count(), DOMAIN_MAX);
        run(0, pack_count());
        return;
    }
    for (i = 0; i < pack_count(); i++)
        run(i, 1);
}
