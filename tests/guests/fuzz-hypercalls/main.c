/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does the hypervisor survive an unprivileged domain that makes every call with good and with
 * hostile arguments, on three vCPUs at once?
 *
 * Each row of rows.h is one sub-operation. It is tried as often as the command line says (tries=),
 * in rounds that go through all rows, a part of the attempts as it should be and most with
 * something wrong in them: pointers into read-only, missing, hypervisor's and non-canonical
 * memory, across pages, to page tables; frames of its own in any use, of others, of devices and of
 * none; numbers at limits. Two more vCPUs make attempts of random rows meanwhile, and a third one
 * is put up, down and interrupted. At the end there is a line per row: attempts and successes.
 * What is this domain's to do must have succeeded, what is not must never have; the domain must
 * come to its end, and the launcher then finds exactly the frames free that were free before.
 *
 * Command line: tries=N of each row, seed=N, time=SECONDS to go on until.
 */
#include <guest.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include "rows.h"

#define PATIENCE 10   /* so many times the tries, for a row that must succeed and has not */
#define ROUND 50 /* attempts of a row in one round */

struct world world;

static struct fuzzer fuzzers[FUZZERS];
static volatile bool over;
static unsigned long racing;

/* --- one attempt --- */

struct call { struct raw_regs regs; uint64_t result; };

static void do_call(void *arg)
{
    struct call *c = arg;

    c->result = hypercall_raw(&c->regs);
}

static void do_iret_call(void *frame)
{
    iret_to(frame);
}

static bool succeeded(const struct row *row, const struct attempt *a, const struct trap *t,
                      long result)
{
    if (row->flags & TRAPS)
        return t->vector == VEC_UD && t->regs.rip == (uint64_t)iret_landing;
    /* Of memory elsewhere it is not known what operation it was, or whether any. */
    if (row->call == __HYPERVISOR_mmuext_op &&
        (a->arg[0] != (uint64_t)a->place || a->arg[1] != 1))
        return false;
    if (t->vector != -1 || result < 0 || (row->flags & COUNTS && !result))
        return false;
    return !(row->flags & STATUS) || (a->arg[2] && a->arg[1] == (uint64_t)a->place &&
                                      *(int16_t *)(a->place + row->status) == 0);
}

/* Frames that came or were not taken lie where the row has put them. */
static void keep_frames(const struct row *row, struct attempt *a, bool good)
{
    unsigned long *list = (unsigned long *)(a->place + 256);

    if (row->call != __HYPERVISOR_memory_op || row->make != reservation)
        return;
    if (good == (row->sub != XENMEM_decrease_reservation) && list[0] < world.frames &&
        mfn_to_pfn(list[0]) >= start_info->nr_pages)
        put_spare(a->f, list[0]);
}

static void put_back(const struct row *row)
{
    struct callback_register syscall = { .type = CALLBACKTYPE_syscall,
                                         .address = (unsigned long)syscall_stub };
    struct sched_watchdog stop = { };
    unsigned int i;

    events_off();
    if (row->flags & ENTRY) {
        hc_set_trap_table(trap_default_table());
        hc_set_callbacks(event_stub, failsafe_stub, syscall_stub);
        hc_callback_op(CALLBACKOP_register, &syscall);
        hc_set_debugreg(7, 0);
    }
    if (row->call != __HYPERVISOR_sched_op || row->sub != SCHEDOP_watchdog)
        return;
    for (i = 1; i <= 2; i++) {
        stop.id = i;
        hc_sched_op(SCHEDOP_watchdog, &stop);
    }
}

static void clear(void *pages)
{
    unsigned long n = 2 * PAGE_SIZE / 8;

    asm volatile("rep stosq" : "+D"(pages), "+c"(n) : "a"(0UL) : "memory");
}

static void try(struct fuzzer *f, struct row *row)
{
    struct attempt a = { .number = row->call, .wild = draw(f, 4), .place = f->buffer, .f = f };
    struct call c = { .result = 0 };
    struct trap t;
    bool good;

    /* What an earlier attempt left there could be taken for calls that no row makes. */
    clear(f->buffer);
    row->make(&a, row);
    events_off();
    c.regs = (struct raw_regs){ .rax = a.number, .rdi = a.arg[0], .rsi = a.arg[1],
                                .rdx = a.arg[2], .r10 = a.arg[3] };
    if (row->flags & TRAPS)
        trap_catch(do_iret_call, a.place, &t);
    else
        trap_catch(do_call, &c, &t);
    good = succeeded(row, &a, &t, (long)c.result);
    put_back(row);
    keep_frames(row, &a, good);
    __atomic_fetch_add(&row->tried, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&row->good, good, __ATOMIC_RELAXED);
    if (good && row->flags & NEVER)
        report_failure("%s succeeded: %ld", row->name, (long)c.result);
}

/* --- vCPUs --- */

static void race(void *arg)
{
    struct fuzzer *f = arg;

    events_off();
    while (!over) {
        struct row *row = &rows[draw(f, ARRAY_SIZE(rows))];

        if (!(row->flags & ALONE))
            try(f, row);
        f->done++;
    }
    __atomic_fetch_sub(&racing, 1, __ATOMIC_SEQ_CST);
    for (;;)
        hc_sched_op(SCHEDOP_yield, NULL);
}

