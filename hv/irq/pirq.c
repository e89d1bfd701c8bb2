/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interrupts of domains. A pirq is mapped to an interrupt (PHYSDEVOP_map_pirq), then bound to an
 * event channel, which starts it. Several domains may share a level line: it stays masked until
 * each of them is done.
 *
 * Locks: pci_lock for the mapping of messages, table lock (LOCK_PIRQ) for every mapping, desc lock
 * for what an arriving interrupt looks at. The table itself lives as long as the domain's memory,
 * so an EOI needs the desc lock only.
 */
#include <hv/apic.h>
#include <hv/backend.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/iocap.h>
#include <hv/mm.h>
#include <hv/smp.h>
#include "msi_priv.h"

#define EXTRA_PIRQS 32
#define FIRST_PCI_GSI 16u
#define PIRQS_IN_PAGE (PAGE_SIZE * 8)

int pirq_init_domain(struct domain *d)
{
    unsigned int nr = is_control_domain(d) ? irq_count() : irq_gsi_count() + EXTRA_PIRQS;
    struct pirq_table *t = xzalloc(sizeof(*t) + nr * sizeof(t->pirq[0]));

    if (!t)
        return -ENOMEM;
    spin_lock_init(&t->lock, LOCK_PIRQ);
    t->nr = nr;
    for (unsigned int i = 0; i < nr; i++) {
        list_init(&t->pirq[i].link);
        t->pirq[i].d = d;
        t->pirq[i].nr = (uint16_t)i;
        t->pirq[i].irq = NO_IRQ;
    }
    d->pirqs = t;
    d->nr_pirqs = nr;
    return 0;
}

static struct pirq *pirq_of(const struct domain *d, unsigned int nr)
{
    return d->pirqs && nr < d->pirqs->nr ? &d->pirqs->pirq[nr] : NULL;
}

static struct pirq *pirq_of_irq(const struct domain *d, unsigned int irq)
{
    for (unsigned int i = 0; i < d->pirqs->nr; i++)
        if (d->pirqs->pirq[i].irq == (int)irq)
            return &d->pirqs->pirq[i];
    return NULL;
}

/* An event channel can outlive the mapping it was bound to. */
static bool is_free(const struct pirq *p)
{
    return p->irq == NO_IRQ && !p->taken && !pirq_to_evtchn(p->d, p->nr);
}

/* Table lock held. */
static int find_free(const struct pirq_table *t, bool line)
{
    unsigned int gsis = irq_gsi_count();

    for (unsigned int i = FIRST_PCI_GSI; line && i < gsis; i++)
        if (is_free(&t->pirq[i]))
            return (int)i;
    /* From the top: low numbers are wanted for GSIs of the same number. */
    for (unsigned int i = t->nr; i-- > gsis;)
        if (is_free(&t->pirq[i]))
            return (int)i;
    return -ENOSPC;
}

int pirq_get_free(struct domain *d, bool line)
{
    int nr;

    if (!d->pirqs)
        return -ESRCH;
    spin_lock(&d->pirqs->lock);
    nr = find_free(d->pirqs, line);
    if (nr >= 0)
        d->pirqs->pirq[nr].taken = true;
    spin_unlock(&d->pirqs->lock);
    return nr;
}

/* Table lock held. */
static int map_locked(struct domain *d, int nr, unsigned int irq)
{
    struct pirq *p = pirq_of_irq(d, irq);

    if (p)
        return nr < 0 || nr == p->nr ? p->nr : -EEXIST;
    if (nr < 0)
        nr = find_free(d->pirqs, irq < irq_gsi_count());
    if (nr < 0)
        return nr;
    p = &d->pirqs->pirq[nr];
    if (p->irq != NO_IRQ)
        return -EEXIST;
    WRITE_ONCE(p->irq, (int16_t)irq);
    return nr;
}

