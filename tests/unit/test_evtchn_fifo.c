/* SPDX-License-Identifier: BSD-2-Clause */
/* Event channels by the FIFO ABI: registration, queues against a guest that consumes as Linux does,
   and guests that spoil the words they share. */
/* sources: hv/domain/evtchn.c hv/domain/evtchn_op.c hv/domain/evtchn_2l.c */
/* sources: hv/domain/evtchn_fifo.c hv/domain/virq.c */
/* cflags: -DHV_UNIT_TEST */
/* libs: -lpthread */
#include "world.h"
#include "../../hv/domain/evtchn_priv.h"
#include <hv/iocap.h>
#include <hv/irq.h>
#include <pthread.h>

#define PENDING (1u << EVTCHN_FIFO_PENDING)
#define MASKED (1u << EVTCHN_FIFO_MASKED)
#define LINKED (1u << EVTCHN_FIFO_LINKED)
#define CB_OFFSET 64
#define VCPUS 2

unsigned long find_next_bit(const unsigned long *map, unsigned long size, unsigned long from)
{
    while (from < size && !test_bit(from, map))
        from++;
    return from;
}
int pirq_to_irq(const struct domain *d, unsigned int pirq) { return -1; }
bool irq_access_permitted(const struct domain *d, unsigned int gsi) { return false; }
int pirq_guest_bind(struct vcpu *v, unsigned int pirq, bool share) { return -EINVAL; }
void pirq_guest_unbind(struct domain *d, unsigned int pirq) { }
void pirq_set_affinity(struct domain *d, unsigned int pirq, unsigned int cpu) { }

static struct domain *d0;
static struct page_info *cb_page[VCPUS], *array_page[2];
static struct evtchn_fifo_control_block *cb[VCPUS];
static event_word_t *words;         /* of the first array page */

static long init_control(unsigned int vcpu, unsigned long gfn, unsigned int offset)
{
    struct evtchn_init_control i = { .control_gfn = gfn, .offset = offset, .vcpu = vcpu };
    long rc = do_event_channel_op(EVTCHNOP_init_control, &i);
    if (!rc)
        assert_int_equal(i.link_bits, EVTCHN_FIFO_LINK_BITS);
    return rc;
}
static long expand(unsigned long gfn)
{
    struct evtchn_expand_array e = { .array_gfn = gfn };
    return do_event_channel_op(EVTCHNOP_expand_array, &e);
}
static long set_priority(unsigned int port, unsigned int prio)
{
    struct evtchn_set_priority s = { .port = port, .priority = prio };
    return do_event_channel_op(EVTCHNOP_set_priority, &s);
}
static unsigned int bind_ipi(unsigned int vcpu)
{
    struct evtchn_bind_ipi b = { .vcpu = vcpu };
    assert_int_equal(do_event_channel_op(EVTCHNOP_bind_ipi, &b), 0);
    return b.port;
}
static long port_op(unsigned int op, unsigned int port)
{
    struct evtchn_send s = { .port = port };
    return do_event_channel_op(op, &s);
}
static void raise(unsigned int port) { assert_int_equal(port_op(EVTCHNOP_send, port), 0); }

static void begin(void)
{
    world_begin();
    d0 = world_domain(0, VCPUS);
    assert_int_equal(evtchn_init_domain(d0), 0);
    for (unsigned int i = 0; i < VCPUS; i++) {
        cb_page[i] = world_page(d0);
        cb[i] = (void *)((char *)page_to_virt(cb_page[i]) + CB_OFFSET);
    }
    array_page[0] = world_page(d0);
    array_page[1] = world_page(d0);
    words = page_to_virt(array_page[0]);
}
static void start_fifo(void)
{
    for (unsigned int i = 0; i < VCPUS; i++)
        assert_int_equal(init_control(i, page_to_mfn(cb_page[i]), CB_OFFSET), 0);
    assert_int_equal(expand(page_to_mfn(array_page[0])), 0);
}
static void end(void)
{
    d0->is_dying = DOMDYING_dying;
    while (evtchn_destroy(d0) == -ERESTART)
        this_cpu(softirq_pending) = 0;
    evtchn_free(d0);
    /* The registered pages are only their owner's again. */
    for (unsigned int i = 0; i < VCPUS; i++)
        assert_int_equal(cb_page[i]->count_info, PGC_allocated | 1);
    assert_int_equal(array_page[0]->count_info, PGC_allocated | 1);
    assert_int_equal(array_page[0]->type_info & PGT_count_mask, 0);
    world_drop_domain(d0);
    world_end();
}

