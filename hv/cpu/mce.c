/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The machine-check banks of each CPU: switched on, read on #MC and every few seconds, decided
 * upon.
 *
 * #MC can come anywhere, also with locks held that printing needs. Unless it is fatal or the CPU
 * was in a guest, the handler only leaves a record beside the CPU; the soft interrupt does the
 * rest. Corrected errors are found by looking (no CMCI). Guests see banks that never hold anything.
 */
#include <hv/cpuid.h>
#include <hv/console.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/lib.h>
#include <hv/mce.h>
#include <hv/msr_index.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/softirq.h>
#include <hv/time.h>
#include <hv/timer.h>
#include <hv/traps.h>

#define POLL_PERIOD SECONDS(5)
#define MAX_BANKS 32
#define MAX_INJECTED 16
#define FAMILY_P6 6
#define MODEL_NEHALEM 0x1a           /* before it, bank 0 belongs to the firmware */

_Static_assert(VIRQ_MCA == VIRQ_ARCH_0, "two names of one event");

unsigned int mce_banks;
static bool opt_mce = true;
bool_param("mce", opt_mce);

static uint64_t mcg_cap __ro_after_init;
static DEFINE_PER_CPU(struct timer, poll_timer);
/* What #MC has found, until the soft interrupt takes it; this CPU's own. */
static DEFINE_PER_CPU(struct mc_info, found);
static DEFINE_PER_CPU(bool, has_found);

/* Values set over registers for tests (XEN_MC_msrinject); each entry is used by its CPU only. */
struct injected { uint32_t msr; bool used; uint64_t value; };
static DEFINE_PER_CPU(struct injected, injected[MAX_INJECTED]);

/* --- registers --- */

static uint32_t bank_msr(unsigned int bank, unsigned int reg)
{
    return MSR_MC0_CTL + bank * MC_MSRS_PER_BANK + reg;
}
enum { REG_CTL, REG_STATUS, REG_ADDR, REG_MISC };

static struct injected *find_injected(uint32_t msr)
{
    for (unsigned int i = 0; i < MAX_INJECTED; i++)
        if (this_cpu(injected)[i].used && this_cpu(injected)[i].msr == msr)
            return &this_cpu(injected)[i];
    return NULL;
}

static uint64_t mc_read(uint32_t msr)
{
    const struct injected *in = find_injected(msr);
    uint64_t val = 0;

    if (in)
        return in->value;
    return rdmsr_safe(msr, &val) ? 0 : val;
}

static void mc_clear(uint32_t msr)
{
    struct injected *in = find_injected(msr);

    if (in)
        in->used = false;
    else
        (void)wrmsr_safe(msr, 0);
}

bool mce_is_bank_msr(uint32_t msr)
{
    return msr - MSR_MC0_CTL < mce_banks * MC_MSRS_PER_BANK || msr == MSR_MCG_STATUS;
}

int mce_inject_msr(uint32_t msr, uint64_t value, bool interpose)
{
    struct injected *in = find_injected(msr);

    if (!mce_is_bank_msr(msr))
        return -EINVAL;
    if (!interpose)
        return wrmsr_safe(msr, value) ? -EINVAL : 0;
    for (unsigned int i = 0; !in && i < MAX_INJECTED; i++)
        if (!this_cpu(injected)[i].used)
            in = &this_cpu(injected)[i];
    if (!in)
        return -ENOSPC;
    *in = (struct injected){ msr, true, value };
    return 0;
}

/* --- banks --- */

static bool read_bank(unsigned int bank, struct mce_bank *b)
{
    *b = (struct mce_bank){ .bank = bank, .status = mc_read(bank_msr(bank, REG_STATUS)) };
    if (!(b->status & MC_STATUS_VAL))
        return false;
    if (b->status & MC_STATUS_ADDRV)
        b->addr = mc_read(bank_msr(bank, REG_ADDR));
    if (b->status & MC_STATUS_MISCV)
        b->misc = mc_read(bank_msr(bank, REG_MISC));
    return true;
}

static void clear_bank(const struct mce_bank *b)
{
    if (b->status & MC_STATUS_ADDRV)
        mc_clear(bank_msr(b->bank, REG_ADDR));
    if (b->status & MC_STATUS_MISCV)
        mc_clear(bank_msr(b->bank, REG_MISC));
    mc_clear(bank_msr(b->bank, REG_STATUS)); /* last: from here on the next error can be noted */
}