/* d has the right to the interrupt from now on. */
static int map_irq(struct domain *d, int nr, unsigned int irq)
{
    bool had = irq_access_permitted(d, irq);
    int rc = had ? 0 : rangeset_add(d->irq_caps, irq, irq);

    if (rc)
        return rc;
    spin_lock(&d->pirqs->lock);
    rc = map_locked(d, nr, irq);
    spin_unlock(&d->pirqs->lock);
    if (rc < 0 && !had)
        (void)rangeset_remove(d->irq_caps, irq, irq);
    return rc;
}

int pirq_map_gsi(struct domain *d, int nr, unsigned int gsi)
{
    if (!d->pirqs || gsi >= irq_gsi_count() || !ioapic_has_gsi(gsi) ||
        (nr >= 0 && (unsigned int)nr >= d->pirqs->nr))
        return -EINVAL;
    if (!irq_access_permitted(current->domain, gsi))
        return -EPERM;
    return map_irq(d, nr, gsi);
}

/* pci_lock held. */
static int map_msi(struct domain *d, int nr, const struct msi_request *req)
{
    struct pci_dev *dev = pci_find(req->sbdf);
    int irq, rc;

    if (!dev || dev->owner != d)
        return -ENODEV;
    irq = irq_create(current->processor);
    if (irq < 0)
        return irq;
    rc = msi_setup((unsigned int)irq, dev, req);
    if (rc) {
        irq_destroy((unsigned int)irq);
        return rc;
    }
    rc = map_irq(d, nr, (unsigned int)irq);
    if (rc < 0)
        msi_teardown(irq_desc((unsigned int)irq)->msi);
    return rc;
}

int pirq_map_msi(struct domain *d, int nr, const struct msi_request *req)
{
    int rc;

    if (!d->pirqs || (nr >= 0 && (unsigned int)nr >= d->pirqs->nr))
        return -EINVAL;
    spin_lock(&pci_lock);
    rc = map_msi(d, nr, req);
    spin_unlock(&pci_lock);
    return rc;
}

int pirq_to_irq(const struct domain *d, unsigned int nr)
{
    const struct pirq *p = pirq_of(d, nr);

    return p ? READ_ONCE(p->irq) : NO_IRQ;
}

/* --- The page of EOI bits --- */

static void set_needs_eoi(const struct pirq *p, bool needed)
{
    unsigned long *map = p->d->pirqs->eoi_map;

    if (!map || p->nr >= PIRQS_IN_PAGE)
        return;
    if (needed)
        set_bit(p->nr, map);
    else
        clear_bit(p->nr, map);
}

int pirq_set_eoi_page(struct domain *d, unsigned long gfn, bool auto_unmask)
{
    struct pirq_table *t = d->pirqs;
    struct page_info *pg;

    if (!t)
        return -EINVAL;
    pg = d->backend->get_gfn(d, gfn, true);
    if (!pg)
        return -EINVAL;
    spin_lock(&t->lock);
    if (t->eoi_page) {
        spin_unlock(&t->lock);
        put_page_and_type(pg);
        return -EBUSY;
    }
    t->eoi_page = pg;
    t->auto_unmask = auto_unmask;
    WRITE_ONCE(t->eoi_map, page_to_virt(pg));
    clear_page(t->eoi_map);
    for (unsigned int i = 0; i < t->nr; i++)
        if (t->pirq[i].bound && irq_desc((unsigned int)t->pirq[i].irq)->level)
            set_needs_eoi(&t->pirq[i], true);
    spin_unlock(&t->lock);
    return 0;
}

void pirq_release_eoi_page(struct domain *d)
{
    struct pirq_table *t = d->pirqs;
    struct page_info *pg;

    if (!t)
        return;
    spin_lock(&t->lock);
    pg = t->eoi_page;
    WRITE_ONCE(t->eoi_map, NULL);
    t->eoi_page = NULL;
    spin_unlock(&t->lock);
    if (pg)
        put_page_and_type(pg);
}

bool pirq_auto_unmask(const struct domain *d)
{
    return d->pirqs && d->pirqs->auto_unmask;
}

