/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of the domain life cycle (hv/domain/{domain,vcpu,domlist,shutdown}.c) and of
   domctl offer each other. */
#ifndef HV_DOMAIN_PRIVATE_H
#define HV_DOMAIN_PRIVATE_H

#include <hv/domain.h>

/* Makes d findable; -EEXIST if its number is taken. */
int domlist_insert(struct domain *d);
void domlist_remove(struct domain *d);
/* Pseudo-domains, which are in the table but not on the list. */
void domtable_set(domid_t id, struct domain *d);
/* A number of a guest that no domain has; only stable under domctl_lock. */
bool domid_is_free(domid_t id);
/* The domain with the lowest number >= id, with a reference; NULL at the end. */
struct domain *get_next_domain(domid_t id);

/* Last stage, nobody can see d any more. */
void domain_free_rcu(struct rcu_head *rcu);
void vcpu_free(struct vcpu *v);
/* What a context says of it (VGCF_online); v does not run, and the caller wakes it. */
void vcpu_set_online(struct vcpu *v, bool online);
/* The vcpu_info that stands in for vCPUs that have none yet (number >= LEGACY_VCPUS). */
bool vcpu_info_is_dummy(const struct vcpu *v);
/* Parts of struct domain that shutdown.c owns. */
int shutdown_init_domain(struct domain *d);
void shutdown_free_domain(struct domain *d);
/* dom0 has stopped (dom0_end.c): shows it if it did not mean to, and ends the machine. Returns when
   an option keeps the hypervisor running. */
void dom0_shutdown(struct domain *d, int reason);
/* SCHEDOP_watchdog. 0, the id of a new one, or errno. */
long domain_watchdog(struct domain *d, uint32_t id, uint32_t timeout);

#endif
