/* SPDX-License-Identifier: BSD-2-Clause */
/* The `hospes` command: finds the command, reads its options, opens the hypervisor, runs it. */
#include "command.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hospes/guest.h>

const struct command commands[] = {
    { .name = "create", .args = "[-c] [-p] FILE [KEY=VALUE...]", .run = cmd_create, .min_args = 1,
      .max_args = -1, .flags = "cp", .summary = "create and start a guest from a config file",
      .help = "  -c  attach to its console\n  -p  leave it paused\n"
              "KEY=VALUE takes the place of the file's, or gives a name the file uses.\n" },
    { .name = "config", .args = "check FILE [KEY=VALUE...]", .run = cmd_config, .min_args = 2,
      .max_args = -1, .json = true, .offline = true,
      .summary = "read a config file, say what is in it" },
    { .name = "list", .args = "[GUEST...]", .run = cmd_list, .max_args = -1, .json = true,
      .summary = "domains, their memory, vCPUs, state and time" },
    { .name = "console", .args = "GUEST", .run = cmd_console, .min_args = 1, .max_args = 1,
      .summary = "see and type at a guest's console",
      .help = "Ctrl-] leaves. Shows what was said before, also of a guest that has ended.\n" },
    { .name = "shutdown", .args = "GUEST...", .run = cmd_shutdown, .min_args = 1, .max_args = -1,
      .flags = "w", .summary = "ask guests to power off", .help = "  -w  wait until they have\n" },
    { .name = "reboot", .args = "GUEST...", .run = cmd_reboot, .min_args = 1, .max_args = -1,
      .summary = "ask guests to reboot" },
    { .name = "destroy", .args = "GUEST...", .run = cmd_destroy, .min_args = 1, .max_args = -1,
      .summary = "end guests at once" },
    { .name = "pause", .args = "GUEST...", .run = cmd_pause, .min_args = 1, .max_args = -1,
      .summary = "stop guests where they are" },
    { .name = "unpause", .args = "GUEST...", .run = cmd_unpause, .min_args = 1, .max_args = -1,
      .summary = "let paused guests go on" },
    { .name = "rename", .args = "GUEST NAME", .run = cmd_rename, .min_args = 2, .max_args = 2,
      .summary = "give a guest another name" },
    { .name = "sysrq", .args = "GUEST LETTER", .run = cmd_sysrq, .min_args = 2, .max_args = 2,
      .summary = "send a Linux guest a magic SysRq key" },
    { .name = "vcpu-list", .args = "[GUEST...]", .run = cmd_vcpu_list, .max_args = -1,
      .json = true, .summary = "vCPUs, where they run and may run" },
    { .name = "vcpu-set", .args = "GUEST N", .run = cmd_vcpu_set, .min_args = 2, .max_args = 2,
      .summary = "how many vCPUs the guest uses" },
    { .name = "vcpu-pin", .args = "GUEST VCPU|all HARD [SOFT]", .run = cmd_vcpu_pin, .min_args = 3,
      .max_args = 4, .summary = "the CPUs a vCPU may run on, and would rather" ,
      .help = "HARD, SOFT: CPUs as 0-3,^2, or all; - leaves it.\n" },
    { .name = "mem-set", .args = "GUEST MIB", .run = cmd_mem_set, .min_args = 2, .max_args = 2,
      .summary = "the memory the guest is to use now (balloon)" },
    { .name = "mem-max", .args = "GUEST MIB", .run = cmd_mem_max, .min_args = 2, .max_args = 2,
      .summary = "the most memory the hypervisor gives the guest" },
    { .name = "sched", .args = "[GUEST [WEIGHT [CAP]]]", .run = cmd_sched, .max_args = 3,
      .json = true, .summary = "weights and caps of CPU time",
      .help = "WEIGHT: 1 to 65535, 256 unless set; - leaves it.\n"
              "CAP: per cent of one CPU, 0 for none.\n" },
    { .name = "top", .args = "[GUEST...]", .run = cmd_top, .max_args = -1, .json = true,
      .flags = "bvd:n:s:", .summary = "what domains use: CPU, memory, network and disk, live",
      .help = "  -d SECONDS  between two looks (2)\n  -n N        so many looks, then end\n"
              "  -s COLUMN   sort by id, name, cpu, memory, net or disk (cpu)\n"
              "  -v          vCPUs, too\n"
              "  -b          batch: plain tables one below the other, as when output is a file\n"
              "Keys: i n c m t d sort, v vCPUs, / filter by name, + - interval, q leaves.\n" },
    { .name = "block-list", .args = "[GUEST...]", .run = cmd_block_list, .max_args = -1,
      .json = true, .summary = "the disks of guests" },
    { .name = "block-attach", .args = "GUEST DISK...", .run = cmd_block_attach, .min_args = 2,
      .max_args = -1, .summary = "give a running guest a disk",
      .help = "DISK: as in the config file, as one word or several: /a.img,xvdb,w\n" },
    { .name = "block-detach", .args = "GUEST DISK", .run = cmd_block_detach, .min_args = 2,
      .max_args = 2, .flags = "f", .summary = "take a disk from a running guest",
      .help = "  -f  at once, without the guest's consent\nDISK: xvdb, or its number.\n" },
    { .name = "network-list", .args = "[GUEST...]", .run = cmd_network_list, .max_args = -1,
      .json = true, .summary = "the network interfaces of guests" },
    { .name = "network-attach", .args = "GUEST [KEY=VALUE...]", .run = cmd_network_attach,
      .min_args = 1, .max_args = -1, .summary = "give a running guest a network interface",
      .help = "KEY=VALUE: as in vif= of the config file: mac=00:16:3e:00:00:01 bridge=xenbr0\n" },
    { .name = "network-detach", .args = "GUEST VIF", .run = cmd_network_detach, .min_args = 2,
      .max_args = 2, .flags = "f", .summary = "take a network interface from a running guest",
      .help = "  -f  at once, without the guest's consent\nVIF: its number or MAC address.\n" },
    { .name = "dump-core", .args = "GUEST FILE", .run = cmd_dump_core, .min_args = 2,
      .max_args = 2, .summary = "write a guest's memory to a file that crash opens" },
    { .name = "doctor", .args = "", .run = cmd_doctor, .json = true, .offline = true,
      .summary = "look for what is wrong with domain 0, and say what helps",
      .help = "Status 1 if something is, 0 if guests can be started.\n" },
    { .name = "info", .args = "", .run = cmd_info, .json = true,
      .summary = "the machine and the hypervisor" },
    { .name = "dmesg", .args = "", .run = cmd_dmesg, .flags = "c",
      .summary = "the hypervisor's log", .help = "  -c  clear it afterwards\n" },
    { .name = "uptime", .args = "[GUEST...]", .run = cmd_uptime, .max_args = -1, .json = true,
      .summary = "how long domains have been running" },
    { .name = "manual", .args = "hospes.8|hospes.cfg.5", .run = cmd_manual, .min_args = 1,
      .max_args = 1, .offline = true, .summary = "print a manual page for man" },
    { .name = "completion", .args = "", .run = cmd_completion, .offline = true,
      .summary = "print the commands that make bash complete words of this one" },
    { 0 },
};