/* --- Binding --- */

/* Desc lock held. */
static int bind_locked(struct irq_desc *desc, struct pirq *p, unsigned int cpu, bool share)
{
    bool first = list_empty(&desc->guests);
    int rc;

    if (p->bound)
        return -EEXIST;
    if (desc->handler || (!first && !(share && desc->shared)))
        return -EBUSY;
    if (first) {
        desc->shared = share;
        desc->in_flight = 0;
        rc = irq_start(desc, cpu);
        if (rc)
            return rc;
    }
    list_add_tail(&p->link, &desc->guests);
    p->bound = true;
    p->in_flight = false;
    set_needs_eoi(p, desc->level);
    return 0;
}

int pirq_guest_bind(struct vcpu *v, unsigned int nr, bool share)
{
    struct pirq *p = pirq_of(v->domain, nr);
    struct pirq_table *t = v->domain->pirqs;
    struct irq_desc *desc;
    unsigned long flags;
    int rc = -ESRCH;

    if (!p)
        return -EINVAL;
    spin_lock(&t->lock);
    if (p->irq != NO_IRQ) {
        desc = irq_desc((unsigned int)p->irq);
        spin_lock_irqsave(&desc->lock, flags);
        rc = bind_locked(desc, p, v->processor, share);
        spin_unlock_irqrestore(&desc->lock, flags);
    }
    spin_unlock(&t->lock);
    return rc;
}

/* Desc lock held: one guest less to wait for. */
static void guest_done(struct irq_desc *desc, struct pirq *p)
{
    if (!p->in_flight)
        return;
    p->in_flight = false;
    if (--desc->in_flight)
        return;
    if (desc->held)
        return; /* unmasked when that ends */
    if (unlikely(timer_is_active(&desc->timer)))
        stop_timer(&desc->timer);
    if (!list_empty(&desc->guests))
        desc->chip->mask(desc, false);
}

static void unbind_locked(struct irq_desc *desc, struct pirq *p)
{
    if (!p->bound)
        return;
    p->bound = false;
    list_del(&p->link);
    set_needs_eoi(p, false);
    guest_done(desc, p);
    if (list_empty(&desc->guests))
        irq_stop(desc);
}

/* Table lock held. */
static void unbind(struct pirq *p)
{
    struct irq_desc *desc;
    unsigned long flags;

    if (p->irq == NO_IRQ)
        return;
    desc = irq_desc((unsigned int)p->irq);
    spin_lock_irqsave(&desc->lock, flags);
    unbind_locked(desc, p);
    spin_unlock_irqrestore(&desc->lock, flags);
}

void pirq_guest_unbind(struct domain *d, unsigned int nr)
{
    struct pirq *p = pirq_of(d, nr);

    if (!p)
        return;
    spin_lock(&d->pirqs->lock);
    unbind(p);
    spin_unlock(&d->pirqs->lock);
}

/* pci_lock held. The interrupt that it was mapped to, or NO_IRQ. */
static int release(struct domain *d, struct pirq *p)
{
    int irq;

    spin_lock(&d->pirqs->lock);
    irq = p->irq;
    if (irq != NO_IRQ) {
        unbind(p);
        p->irq = NO_IRQ;
        p->taken = false;
    }
    spin_unlock(&d->pirqs->lock);
    if (irq != NO_IRQ && irq_desc((unsigned int)irq)->msi)
        msi_teardown(irq_desc((unsigned int)irq)->msi);
    return irq;
}

/* pci_lock held. The control domain keeps the right to its lines. */
static int unmap(struct domain *d, struct pirq *p)
{
    int irq = release(d, p);

    if (irq == NO_IRQ)
        return -EINVAL;
    if (is_control_domain(d) && (unsigned int)irq < irq_gsi_count())
        return 0;
    return rangeset_remove(d->irq_caps, (unsigned int)irq, (unsigned int)irq);
}