static domid_t owner_of(const struct mce_bank *b)
{
    const struct page_info *pg = frame_of(b->addr >> PAGE_SHIFT);
    const struct domain *d = pg && b->status & MC_STATUS_ADDRV ? page_get_owner(pg) : NULL;

    return d ? d->domain_id : DOMID_INVALID;
}

static void start_record(struct mc_info *info, uint32_t flags, uint64_t gstatus)
{
    const struct vcpu *v = current;
    struct mcinfo_global g = {
        .common = { MC_TYPE_GLOBAL, sizeof(g) },
        .mc_domid = v && !v->is_idle ? v->domain->domain_id : DOMID_INVALID,
        .mc_vcpuid = v && !v->is_idle ? (uint16_t)v->vcpu_id : XEN_MC_VCPUID_INVALID,
        .mc_apicid = cpu_apicid[smp_processor_id()],
        .mc_flags = flags,
        .mc_gstatus = gstatus,
    };

    memset(info, 0, sizeof(*info));
    mc_info_add(info, &g, sizeof(g));
}

static void add_bank(struct mc_info *info, const struct mce_bank *b)
{
    struct mcinfo_bank e = {
        .common = { MC_TYPE_BANK, sizeof(e) },
        .mc_bank = (uint16_t)b->bank, .mc_domid = owner_of(b), .mc_status = b->status,
        .mc_addr = b->addr, .mc_misc = b->misc, .mc_tsc = rdtsc(),
    };

    mc_info_add(info, &e, sizeof(e));
}

static void say_bank(const char *level, unsigned int cpu, const struct mce_bank *b)
{
    static const char *const what[] = { "no", "corrected", "uncorrected, deferred",
                                        "uncorrected", "fatal" };
    enum mce_severity s = mce_severity_of(b->status, MCG_STATUS_RIPV, mcg_cap);
    char text[64];

    printk("%sMachine check: CPU %u bank %u: %s error, %s; status %#018lx", level, cpu, b->bank,
           what[s], mce_describe(b->status, text, sizeof(text)), b->status);
    if (b->status & MC_STATUS_ADDRV)
        printk(", address %#lx", b->addr);
    if (b->status & MC_STATUS_MISCV)
        printk(", misc %#lx", b->misc);
    if (owner_of(b) != DOMID_INVALID)
        printk(", memory of domain %u", owner_of(b));
    printk("\n");
}

/* --- found by looking --- */

static void poll_banks(uint32_t flags)
{
    unsigned int errors = 0;
    struct mc_info info;

    start_record(&info, flags, mc_read(MSR_MCG_STATUS));
    for (unsigned int bank = 0; bank < mce_banks; bank++) {
        struct mce_bank b;

        if (!read_bank(bank, &b))
            continue;
        add_bank(&info, &b);
        clear_bank(&b);
        say_bank(XENLOG_WARNING, smp_processor_id(), &b);
        errors++;
    }
    if (!errors)
        return;
    mce_keep(MCE_NONURGENT, &info);
    if (dom0)
        send_global_virq(VIRQ_MCA);
}

static void poll(void *unused)
{
    poll_banks(MC_FLAG_POLLED | MC_FLAG_CORRECTABLE);
    set_timer(&this_cpu(poll_timer), NOW() + POLL_PERIOD);
}

/* --- #MC --- */

/* The rest of a machine check that was survived. */
static void mce_softirq(void)
{
    const struct mcinfo_common *e;
    struct mc_info info;

    if (!this_cpu(has_found))
        return;
    info = this_cpu(found);
    barrier();
    this_cpu(has_found) = false; /* the next may write there */
    e = x86_mcinfo_first(&info);
    for (uint32_t i = 0; i < info.mi_nentries; i++, e = x86_mcinfo_next(e)) {
        const struct mcinfo_bank *b = (const void *)e;

        if (e->type == MC_TYPE_BANK)
            say_bank(XENLOG_ERR, smp_processor_id(),
                     &(struct mce_bank){ b->mc_bank, b->mc_status, b->mc_addr, b->mc_misc });
    }
    mce_keep(MCE_URGENT, &info);
    send_global_virq(VIRQ_MCA);
}