/* Arguments */

bool call_has(const struct call *c, char letter)
{
    return strchr(c->options, letter) != NULL;
}

const char *call_value(const struct call *c, char letter)
{
    return c->values[letter - 'a'];
}

int call_domain(struct call *c, int i, bool allow_dom0, uint32_t *domid)
{
    return guest_find(&c->h, c->argv[i], allow_dom0, domid);
}

int call_number(struct call *c, int i, const char *what, uint64_t min, uint64_t max, uint64_t *n)
{
    return call_parse_number(c, c->argv[i], what, min, max, n);
}

int call_parse_number(struct call *c, const char *word, const char *what, uint64_t min,
                      uint64_t max, uint64_t *n)
{
    char *end;

    errno = 0;
    *n = strtoull(word, &end, 0);
    if (*end || end == word || errno || *word == '-')
        return error_set(&c->h.error, EINVAL, "command", NULL, "%s: '%s' is no number", what, word);
    if (*n < min || *n > max)
        return error_set(&c->h.error, ERANGE, "command", NULL,
                         "%s: %" PRIu64 " is outside of %" PRIu64 " to %" PRIu64, what, *n, min,
                         max);
    return 0;
}

int call_memory(struct call *c, int i, uint64_t *kib)
{
    static const char units[] = "kmgt";
    const char *unit;
    char *end;

    errno = 0;
    *kib = strtoull(c->argv[i], &end, 10);
    unit = *end ? strchr(units, *end | 0x20) : units + 1;
    if (end == c->argv[i] || errno || !unit || (*end && end[1]) || c->argv[i][0] == '-' ||
        *kib >> 32)
        return error_set(&c->h.error, EINVAL, "command", "Write 512 or 512m for MiB, 2g for GiB.",
                         "'%s' is no amount of memory", c->argv[i]);
    *kib <<= 10 * (unit - units);
    return 0;
}

/* Help */

