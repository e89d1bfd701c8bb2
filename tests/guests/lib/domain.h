/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Building and driving unprivileged domains from a micro-guest that runs as domain 0: the
 * programs come from the pack in the initrd (tests/lib/guests.py makes it), the work is done by
 * domctl, memory_op and mmu_update alone. One domain is at most DOMAIN_PAGES frames, all mapped at
 * start. Not here: xenstore, devices, more than one vCPU at start (a guest brings up its others
 * itself).
 */
#ifndef GUEST_DOMAIN_H
#define GUEST_DOMAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/domctl.h>
#include <xen/io/console.h>

#define DOMAIN_PAGES 2048
#define DOMAIN_MAX 4

/* One program of the pack; layout shared with tests/lib/guests.py. */
struct pack_entry {
    char name[32];
    char command[256];
    uint64_t offset, length;
};

/* Number of programs in the pack; 0 without a pack. */
unsigned int pack_count(void);
const struct pack_entry *pack_entry(unsigned int n);
const void *pack_file(const struct pack_entry *entry);

struct domain {
    domid_t id;
    unsigned int pages, vcpus;
    unsigned long mfns[DOMAIN_PAGES];
    volatile struct xencons_interface *console;
    uint32_t console_port;
    uint32_t emulation;                   /* XEN_X86_EMU_* of a hardware-assisted one */
    /* Output: the current line, and the verdict line once it came. */
    char line[512];
    unsigned int line_length;
    char verdict[256];
    unsigned int lines;
};

/*
 * Create domain @id (0: the hypervisor chooses, d->id tells) from @program with @command, paused.
 * 0, or the negative error of the step named in *@failed (may be NULL); a half-made domain is
 * destroyed.
 */
long domain_create(struct domain *d, domid_t id, const void *program, size_t size,
                   const char *command, unsigned int pages, unsigned int vcpus,
                   const char **failed);
/* Destroy the domain and wait until nothing of it is left. */
long domain_destroy(struct domain *d);
long domain_unpause(const struct domain *d);
long domain_pause(const struct domain *d);
/* A domctl without arguments but the domain. */
long domctl_simple(uint32_t command, domid_t id);
/* XEN_DOMINF_* flags of exactly this domain, or a negative error number. */
long domain_flags(domid_t id);
/* Shutdown code, or -1 while it runs. */
int domain_shutdown_code(domid_t id);

/* Print what the domain wrote, each line as "dN: ...". */
void domain_pump(struct domain *d);
/* Pump until the domain is shut down; false when it is not after @ms. */
bool domain_wait_shutdown(struct domain *d, unsigned int ms);
/* Outcome word in the verdict line ("success"...), or "" without one. */
const char *domain_outcome(const struct domain *d);

/* Map frame @pfn of the domain at @va with @flags as its privileged builder; the result. */
long domain_map(const struct domain *d, void *va, unsigned int pfn, uint64_t flags);
/* Free frames of the machine, by physinfo. */
uint64_t free_frames(void);
/* The hypervisor is Hospes: for what another may do as well. */
bool is_hospes(void);

#endif