int pirq_unmap(struct domain *d, unsigned int nr)
{
    struct pirq *p = pirq_of(d, nr);
    int rc;

    if (!p)
        return -EINVAL;
    spin_lock(&pci_lock);
    rc = unmap(d, p);
    spin_unlock(&pci_lock);
    return rc;
}

void pirq_unmap_irq(struct domain *d, unsigned int irq)
{
    struct pirq *p = pirq_of_irq(d, irq);

    if (p)
        (void)unmap(d, p);
}

/* --- Delivery and its end --- */

void pirq_deliver(struct irq_desc *desc)
{
    struct pirq *p;

    list_for_each(p, &desc->guests, link) {
        if (desc->level && !p->in_flight) {
            p->in_flight = true;
            desc->in_flight++;
        }
        send_guest_pirq(p->d, p->nr);
    }
    if (unlikely(desc->in_flight > 1))
        irq_await_guests(desc);
}

const struct domain *pirq_forget_in_flight(struct irq_desc *desc)
{
    const struct domain *late = NULL;
    struct pirq *p;

    list_for_each(p, &desc->guests, link) {
        if (p->in_flight)
            late = p->d;
        p->in_flight = false;
    }
    desc->in_flight = 0;
    return late;
}

int pirq_guest_eoi(struct domain *d, unsigned int nr)
{
    struct pirq *p = pirq_of(d, nr);
    struct irq_desc *desc;
    unsigned long flags;
    int irq;

    if (!p)
        return -EINVAL;
    irq = READ_ONCE(p->irq);
    if (irq == NO_IRQ)
        return is_free(p) ? -EINVAL : 0;
    desc = irq_desc((unsigned int)irq);
    spin_lock_irqsave(&desc->lock, flags);
    /* The mapping may have changed before the lock was held; then the pirq is not bound to this
     * interrupt. */
    if (p->bound && p->irq == irq)
        guest_done(desc, p);
    spin_unlock_irqrestore(&desc->lock, flags);
    return 0;
}

void pirq_guest_unmask(struct domain *d)
{
    for (unsigned int i = 0; d->pirqs && i < d->pirqs->nr; i++) {
        struct pirq *p = &d->pirqs->pirq[i];
        unsigned int port;

        if (!READ_ONCE(p->in_flight))
            continue;
        port = pirq_to_evtchn(d, i);
        if (port && !evtchn_port_is_masked(d, port))
            pirq_guest_eoi(d, i);
    }
}

void pirq_set_affinity(struct domain *d, unsigned int nr, unsigned int cpu)
{
    struct pirq *p = pirq_of(d, nr);
    struct irq_desc *desc;
    unsigned long flags;
    int irq;

    if (!p || (irq = READ_ONCE(p->irq)) == NO_IRQ)
        return;
    desc = irq_desc((unsigned int)irq);
    spin_lock_irqsave(&desc->lock, flags);
    if (p->bound && p->irq == irq)
        irq_want_cpu(desc, cpu);
    spin_unlock_irqrestore(&desc->lock, flags);
}

bool pirq_is_shared(const struct domain *d, unsigned int nr)
{
    int irq = pirq_to_irq(d, nr);
    struct irq_desc *desc;
    unsigned long flags;
    bool shared;

    if (irq == NO_IRQ)
        return false;
    desc = irq_desc((unsigned int)irq);
    spin_lock_irqsave(&desc->lock, flags);
    shared = !list_empty(&desc->guests) && desc->guests.next->next != &desc->guests;
    spin_unlock_irqrestore(&desc->lock, flags);
    return shared;
}

void pirq_free_domain(struct domain *d)
{
    struct pirq_table *t = d->pirqs;

    if (!t)
        return;
    spin_lock(&pci_lock);
    for (unsigned int i = 0; i < t->nr; i++)
        (void)release(d, &t->pirq[i]);
    spin_unlock(&pci_lock);
    pirq_release_eoi_page(d);
    d->pirqs = NULL;
    xfree(t);
}