static void print_commands(FILE *f)
{
    fputs("Usage: hospes COMMAND [OPTION...] [ARGUMENT...]\n\n", f);
    for (const struct command *c = commands; c->name; c++)
        fprintf(f, "  %-14s %s\n", c->name, c->summary);
    fputs("\n'hospes COMMAND --help' says more. GUEST: a name, a number or a uuid.\n", f);
}

char command_capital(const struct command *c)
{
    /* "vCPUs" stays. */
    return c->summary[1] >= 'a' ? (char)(c->summary[0] & ~0x20) : c->summary[0];
}

static void print_help(const struct command *c, FILE *f)
{
    fprintf(f, "Usage: hospes %s%s %s\n%c%s.\n", c->name, c->json ? " [--json]" : "", c->args,
            command_capital(c), c->summary + 1);
    if (c->help)
        fprintf(f, "%s", c->help);
}

static const struct command *find(const char *name)
{
    for (const struct command *c = commands; c->name; c++)
        if (!strcmp(c->name, name))
            return c;
    return NULL;
}

/* Options */

static int usage(const struct command *c, const char *what, const char *word)
{
    fprintf(stderr, "hospes %s: %s%s\n", c->name, what, word);
    print_help(c, stderr);
    return EXIT_USAGE;
}

/* The letters of one word; a value is the rest of the word, or the next one. 0, or an exit
 * status + 1. */
static int read_letters(struct call *c, int argc, char **argv, int *i, char *letters)
{
    const char *flags = c->command->flags ? c->command->flags : "";

    for (const char *w = argv[*i] + 1; *w; w++) {
        const char *known = *w == ':' ? NULL : strchr(flags, *w);
        size_t n = strlen(letters);

        if (!known)
            return usage(c->command, "unknown option ", argv[*i]) + 1;
        if (n < 15 && !strchr(letters, *w))
            letters[n] = *w;
        if (known[1] != ':')
            continue;
        c->values[*w - 'a'] = w[1] ? w + 1 : *i + 1 < argc ? argv[++*i] : NULL;
        if (!c->values[*w - 'a'])
            return usage(c->command, "a value is missing after ", argv[*i]) + 1;
        break;
    }
    return 0;
}

/* Takes the options out of argv; 0, or an exit status + 1. */
static int read_options(struct call *c, int argc, char **argv, char *letters)
{
    bool options = true;

    for (int i = 0; i < argc; i++) {
        const char *w = argv[i];
        int rc;

        if (options && !strcmp(w, "--")) {
            options = false;
        } else if (options && (!strcmp(w, "--help") || !strcmp(w, "-h"))) {
            print_help(c->command, stdout);
            return EXIT_SUCCESS + 1;
        } else if (options && !strcmp(w, "--json") && c->command->json) {
            c->json = true;
        } else if (options && w[0] == '-' && w[1]) {
            rc = read_letters(c, argc, argv, &i, letters);
            if (rc)
                return rc;
        } else {
            c->argv[c->argc++] = argv[i];
        }
    }
    return 0;
}

static int run(const struct command *command, int argc, char **argv)
{
    struct call c = { .command = command };
    char letters[16] = "";
    int rc;

    c.argv = calloc((size_t)argc + 1, sizeof(*c.argv));
    if (!c.argv)
        return EXIT_FAILURE;
    rc = read_options(&c, argc, argv, letters);
    c.options = letters;
    if (!rc && c.argc < command->min_args)
        rc = usage(command, "an argument is missing", "") + 1;
    if (!rc && command->max_args >= 0 && c.argc > command->max_args)
        rc = usage(command, "too many arguments: ", c.argv[command->max_args]) + 1;
    if (rc) {
        free(c.argv);
        return rc - 1;
    }
    rc = command->offline ? 0 : hospes_open(&c.h);
    if (!rc)
        rc = command->run(&c);
    if (rc && c.h.error.code)
        error_print(&c.h.error);
    hospes_close(&c.h);
    free(c.argv);
    return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    const struct command *command;

    if (argc < 2) {
        print_commands(stderr);
        return EXIT_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        command = argc > 2 ? find(argv[2]) : NULL;
        if (command)
            print_help(command, stdout);
        else
            print_commands(stdout);
        return EXIT_SUCCESS;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("hospes %s\n", HOSPES_VERSION);
        return EXIT_SUCCESS;
    }
    command = find(argv[1]);
    if (!command) {
        fprintf(stderr, "hospes: '%s' is no command\n", argv[1]);
        print_commands(stderr);
        return EXIT_USAGE;
    }
    return run(command, argc - 2, argv + 2);
}
