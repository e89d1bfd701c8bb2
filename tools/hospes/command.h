/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of `hospes`: one row and one function each. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>

#include <hospes/xen.h>

enum { EXIT_USAGE = 2 };

struct call {
    struct hospes h;            /* open, unless the command works without a hypervisor */
    const struct command *command;
    int argc;                   /* of the words behind the command's name, options gone */
    char **argv;
    bool json;
    const char *options;        /* letters that were given, of command->flags */
};

struct command {
    const char *name, *args, *summary, *help;
    int (*run)(struct call *c);     /* 0, or -1 with c->h.error */
    int min_args, max_args;         /* max_args -1: any number */
    const char *flags;              /* letters of options without a value: "cp" */
    bool json;                      /* prints data, knows --json */
    bool offline;                   /* needs no hypervisor */
};

extern const struct command commands[];     /* ends with a row without a name */

bool call_has(const struct call *c, char letter);
/* The domain that argument i names; domain 0 only where allowed. */
int call_domain(struct call *c, int i, bool allow_dom0, uint32_t *domid);
/* Argument i as a number from min to max. */
int call_number(struct call *c, int i, const char *what, uint64_t min, uint64_t max, uint64_t *n);
/* Argument i as an amount of memory: MiB, or with a suffix k, m, g, t. In KiB. */
int call_memory(struct call *c, int i, uint64_t *kib);

/* Shows the console of a guest until it ends or the user leaves. */
int console_view(struct hospes *h, uint32_t domid, const char *name);

int cmd_create(struct call *c);
int cmd_console(struct call *c);
int cmd_config(struct call *c);
int cmd_destroy(struct call *c);
int cmd_shutdown(struct call *c);
int cmd_reboot(struct call *c);
int cmd_pause(struct call *c);
int cmd_unpause(struct call *c);
int cmd_rename(struct call *c);
int cmd_sysrq(struct call *c);
int cmd_list(struct call *c);
int cmd_vcpu_list(struct call *c);
int cmd_info(struct call *c);
int cmd_dmesg(struct call *c);
int cmd_uptime(struct call *c);
int cmd_vcpu_set(struct call *c);
int cmd_vcpu_pin(struct call *c);
int cmd_mem_set(struct call *c);
int cmd_mem_max(struct call *c);
int cmd_sched(struct call *c);

#endif
