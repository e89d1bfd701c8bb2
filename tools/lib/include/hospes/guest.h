/* SPDX-License-Identifier: BSD-2-Clause */
/* Guests from their start to their end: the order of steps, and their undoing. */
#ifndef HOSPES_GUEST_H
#define HOSPES_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include <hospes/guest_config.h>
#include <hospes/xen.h>

struct guest_create_options {
    bool paused;
    const char *config_text;    /* kept for reboot and `config`; may be NULL */
    /* Called before each step with its name; nonzero: stop and undo (Ctrl-C). May be NULL. Waits
     * within a step end when h->stop says so. */
    int (*step)(void *arg, const char *name);
    void *arg;
    /* Called when the rings are there and nothing runs yet; an error undoes all. May be NULL. */
    int (*ready)(void *arg, struct hospes *h, uint32_t domid);
};

/*
 * Creates the guest, starts it unless paused. After an error nothing is left: no domain, no node of
 * the store, no back end. *domid is valid from the step "domain" on.
 */
int guest_create(struct hospes *h, struct guest_config *g, const struct guest_create_options *o,
                 uint32_t *domid);
/* Ends the domain at once, and all that belongs to it in back ends and store. */
int guest_destroy(struct hospes *h, uint32_t domid);
/* Asks the guest's kernel: "poweroff", "reboot", "halt", "suspend". Does not wait. */
int guest_ask(struct hospes *h, uint32_t domid, const char *request);
/* A name, a number or a uuid. Domain 0 counts if allow_dom0. -1 with h->error. */
int guest_find(struct hospes *h, const char *who, bool allow_dom0, uint32_t *domid);
/* The name, to be freed; never NULL unless memory is out. */
char *guest_name(struct hospes *h, uint32_t domid);
int guest_rename(struct hospes *h, uint32_t domid, const char *name);
/* Sets the balloon's target; the guest moves there by itself. */
int guest_memory_target(struct hospes *h, uint32_t domid, uint64_t kib);
/* How many vCPUs the guest is to use; it goes along by itself. */
int guest_vcpus(struct hospes *h, uint32_t domid, unsigned int n);

#endif
