/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the FIFO ABI of event channels work: control block, event array, queues, priorities, order?
 *
 * The ABI: init_control switches the domain and moves pending ports over; expand_array adds pages
 * of 1024 words; an event sets PENDING and, unmasked and not linked yet, joins the tail of its
 * priority's queue, LINKED, with the ready bit set; order within a priority is first in first out;
 * lower numbers are more urgent. Hostile offsets, frames, priorities and link words are refused or
 * harmless.
 */
#include <guest.h>

#define NEVENTS 8

static struct evtchn_fifo_control_block *control;
static volatile uint32_t *words;
static uint32_t order[64];
static unsigned int ordered;

static bool bit(unsigned int port, unsigned int n)
{
    return words[port] >> n & 1;
}

static uint32_t consume(unsigned int queue, uint32_t *head)
{
    uint32_t port = *head, word = words[port], next;

    /* Unlink: clear LINKED and LINK, keep the rest. */
    while (!__atomic_compare_exchange_n(&words[port], &word,
                                        word & ~((1u << EVTCHN_FIFO_LINKED) |
                                                 ((1u << EVTCHN_FIFO_LINK_BITS) - 1)),
                                        false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    next = word & ((1u << EVTCHN_FIFO_LINK_BITS) - 1);
    *head = next;
    if (!next)
        __atomic_fetch_and(&control->ready, ~(1u << queue), __ATOMIC_SEQ_CST);
    return port;
}

static void scan(void)
{
    static uint32_t heads[EVTCHN_FIFO_MAX_QUEUES];
    uint32_t ready;

    while ((ready = read_once(control->ready))) {
        unsigned int queue = (unsigned int)__builtin_ctz(ready);
        uint32_t port;

        if (!heads[queue])
            heads[queue] = read_once(control->head[queue]);
        port = consume(queue, &heads[queue]);
        if (bit(port, EVTCHN_FIFO_PENDING) && !bit(port, EVTCHN_FIFO_MASKED)) {
            __atomic_fetch_and((uint32_t *)&words[port], ~(1u << EVTCHN_FIFO_PENDING),
                               __ATOMIC_SEQ_CST);
            order[ordered++ % ARRAY_SIZE(order)] = port;
            event_serve(port);
        }
    }
}

static long set_priority(unsigned int port, unsigned int priority)
{
    struct evtchn_set_priority op = { .port = port, .priority = priority };

    return hc_event_channel_op(EVTCHNOP_set_priority, &op);
}

static long init_control(unsigned long frame, unsigned int offset, unsigned int vcpu)
{
    struct evtchn_init_control op = { .control_gfn = frame, .offset = offset, .vcpu = vcpu };

    return hc_event_channel_op(EVTCHNOP_init_control, &op);
}

static void switch_over(void)
{
    uint8_t *page = page_alloc();
    struct evtchn_expand_array expand = { .array_gfn = 0xfffffffff };
    unsigned int i;

    expect(hc_event_channel_op(EVTCHNOP_expand_array, &expand), -XEN_EOPNOTSUPP);
    expect(init_control(virt_to_mfn(page), PAGE_SIZE - 8, 0), -XEN_EINVAL);
    expect(init_control(virt_to_mfn(page), 4, 0), -XEN_EINVAL);
    expect(init_control(virt_to_mfn(page), 0, 1000), -XEN_ENOENT);
    check(init_control(0xfffffffff, 0, 0) < 0, "a control block in no memory");
    check(init_control(mm_root_mfn(), 0, 0) < 0, "a control block in the L4");
    control = (void *)page;
    events_off();
    require(init_control(virt_to_mfn(page), 0, 0), 0);
    expect(init_control(virt_to_mfn(page_alloc()), 0, 0), -XEN_EINVAL);
    check(hc_event_channel_op(EVTCHNOP_expand_array, &expand) < 0, "an array page in no memory");
    expand.array_gfn = mm_root_mfn();
    check(hc_event_channel_op(EVTCHNOP_expand_array, &expand) < 0, "the L4 as array page");
    words = page_alloc();
    /* The masks of new words are the guest's to set beforehand. */
    for (i = 0; i < PAGE_SIZE / sizeof(*words); i++)
        words[i] = 1u << EVTCHN_FIFO_MASKED;
    expand.array_gfn = virt_to_mfn((void *)words);
    require(hc_event_channel_op(EVTCHNOP_expand_array, &expand), 0);
    event_set_scan(scan);
    events_on();
}

static void masked_and_pending(unsigned int port)
{
    check(bit(port, EVTCHN_FIFO_MASKED), "binding a port unmasked it");
    expect(event_send(port), 0);
    check(bit(port, EVTCHN_FIFO_PENDING), "a send did not set PENDING");
    expect(event_count(port), 0);
    expect(event_unmask(port), 0);
    expect(event_count(port), 1);
    expect(event_send(port), 0);
    expect(event_count(port), 2);
    check(!bit(port, EVTCHN_FIFO_LINKED), "a served port is still linked");
}

static void first_in_first_out(unsigned int *ports)
{
    unsigned int i;

    events_off();
    for (i = 0; i < NEVENTS; i++)
        expect(event_send(ports[NEVENTS - 1 - i]), 0);
    /* Again: no second place in the queue. */
    expect(event_send(ports[0]), 0);
    ordered = 0;
    events_on();
    expect(ordered, NEVENTS);
    for (i = 0; i < NEVENTS; i++)
        check(order[i] == ports[NEVENTS - 1 - i], "place %u has port %u, not %u", i, order[i],
              ports[NEVENTS - 1 - i]);
}

static void urgent_first(unsigned int *ports)
{
    unsigned int i;

    for (i = 0; i < NEVENTS; i++)
        expect(set_priority(ports[i], i * 2), 0);
    events_off();
    for (i = NEVENTS; i--;)
        expect(event_send(ports[i]), 0);
    ordered = 0;
    events_on();
    expect(ordered, NEVENTS);
    for (i = 0; i < NEVENTS; i++)
        check(order[i] == ports[i], "place %u has port %u, not %u", i, order[i], ports[i]);
    expect(set_priority(ports[0], EVTCHN_FIFO_MAX_QUEUES), -XEN_EINVAL);
    expect(set_priority(ports[0], 0xffffffff), -XEN_EINVAL);
    expect(set_priority(0xffffff, 1), -XEN_EINVAL);
}

/* The guest writes nonsense into words and links: only its own events may suffer. */
static void hostile_words(unsigned int *ports)
{
    unsigned int i;

    events_off();
    for (i = 0; i < 1024; i++)
        words[i] = 0xffffffff;
    for (i = 0; i < NEVENTS; i++)
        event_send(ports[i]);
    for (i = 0; i < 1024; i++)
        words[i] = (1u << EVTCHN_FIFO_LINKED) | 0x1ffff;
    for (i = 0; i < NEVENTS; i++)
        event_send(ports[i]);
    for (i = 0; i < 1024; i++)
        words[i] = 1u << EVTCHN_FIFO_MASKED;
    control->ready = 0;
    expect(hc_xen_version(XENVER_version, NULL), 0x40011);
    events_on();
}

void test_main(void)
{
    unsigned int ports[NEVENTS], before, i;

    before = (unsigned int)event_bind_ipi(0);
    expect(event_send(before), 0);
    switch_over();
    check(bit(before, EVTCHN_FIFO_PENDING), "a port pending before the switch is lost");
    for (i = 0; i < NEVENTS; i++) {
        ports[i] = (unsigned int)event_bind_ipi(0);
        masked_and_pending(ports[i]);
    }
    first_in_first_out(ports);
    urgent_first(ports);
    hostile_words(ports);
}