static void noreturn fatal(struct cpu_user_regs *regs, const struct mc_info *info, uint64_t gstatus)
{
    const struct mcinfo_common *e = x86_mcinfo_first(info);

    console_start_sync();
    for (uint32_t i = 0; i < info->mi_nentries; i++, e = x86_mcinfo_next(e)) {
        const struct mcinfo_bank *b = (const void *)e;

        if (e->type == MC_TYPE_BANK)
            say_bank(XENLOG_ERR, smp_processor_id(),
                     &(struct mce_bank){ b->mc_bank, b->mc_status, b->mc_addr, b->mc_misc });
    }
    show_registers(regs);
    panic("machine check on CPU %u (global status %#lx): hardware error; if it comes again replace "
          "what the lines above name", smp_processor_id(), gstatus);
}

/* Reads and clears all banks; the worst that they say. */
static enum mce_severity gather(struct mc_info *info, uint64_t gstatus)
{
    enum mce_severity worst = MCE_NONE;

    start_record(info, MC_FLAG_MCE | MC_FLAG_UNCORRECTABLE, gstatus);
    for (unsigned int bank = 0; bank < mce_banks; bank++) {
        enum mce_severity s;
        struct mce_bank b;

        if (!read_bank(bank, &b))
            continue;
        s = mce_severity_of(b.status, gstatus, mcg_cap);
        worst = MAX(worst, s);
        if (s == MCE_CORRECTED) /* left for poll() */
            continue;
        add_bank(info, &b);
        if (s != MCE_FATAL) /* a fatal one stays for the next boot's log */
            clear_bank(&b);
    }
    return worst;
}

void do_machine_check(struct cpu_user_regs *regs)
{
    uint64_t gstatus = mc_read(MSR_MCG_STATUS);
    bool in_guest = guest_mode(regs);
    enum mce_severity worst;
    struct mc_info info;

    worst = gather(&info, gstatus);
    if (worst == MCE_FATAL || !(gstatus & MCG_STATUS_RIPV) ||
        (worst == MCE_GUEST && (!in_guest || current->domain == dom0)))
        fatal(regs, &info, gstatus);
    /* In a guest this CPU holds no lock, so that it may print and send. */
    if (worst == MCE_GUEST)
        domain_crash(current->domain, "memory that it uses is lost (machine check)");
    if (!this_cpu(has_found) && worst > MCE_CORRECTED) {
        this_cpu(found) = info;
        barrier();
        this_cpu(has_found) = true;
    }
    raise_softirq(MCE_SOFTIRQ);
    if (in_guest)
        smp_send_event_check_cpu(smp_processor_id());
    mc_clear(MSR_MCG_STATUS);
}

/* --- set-up --- */

static void enable_banks(void)
{
    bool skip_first = boot_cpu.vendor == VENDOR_intel && boot_cpu.family == FAMILY_P6 &&
                      boot_cpu.model < MODEL_NEHALEM;

    if (mcg_cap & MCG_CAP_CTL)
        (void)wrmsr_safe(MSR_MCG_CTL, ~0UL);
    for (unsigned int bank = skip_first; bank < mce_banks; bank++)
        (void)wrmsr_safe(bank_msr(bank, REG_CTL), ~0UL);
}

void mce_init_cpu(void)
{
    if (!opt_mce || !cpu_has(X86_FEATURE_MCE) || !cpu_has(X86_FEATURE_MCA))
        return;
    if (!mce_banks) {
        mcg_cap = rdmsr(MSR_MCG_CAP);
        mce_banks = MIN((unsigned int)(mcg_cap & MCG_CAP_BANKS), (unsigned int)MAX_BANKS);
        open_softirq(MCE_SOFTIRQ, mce_softirq);
        printk(XENLOG_INFO "Machine checks: %u banks%s\n", mce_banks,
               mcg_cap & MCG_CAP_SER ? ", with recovery" : "");
    }
    if (!mce_banks)
        return;
    /* What was left from before the reset. */
    poll_banks(MC_FLAG_RESET);
    enable_banks();
    init_timer(&this_cpu(poll_timer), poll, NULL, smp_processor_id());
    set_timer(&this_cpu(poll_timer), NOW() + POLL_PERIOD);
}
