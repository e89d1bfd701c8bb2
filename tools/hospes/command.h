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
    const char *values[26];     /* of those with a value; NULL: not given */
};

struct command {
    const char *name, *args, *summary, *help;
    int (*run)(struct call *c);     /* 0, or -1 with c->h.error */
    int min_args, max_args;         /* max_args -1: any number */
    const char *flags;              /* letters of options; ':' behind those with a value: "bd:" */
    bool json;                      /* prints data, knows --json */
    bool offline;                   /* needs no hypervisor */
};

extern const struct command commands[];     /* ends with a row without a name */

/* The first letter of its summary, as a sentence begins. */
char command_capital(const struct command *c);

bool call_has(const struct call *c, char letter);
/* The value of an option with one; NULL: not given. */
const char *call_value(const struct call *c, char letter);
/* The domain that argument i names; domain 0 only where allowed. */
int call_domain(struct call *c, int i, bool allow_dom0, uint32_t *domid);
/* Argument i as a number from min to max. */
int call_number(struct call *c, int i, const char *what, uint64_t min, uint64_t max, uint64_t *n);
/* The same for a word that is no argument. */
int call_parse_number(struct call *c, const char *word, const char *what, uint64_t min,
                      uint64_t max, uint64_t *n);
/* Argument i as an amount of memory: MiB, or with a suffix k, m, g, t. In KiB. */
int call_memory(struct call *c, int i, uint64_t *kib);

/* "running", "paused", "crashed"... */
const char *domain_state_word(const struct xen_domctl_getdomaininfo *info);
/* Shows the console of a guest until it ends or the user leaves. started: called once the viewer is
 * attached, or NULL. */
int console_view(struct hospes *h, uint32_t domid, const char *name,
                 int (*started)(struct hospes *h, uint32_t domid));

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
int cmd_top(struct call *c);
int cmd_block_list(struct call *c);
int cmd_block_attach(struct call *c);
int cmd_block_detach(struct call *c);
int cmd_network_list(struct call *c);
int cmd_network_attach(struct call *c);
int cmd_network_detach(struct call *c);
int cmd_dump_core(struct call *c);
int cmd_doctor(struct call *c);
int cmd_manual(struct call *c);
int cmd_completion(struct call *c);

#endif