static bool ignore(struct regs *regs)
{
    regs->rflags |= RFLAGS_RF;
    return true;
}

static void start_fuzzers(uint64_t seed)
{
    unsigned int i;

    for (i = 0; i < FUZZERS; i++) {
        struct fuzzer *f = &fuzzers[i];
        unsigned int n;

        f->cpu = i;
        f->random = (seed * FUZZERS + i + 1) * 0x9e3779b97f4a7c15UL | 1;
        f->buffer = window_alloc(3);
        for (n = 0; n < 2; n++)
            require(map_frame(f->buffer + n * PAGE_SIZE, virt_to_mfn(page_alloc()), PTE_RW), 0);
    }
    events_off();
    for (i = 1; i < FUZZERS; i++) {
        __atomic_fetch_add(&racing, 1, __ATOMIC_SEQ_CST);
        require(vcpu_start(i, race, &fuzzers[i]), 0);
    }
}

/* --- the domain's pieces --- */

static void make_root(void)
{
    world.root = page_alloc();
    memcpy(world.root, (void *)start_info->pt_base, PAGE_SIZE);
    memset(world.root + 256 * 8, 0, 16 * 8); /* the hypervisor fills its slots in */
    table_page(world.root);
    require(mmuext_mfn(MMUEXT_PIN_L4_TABLE, virt_to_mfn(world.root)), 0);
}

static void make_spare(void)
{
    unsigned int i;

    for (i = 0; i < SPARE / 2; i++) {
        void *page = page_alloc();

        world.spare[i] = virt_to_mfn(page);
        require(unmap_page(page), 0);
        p2m_set(virt_to_pfn(page), INVALID_MFN);
        require(mmu_update_one(world.spare[i] << PAGE_SHIFT | MMU_MACHPHYS_UPDATE, ~0UL >> 1), 0);
    }
}

static void make_grants(void)
{
    struct gnttab_setup_table setup = { .dom = DOMID_SELF, .nr_frames = 1 };
    unsigned long frame_ = 0;
    void *va = window_alloc(1);

    set_xen_guest_handle(setup.frame_list, &frame_);
    require(hc_grant_table_op(GNTTABOP_setup_table, &setup, 1), 0);
    require(map_frame(va, frame_, PTE_RW), 0);
    grants = va;
}

static void make_world(void)
{
    unsigned int i;
    long frames = hc_memory_op(XENMEM_maximum_ram_page, NULL);

    require(frames > 0, true);
    world.frames = (unsigned long)frames;
    world.self = (domid_t)line_number(command_line(), "domid", 1);
    world.port_page = page_alloc();
    world.ones = page_alloc();
    for (i = 0; i < PAGE_SIZE / 8; i++)
        ((uint64_t *)world.ones)[i] = 1;
    require(protect_page(world.ones, PTE_RO), 0);
    for (i = 0; i < DATA; i++)
        world.data[i] = page_alloc();
    for (i = 0; i < TABLES; i++)
        table_page(world.table[i] = page_alloc());
    for (i = 0; i < GDTS; i++)
        table_page(world.gdt[i] = page_alloc());
    world.window = window_alloc(WINDOW + 1); /* nothing is ever mapped at the last */
    make_root();
    make_spare();
    make_grants();
}

/* --- the report --- */

static void report(void)
{
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct row *row = &rows[i];
        bool last = row->call == __HYPERVISOR_sched_op && row->sub == SCHEDOP_shutdown;

        /* Its one success is the end that the launcher sees. */
        printf("%-48s %8lu tried %8lu succeeded%s\n", row->name, row->tried + last,
               row->good + last, row->flags & NEVER ? " (refused)" : "");
        check(!(row->flags & MUST) || row->good, "%s never succeeded in %lu attempts", row->name,
              row->tried);
    }
}

/* Whether a row that must succeed has not yet. */
static bool wanting(void)
{
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].flags & MUST && !rows[i].good)
            return true;
    return false;
}

void test_main(void)
{
    unsigned long tries = line_number(command_line(), "tries", 300), i, n;
    uint64_t end = now_ns() + line_number(command_line(), "time", 0) * NS_PER_SEC, racers = 0;

    vcpu_need(VCPUS);
    trap_hook(VEC_DB, ignore);
    trap_hook(VEC_NMI, ignore);
    make_world();
    start_fuzzers(line_number(command_line(), "seed", 1));
    do {
        for (i = 0; i < ARRAY_SIZE(rows); i++)
            for (n = 0; n < ROUND; n++)
                try(&fuzzers[0], &rows[i]);
    } while ((rows[0].tried < tries || now_ns() < end ||
              (wanting() && rows[0].tried < PATIENCE * tries)) && !report_failures());
    over = true;
    check(wait_until(racing == 0, 5000), "%lu other vCPUs hang", racing);
    report();
    for (i = 1; i < FUZZERS; i++)
        racers += fuzzers[i].done;
    printf("%u sub-operations; the other vCPUs made %lu attempts\n",
           (unsigned int)ARRAY_SIZE(rows), racers);
}
