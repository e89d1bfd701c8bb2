/* SPDX-License-Identifier: BSD-2-Clause */
/* Wall clock: UTC at system time 0, from the real-time clock until dom0 sets it, and each domain's
   copy of it. */
#include <hv/domain.h>
#include <hv/efi.h>
#include <hv/printk.h>
#include <hv/spinlock.h>
#include "time_priv.h"

static DEFINE_SPINLOCK(wallclock_lock, LOCK_LEAF);
static uint64_t wc_sec;     /* (wallclock_lock) */
static uint32_t wc_nsec;

void get_wallclock(uint64_t *secs, uint32_t *nsecs)
{
    unsigned long flags;

    spin_lock_irqsave(&wallclock_lock, flags);
    *secs = wc_sec;
    *nsecs = wc_nsec;
    spin_unlock_irqrestore(&wallclock_lock, flags);
}

void update_domain_wallclock(struct domain *d)
{
    struct shared_info *s = d->shared_info;
    unsigned long flags;
    uint64_t sec;
    uint32_t version;

    if (!s)
        return;
    spin_lock_irqsave(&wallclock_lock, flags);
    sec = wc_sec + (uint64_t)d->time_offset_seconds;
    /* Readers retry while the version is odd or has changed. */
    version = READ_ONCE(s->wc_version) | 1;
    WRITE_ONCE(s->wc_version, version);
    smp_wmb();
    WRITE_ONCE(s->wc_sec, (uint32_t)sec);
    WRITE_ONCE(s->wc_nsec, wc_nsec);
    WRITE_ONCE(s->wc_sec_hi, (uint32_t)(sec >> 32));
    smp_wmb();
    WRITE_ONCE(s->wc_version, version + 1);
    spin_unlock_irqrestore(&wallclock_lock, flags);
}

static void set_base(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    uint64_t st_sec = system_time / NSEC_PER_SEC;
    uint32_t st_nsec = (uint32_t)(system_time % NSEC_PER_SEC);
    unsigned long flags;

    if (nsecs < st_nsec) {
        nsecs += NSEC_PER_SEC;
        secs--;
    }
    spin_lock_irqsave(&wallclock_lock, flags);
    wc_sec = secs - st_sec;
    wc_nsec = nsecs - st_nsec;
    spin_unlock_irqrestore(&wallclock_lock, flags);
}

void set_wallclock(uint64_t secs, uint32_t nsecs, uint64_t system_time)
{
    struct domain *d;

    set_base(secs, nsecs, system_time);
    spin_lock(&domlist_lock);
    list_for_each(d, &domain_list, list)
        update_domain_wallclock(d);
    spin_unlock(&domlist_lock);
}

void wallclock_init(void)
{
    struct tm_utc tm;

    if (!rtc_read(&tm) && !efi_read_time(&tm)) {
        printk(
            XENLOG_WARNING
            "Real-time clock: no valid date; wall clock starts at 1970. Set the clock in dom0\n");
        tm = (struct tm_utc){ .year = 1970, .mon = 1, .mday = 1 };
    }
    set_base((uint64_t)utc_to_seconds(&tm), 0, (uint64_t)NOW());
    printk(XENLOG_INFO "Wall clock: %04d-%02d-%02d %02d:%02d:%02d UTC\n", tm.year, tm.mon, tm.mday,
           tm.hour, tm.min, tm.sec);
}
