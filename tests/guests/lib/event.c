/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels, 2-level ABI. Starts with upcalls on and every port masked by the hypervisor. */
#include "guest.h"

#define BITS 64

static event_handler_t *handlers[MAX_PORTS];
static unsigned int counts[MAX_PORTS];
/* Ports that other vCPUs serve, as bits to leave alone. */
static unsigned long not_mine[MAX_VCPUS][MAX_PORTS / BITS];
static unsigned int upcalls;
static void (*scan_pending)(void);

void event_handler(unsigned int port, event_handler_t *handler)
{
    handlers[port] = handler;
}

void event_owner(unsigned int port, unsigned int vcpu)
{
    unsigned int v;

    for (v = 0; v < MAX_VCPUS; v++) {
        not_mine[v][port / BITS] &= ~(1UL << (port % BITS));
        if (v != vcpu)
            not_mine[v][port / BITS] |= 1UL << (port % BITS);
    }
}

unsigned int event_count(unsigned int port)
{
    return read_once(counts[port]);
}

unsigned int event_upcalls(void)
{
    return read_once(upcalls);
}

void event_set_scan(void (*scan)(void))
{
    scan_pending = scan;
}

void event_serve(unsigned int port)
{
    if (port >= MAX_PORTS)
        report_error("port %u is out of range", port);
    __atomic_fetch_add(&counts[port], 1, __ATOMIC_SEQ_CST);
    if (handlers[port])
        handlers[port](port);
}

static void scan_2level(void)
{
    struct vcpu_info *info = this_vcpu()->info;
    unsigned long words = __atomic_exchange_n(&info->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);

    while (words) {
        unsigned int word = (unsigned int)__builtin_ctzl(words);
        unsigned long bits;

        words &= words - 1;
        while ((bits = read_once(shared_info->evtchn_pending[word]) &
                       ~read_once(shared_info->evtchn_mask[word]) &
                       ~not_mine[this_vcpu()->id][word])) {
            unsigned int port = word * BITS + (unsigned int)__builtin_ctzl(bits);

            event_clear(port);
            event_serve(port);
        }
    }
}

void event_upcall(void)
{
    struct vcpu_info *info = this_vcpu()->info;

    upcalls++;
    do {
        info->evtchn_upcall_pending = 0;
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (scan_pending)
            scan_pending();
        else
            scan_2level();
    } while (read_once(info->evtchn_upcall_pending));
}

bool event_pending(unsigned int port)
{
    return read_once(shared_info->evtchn_pending[port / BITS]) >> (port % BITS) & 1;
}

bool event_masked(unsigned int port)
{
    return read_once(shared_info->evtchn_mask[port / BITS]) >> (port % BITS) & 1;
}

void event_clear(unsigned int port)
{
    __atomic_fetch_and(&shared_info->evtchn_pending[port / BITS], ~(1UL << (port % BITS)),
                       __ATOMIC_SEQ_CST);
}

void event_mask(unsigned int port)
{
    __atomic_fetch_or(&shared_info->evtchn_mask[port / BITS], 1UL << (port % BITS),
                      __ATOMIC_SEQ_CST);
}

void event_unmask_local(unsigned int port)
{
    __atomic_fetch_and(&shared_info->evtchn_mask[port / BITS], ~(1UL << (port % BITS)),
                       __ATOMIC_SEQ_CST);
}

long event_unmask(unsigned int port)
{
    struct evtchn_unmask op = { .port = port };

    return hc_event_channel_op(EVTCHNOP_unmask, &op);
}

void events_off(void)
{
    write_once(this_vcpu()->info->evtchn_upcall_mask, 1);
    barrier();
}

void events_on(void)
{
    struct vcpu_info *info = this_vcpu()->info;

    write_once(info->evtchn_upcall_mask, 0);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    /* Any hypercall makes the hypervisor look at the pending flag again. */
    if (read_once(info->evtchn_upcall_pending))
        hc_xen_version(XENVER_version, NULL);
}

long event_alloc_unbound(domid_t dom, domid_t remote)
{
    struct evtchn_alloc_unbound op = { .dom = dom, .remote_dom = remote };
    long error = hc_event_channel_op(EVTCHNOP_alloc_unbound, &op);

    return error ? error : (long)op.port;
}

long event_bind_interdomain(domid_t remote, unsigned int remote_port)
{
    struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = remote_port };
    long error = hc_event_channel_op(EVTCHNOP_bind_interdomain, &op);

    return error ? error : (long)op.local_port;
}

long event_bind_virq(unsigned int virq, unsigned int vcpu)
{
    struct evtchn_bind_virq op = { .virq = virq, .vcpu = vcpu };
    long error = hc_event_channel_op(EVTCHNOP_bind_virq, &op);

    return error ? error : (long)op.port;
}

long event_bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi op = { .vcpu = vcpu };
    long error = hc_event_channel_op(EVTCHNOP_bind_ipi, &op);

    return error ? error : (long)op.port;
}

long event_send(unsigned int port)
{
    struct evtchn_send op = { .port = port };

    return hc_event_channel_op(EVTCHNOP_send, &op);
}

long event_close(unsigned int port)
{
    struct evtchn_close op = { .port = port };

    return hc_event_channel_op(EVTCHNOP_close, &op);
}

long event_status(unsigned int port, struct evtchn_status *status)
{
    struct evtchn_status own;
    long error;

    status = status ? status : &own;
    memset(status, 0, sizeof(*status));
    status->dom = DOMID_SELF;
    status->port = port;
    error = hc_event_channel_op(EVTCHNOP_status, status);
    return error ? error : (long)status->status;
}

void event_init(void)
{
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(shared_info->evtchn_mask); i++)
        shared_info->evtchn_mask[i] = ~0UL;
    events_on();
}
