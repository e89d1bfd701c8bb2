/* SPDX-License-Identifier: BSD-2-Clause */
/* `hospes manual` and `hospes completion`: made of the tables of commands and config keys, so that
 * they say what this program does. The build writes their output to files that are installed. */
#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <hospes/guest_config.h>

/* Manual pages (mdoc would need macros that busybox's man lacks: plain man(7)) */

/* Text, with what roff would take for its own made harmless. */
static void print_text(const char *text)
{
    bool line_start = true;

    for (; *text; text++) {
        if (line_start && (*text == '.' || *text == '\''))
            fputs("\\&", stdout);
        if (*text == '\\')
            fputs("\\e", stdout);
        else if (*text == '-')
            fputs("\\-", stdout);
        else
            putchar(*text);
        line_start = *text == '\n';
    }
}

static void print_head(const char *title, int section, const char *name, const char *what)
{
    printf(".TH %s %d \"\" \"Hospes %s\" \"Hospes\"\n.SH NAME\n%s \\- %s\n", title, section,
           HOSPES_VERSION, name, what);
}

static void print_commands(void)
{
    for (const struct command *k = commands; k->name; k++) {
        printf(".TP\n.B %s", k->name);
        if (k->json)
            printf(" \\fR[\\-\\-json]");
        printf(" \\fI");
        print_text(k->args);
        printf("\\fR\n%c", command_capital(k));
        print_text(k->summary + 1);
        puts(".");
        if (k->help) {
            puts(".nf");
            print_text(k->help);
            puts(".fi");
        }
    }
}

static void manual_of_commands(void)
{
    print_head("HOSPES", 8, "hospes", "manage the guests of a Hospes or Xen hypervisor");
    puts(".SH SYNOPSIS\n.B hospes\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n"
         ".SH DESCRIPTION\nRuns as root in domain 0, against Hospes or Xen 4.17, beside\n"
         ".BR xl (1).\n.I GUEST\nis a name, a number or a UUID. Every command knows\n"
         ".BR \\-\\-help .\nA failure is told on standard error: the component, its first cause "
         "and,\non a second line, what helps.\n.SH COMMANDS");
    print_commands();
    puts(".SH EXIT STATUS\n0 when all was done, 1 after a failure, 2 when the command line makes "
         "no sense.\n.SH FILES\n.TP\n.I /var/log/hospes/NAME.console\nwhat a guest that has ended "
         "said last\n.TP\n.I /run/hospes/ID.console\nthe socket of a guest's keeper\n.SH SEE ALSO\n"
         ".BR hospes.cfg (5)");
}

static void manual_of_config(void)
{
    struct guest_key key;

    print_head("HOSPES.CFG", 5, "hospes.cfg", "config file of a guest");
    puts(".SH DESCRIPTION\nLines\n.I KEY = VALUE\nas\n.BR xl.cfg (5)\nand the older xm have them. "
         "A value is a text in quotes, a number, or a list in brackets; + joins two,\n% puts "
         "values into a text, and names that were set before, in the file or on the command line "
         "of\n"
         ".BR \"hospes create\" ,\nstand for their values. # starts a comment. There is no Python: "
         "statements are refused.\n.PP\nAn unknown key is an error that names the nearest known "
         "one.\n.SH KEYS");
    for (size_t i = 0; guest_config_key(i, &key); i++)
        if (key.help) {
            printf(".TP\n.B %s\n", key.name);
            print_text(key.help);
            putchar('\n');
        }
    puts(".SH KEYS WITHOUT EFFECT\nThey are known from xl and xm. What is off, empty or 0 asks "
         "for nothing.");
    for (size_t i = 0; guest_config_key(i, &key); i++)
        if (key.why) {
            printf(".TP\n.B %s\n", key.name);
            print_text(key.why);
            putchar('\n');
        }
    puts(".SH EXAMPLE\n.nf\nname = \"one\"\nkernel = \"/boot/vmlinuz\"\nramdisk = "
         "\"/boot/initrd.img\"\nmemory = 256\nvcpus = 2\nroot = \"/dev/xvda\"\n"
         "disk = [ \"/var/lib/hospes/one.img,raw,xvda,rw\" ]\nvif = [ \"\" ]\n.fi\n"
         ".SH SEE ALSO\n.BR hospes (8)");
}

int cmd_manual(struct call *c)
{
    if (!strcmp(c->argv[0], "hospes.8"))
        manual_of_commands();
    else if (!strcmp(c->argv[0], "hospes.cfg.5"))
        manual_of_config();
    else
        return error_set(&c->h.error, EINVAL, "command", NULL,
                         "the pages are hospes.8 and hospes.cfg.5, not '%s'", c->argv[0]);
    return 0;
}

/* Completion */

static void print_case(const struct command *k)
{
    const char *flags = k->flags ? k->flags : "";

    printf("    %s) words=\"--help%s", k->name, k->json ? " --json" : "");
    for (; *flags; flags++)
        if (*flags != ':')
            printf(" -%c", *flags);
    puts("\" ;;");
}

int cmd_completion(struct call *c)
{
    (void)c;
    printf("# bash completion of hospes %s, made by 'hospes completion'\n"
           "_hospes() {\n"
           "  local cur=${COMP_WORDS[COMP_CWORD]} words=\n"
           "  COMPREPLY=()\n"
           "  if [ \"$COMP_CWORD\" = 1 ]; then\n"
           "    COMPREPLY=($(compgen -W '", HOSPES_VERSION);
    for (const struct command *k = commands; k->name; k++)
        printf("%s ", k->name);
    puts("' -- \"$cur\"))\n"
         "    return\n"
         "  fi\n"
         "  case ${COMP_WORDS[1]} in");
    for (const struct command *k = commands; k->name; k++)
        print_case(k);
    puts("  esac\n"
         "  case ${COMP_WORDS[1]}:$cur in\n"
         "    *:-*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
         "    create:*|config:*) COMPREPLY=($(compgen -f -- \"$cur\")) ;;");
    puts("    *) words=$(hospes list 2>/dev/null | awk 'NR > 1 && $1 > 0 { print $2 }')\n"
         "       COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
         "  esac\n"
         "}\n"
         "complete -o filenames -F _hospes hospes");
    return 0;
}