static void test_registration(void **state)
{
    struct page_info *table;
    struct evtchn_reset r = { .dom = DOMID_SELF };
    begin();
    table = world_page(d0);
    table->type_info = PGT_l1_page_table | 1;
    assert_int_equal(expand(page_to_mfn(array_page[0])), -EOPNOTSUPP);
    assert_int_equal(set_priority(0, 3), -ENOSYS);
    assert_int_equal(init_control(VCPUS, page_to_mfn(cb_page[0]), 0), -ENOENT);
    assert_int_equal(init_control(0, page_to_mfn(cb_page[0]), 4), -EINVAL);
    assert_int_equal(init_control(0, page_to_mfn(cb_page[0]), PAGE_SIZE - 64), -EINVAL);
    assert_int_equal(init_control(0, WORLD_FRAMES, 0), -EINVAL);
    assert_int_equal(init_control(0, ~0UL, 0), -EINVAL);
    assert_int_equal(init_control(0, page_to_mfn(table), 0), -EINVAL); /* not writable */
    assert_null(d0->evtchn_fifo);
    assert_ptr_equal(d0->evtchn_ops, &evtchn_2l_ops);
    start_fifo();
    assert_int_equal(cb_page[0]->type_info & PGT_count_mask, 1);
    assert_int_equal(init_control(0, page_to_mfn(cb_page[0]), CB_OFFSET), -EINVAL); /* has one */
    assert_int_equal(expand(page_to_mfn(table)), -EINVAL);
    assert_int_equal(set_priority(1, 16), -EINVAL);
    assert_int_equal(set_priority(1, 15), 0);
    assert_int_equal(set_priority(~0u, 1), -EINVAL);
    for (unsigned int i = 1; i < 128; i++) /* one page may be given many times */
        assert_int_equal(expand(page_to_mfn(array_page[1])), 0);
    assert_int_equal(expand(page_to_mfn(array_page[1])), -ENOSPC);
    assert_int_equal(do_event_channel_op(EVTCHNOP_reset, &r), 0);
    assert_ptr_equal(d0->evtchn_ops, &evtchn_2l_ops);
    assert_int_equal(array_page[1]->count_info, PGC_allocated | 1);
    start_fifo(); /* and again */
    end();
}

static void test_linking(void **state)
{
    unsigned int p[3];
    const uint32_t q = EVTCHN_FIFO_PRIORITY_DEFAULT;
    begin();
    start_fifo();
    for (unsigned int i = 0; i < 3; i++)
        p[i] = bind_ipi(1);
    words[p[1]] = MASKED;
    for (unsigned int i = 0; i < 3; i++)
        raise(p[i]);
    assert_int_equal(cb[1]->head[q], p[0]);
    assert_int_equal(words[p[0]], PENDING | LINKED | p[2]); /* the masked one is not linked */
    assert_int_equal(words[p[1]], PENDING | MASKED);
    assert_int_equal(words[p[2]], PENDING | LINKED);
    assert_int_equal(cb[1]->ready, 1u << q);
    assert_int_equal(world.kicks, 1);
    assert_ptr_equal(world.kicked, d0->vcpu[1]);
    assert_int_equal(cb[0]->ready, 0);
    assert_int_equal(port_op(EVTCHNOP_unmask, p[1]), 0);
    assert_int_equal(words[p[2]], PENDING | LINKED | p[1]);
    assert_int_equal(words[p[1]], PENDING | LINKED);
    raise(p[1]); /* linked already: the chain stays */
    assert_int_equal(words[p[1]], PENDING | LINKED);
    /* A closed port keeps its place in the queue and is not used again before the guest took it
       off. */
    assert_int_equal(port_op(EVTCHNOP_close, p[2]), 0);
    assert_int_equal(words[p[2]], LINKED | p[1]);
    assert_int_not_equal(bind_ipi(0), p[2]);
    words[p[2]] = 0;
    assert_int_equal(bind_ipi(0), p[2]);
    end();
}

/* Raised before there is a word, or even before the ABI was switched: comes with the page. */
static void test_late_page(void **state)
{
    unsigned int p, q;
    begin();
    p = bind_ipi(0);
    q = bind_ipi(0);
    raise(p);
    assert_int_equal(init_control(0, page_to_mfn(cb_page[0]), CB_OFFSET), 0);
    raise(q);
    assert_int_equal(cb[0]->ready, 0);
    assert_false(evtchn_port_is_pending(d0, q)); /* nothing to be seen yet */
    assert_int_equal(expand(page_to_mfn(array_page[0])), 0);
    assert_true(words[p] & PENDING);
    assert_true(words[q] & PENDING);
    assert_int_equal(cb[0]->head[EVTCHN_FIFO_PRIORITY_DEFAULT], p);
    assert_int_equal(init_control(1, page_to_mfn(cb_page[1]), CB_OFFSET), 0);
    end();
}

/* --- A guest that consumes as Linux does --- */

static uint32_t guest_head[VCPUS][EVTCHN_FIFO_MAX_QUEUES];
static bool due[64];    /* raised, and not handled since */

static uint32_t clear_linked(event_word_t *w)
{
    event_word_t old = __atomic_load_n(w, __ATOMIC_SEQ_CST);
    while (!__atomic_compare_exchange_n(w, &old, old & ~(LINKED | EVTCHN_FIFO_LINK_MASK), false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        ;
    return old & EVTCHN_FIFO_LINK_MASK;
}

static void handle(uint32_t port)
{
    event_word_t *w = &words[port];
    if ((__atomic_load_n(w, __ATOMIC_SEQ_CST) & (PENDING | MASKED)) != PENDING)
        return;
    __atomic_fetch_and(w, ~PENDING, __ATOMIC_SEQ_CST);
    due[port] = false;
}

static void consume_one(unsigned int vcpu, unsigned int prio, uint32_t *ready)
{
    uint32_t head = guest_head[vcpu][prio], port;
    if (!head)
        head = __atomic_load_n(&cb[vcpu]->head[prio], __ATOMIC_SEQ_CST);
    port = head;
    assert_true(port > 0 && port < 64);
    head = clear_linked(&words[port]);
    if (!head)
        *ready &= ~(1u << prio);
    guest_head[vcpu][prio] = head;
    handle(port);
}

static void consume(unsigned int vcpu, unsigned int max)
{
    uint32_t ready = __atomic_exchange_n(&cb[vcpu]->ready, 0, __ATOMIC_SEQ_CST);
    while (ready && max--) {
        consume_one(vcpu, (unsigned int)__builtin_ctz(ready), &ready);
        ready |= __atomic_exchange_n(&cb[vcpu]->ready, 0, __ATOMIC_SEQ_CST);
    }
    __atomic_fetch_or(&cb[vcpu]->ready, ready, __ATOMIC_SEQ_CST);
}

static void guest_unmask(unsigned int port)
{
    event_word_t old = __atomic_fetch_and(&words[port], ~MASKED, __ATOMIC_SEQ_CST);
    if (old & PENDING)
        assert_int_equal(port_op(EVTCHNOP_unmask, port), 0);
}

/* Random raising, masking, moving between vCPUs and priorities, partial consuming: no event is ever
   lost. */
static void test_no_event_lost(void **state)
{
    unsigned int nr = 40, ports[40];
    begin();
    start_fifo();
    memset(guest_head, 0, sizeof(guest_head));
    memset(due, 0, sizeof(due));
    srand(42);
    for (unsigned int i = 0; i < nr; i++) { /* pairs of ports connected with each other */
        struct evtchn_alloc_unbound a = { .dom = DOMID_SELF, .remote_dom = DOMID_SELF };
        struct evtchn_bind_interdomain b = { .remote_dom = DOMID_SELF };
        assert_int_equal(do_event_channel_op(EVTCHNOP_alloc_unbound, &a), 0);
        b.remote_port = a.port;
        assert_int_equal(do_event_channel_op(EVTCHNOP_bind_interdomain, &b), 0);
        ports[i] = a.port;
        ports[++i] = b.local_port;
        due[b.local_port] = true;
    }
    for (unsigned int step = 0; step < 60000; step++) {
        unsigned int i = (unsigned int)rand() % nr, port = ports[i];
        struct evtchn_bind_vcpu v = { .port = port, .vcpu = (unsigned int)rand() % VCPUS };
        switch (rand() % 8) {
        case 0:
            __atomic_fetch_or(&words[port], MASKED, __ATOMIC_SEQ_CST);
            break;
        case 1:
            guest_unmask(port);
            break;
        case 2:
            assert_int_equal(set_priority(port, (unsigned int)rand() % 16), 0);
            break;
        case 3:
            assert_int_equal(do_event_channel_op(EVTCHNOP_bind_vcpu, &v), 0);
            break;
        case 4:
            consume((unsigned int)rand() % VCPUS, (unsigned int)rand() % 5);
            break;
        default:
            raise(port);
            due[ports[i ^ 1]] = true;
            break;
        }
    }
    for (unsigned int i = 0; i < nr; i++)
        guest_unmask(ports[i]);
    for (unsigned int i = 0; i < VCPUS; i++)
        consume(i, 100000);
    for (unsigned int i = 0; i < nr; i++)
        assert_false(due[ports[i]]);
    assert_int_equal(world.crashes, 0);
    end();
}

/* --- Guests that spoil --- */

static void test_hostile_words(void **state)
{
    unsigned int p[4];
    const uint32_t q = EVTCHN_FIFO_PRIORITY_DEFAULT;
    begin();
    start_fifo();
    for (unsigned int i = 0; i < 4; i++)
        p[i] = bind_ipi(0);
    raise(p[0]);
    words[p[0]] = ~MASKED;          /* every bit, a link to nowhere, BUSY */
    raise(p[1]);
    assert_int_equal(words[p[0]] & EVTCHN_FIFO_LINK_MASK, p[1]);
    words[p[1]] = 0;                /* the tail is unlinked behind our back */
    raise(p[2]);
    assert_int_equal(cb[0]->head[q], p[2]); /* so the queue was empty */
    cb[0]->head[q] = 0xffffffff;    /* never read */
    cb[0]->ready = 0xffffffff;
    raise(p[3]);
    assert_int_equal(words[p[2]], PENDING | LINKED | p[3]);
    words[p[3]] &= ~LINKED;
    assert_int_equal(set_priority(p[3], 0), 0); /* a tail moves to another queue */
    raise(p[3]);
    assert_int_equal(cb[0]->head[0], p[3]);
    raise(p[1]);
    assert_int_equal(cb[0]->head[q], p[1]); /* the old queue forgot its tail */
    assert_int_equal(world.crashes, 0);
    end();
}

struct spoiler { volatile bool stop; event_word_t *w; unsigned int n; };

static void *spoil(void *arg)
{
    struct spoiler *s = arg;
    uint32_t x = 1;
    while (!s->stop) {
        x = x * 1664525u + 1013904223u;
        __atomic_store_n(&s->w[x % s->n], x, __ATOMIC_SEQ_CST);
    }
    return NULL;
}

/* Another CPU of the guest writes garbage into all words while events are raised: bounded work, no
   bad access, and at worst the guest is crashed. */
static void test_concurrent_spoiling(void **state)
{
    struct spoiler s = { .n = 16 };
    unsigned int p[8];
    pthread_t t;
    begin();
    start_fifo();
    s.w = words;
    for (unsigned int i = 0; i < 8; i++)
        p[i] = bind_ipi(i % VCPUS);
    assert_int_equal(pthread_create(&t, NULL, spoil, &s), 0);
    for (unsigned int i = 0; i < 200000; i++) {
        raise(p[i % 8]);
        if (i % 16 == 0)
            assert_int_equal(set_priority(p[i / 16 % 8], i % 16), 0);
        if (i % 64 == 0)
            assert_int_equal(port_op(EVTCHNOP_unmask, p[i / 64 % 8]), 0);
    }
    s.stop = true;
    pthread_join(t, NULL);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registration),
        cmocka_unit_test(test_linking),
        cmocka_unit_test(test_late_page),
        cmocka_unit_test(test_no_event_lost),
        cmocka_unit_test(test_hostile_words),
        cmocka_unit_test(test_concurrent_spoiling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
