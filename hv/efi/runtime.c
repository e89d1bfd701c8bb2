/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The runtime services: called one at a time, with interrupts on, on a root table of their own that
 * maps what they use at its machine addresses beside the hypervisor's slots of the root in use.
 * The firmware may use the FPU: the running vCPU's state is put aside. A guest's request is read
 * and checked first; the firmware sees copies only.
 *
 * Longest path: one call into the firmware, whose length nobody bounds (writing flash takes
 * milliseconds), and copies of up to DATA_MAX bytes.
 */
#include <hv/current.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/flush.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/spinlock.h>
#include <hv/time.h>
#include <hv/uaccess.h>
#include <hv/xstate.h>
#include "efi_priv.h"

#define NAME_MAX 2048           /* bytes of a variable's name with its end */
#define DATA_MAX (1UL << 20)    /* bytes of a variable, and of a name where the caller tells */
#define STORE_ATTRIBUTES (EFI_VARIABLE_NON_VOLATILE | EFI_VARIABLE_BOOT_ACCESS |                   \
                          EFI_VARIABLE_RUNTIME_ACCESS)

static bool use_runtime = true, map_unspecified;

/* efi=[no-]rs | rs=BOOL | attr=no|uc, ... */
static int parse_word(const char *s, size_t n)
{
    static const struct { const char *word; bool *var; bool value; } words[] = {
        { "rs", &use_runtime, true }, { "no-rs", &use_runtime, false },
        { "rs=1", &use_runtime, true }, { "rs=on", &use_runtime, true },
        { "rs=true", &use_runtime, true }, { "rs=yes", &use_runtime, true },
        { "rs=0", &use_runtime, false }, { "rs=off", &use_runtime, false },
        { "rs=false", &use_runtime, false }, { "rs=no", &use_runtime, false },
        { "attr=uc", &map_unspecified, true }, { "attr=no", &map_unspecified, false },
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(words); i++)
        if (strlen(words[i].word) == n && !strncmp(words[i].word, s, n)) {
            *words[i].var = words[i].value;
            return 0;
        }
    return -EINVAL;
}

static int parse_efi(const char *s)
{
    while (*s) {
        const char *comma = strchr(s, ',');
        size_t n = comma ? (size_t)(comma - s) : strlen(s);

        if (parse_word(s, n))
            return -EINVAL;
        s += n + (comma != NULL);
    }
    return 0;
}
custom_param("efi", parse_efi);

static pte_t *efi_root __ro_after_init;
/* The firmware's table, at its machine address: to be read on efi_root only. NULL = not usable. */
static const struct efi_runtime_services *services __ro_after_init;
static uint32_t revision __ro_after_init;
static struct { efi_status_t status; uint64_t max_store, remaining, max_size; } store_at_boot;

static DEFINE_SPINLOCK(efi_lock, LOCK_FIRMWARE);

/* --- Into the firmware and back --- */

struct efi_frame { unsigned long cr3; struct vcpu *fpu_owner; bool ts; };

static void save_fpu(struct efi_frame *f)
{
    static const uint32_t mxcsr = EFI_MXCSR;
    unsigned long flags = local_irq_save();

    f->ts = read_cr0() & X86_CR0_TS;
    clts();
    f->fpu_owner = current && !current->is_idle ? current : NULL;
    if (f->fpu_owner)
        xstate_save(f->fpu_owner);
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
    local_irq_restore(flags);
}

static void restore_fpu(const struct efi_frame *f)
{
    unsigned long flags = local_irq_save();

    if (f->fpu_owner)
        xstate_restore(f->fpu_owner);
    if (f->ts)
        stts();
    local_irq_restore(flags);
}

/* The hypervisor's slots differ from root to root: the running domain's GDT is in one of them. */
static void enter_root(struct efi_frame *f)
{
    f->cr3 = read_cr3();
    memcpy(&efi_root[HV_FIRST_SLOT],
           (const pte_t *)maddr_to_virt(f->cr3 & PTE_ADDR_MASK) + HV_FIRST_SLOT,
           (HV_LAST_SLOT - HV_FIRST_SLOT + 1) * sizeof(pte_t));
    load_root(virt_to_maddr(efi_root));
}

static struct efi_frame efi_enter(void)
{
    struct efi_frame f;

    save_fpu(&f);
    spin_lock(&efi_lock);
    enter_root(&f);
    return f;
}

static void efi_leave(const struct efi_frame *f)
{
    load_root(f->cr3);
    spin_unlock(&efi_lock);
    restore_fpu(f);
}

/* One call on the firmware's terms; value of the expression: its status. */
#define EFI_CALL(fn, ...)                                                                          \
    ({ struct efi_frame f_ = efi_enter();                                                          \
       efi_status_t status_ = services->fn(__VA_ARGS__);                                           \
       efi_leave(&f_);                                                                             \
       status_; })

/* --- Start --- */

static bool __init read_header(paddr_t at)
{
    const struct efi_header *h = at ? ioremap(at, sizeof(struct efi_runtime_services)) : NULL;
    bool good;

    if (!h)
        return false;
    good = h->signature == EFI_RUNTIME_SIGNATURE && h->size >= sizeof(*services);
    revision = h->revision;
    iounmap((void *)h, sizeof(struct efi_runtime_services));
    return good;
}

static void __init ask_store(void)
{
    store_at_boot.status = EFI_NOT_STARTED;
    if (revision >= EFI_REVISION_2)
        store_at_boot.status =
            EFI_CALL(query_variable_info, STORE_ATTRIBUTES, &store_at_boot.max_store,
                     &store_at_boot.remaining, &store_at_boot.max_size);
}

void __init efi_runtime_init(paddr_t at)
{
    const char *why = NULL;

    if (!use_runtime)
        why = "switched off by efi=no-rs";
    else if (!read_header(at))
        why = "their table is damaged";
    else if (!(efi_root = alloc_xen_page()) || efi_map_runtime(efi_root, map_unspecified))
        why = "no memory for page tables";
    if (why) {
        printk(XENLOG_WARNING "EFI: runtime services are not used: %s. Domain 0 sees no firmware "
               "variables\n", why);
        return;
    }
    services = (const struct efi_runtime_services *)at;
    ask_store();
}

bool efi_runtime_usable(void)
{
    return services != NULL;
}

uint32_t efi_runtime_revision(void)
{
    return services ? revision : 0;
}

/* --- For the hypervisor itself --- */

bool efi_read_time(struct tm_utc *tm)
{
    struct efi_time t;

    if (!services || EFI_CALL(get_time, &t, NULL) & EFI_ERROR_BIT)
        return false;
    *tm = (struct tm_utc){ t.second, t.minute, t.hour, t.day, t.month, t.year };
    return t.month >= 1 && t.month <= 12 && t.day >= 1;
}

/* The lock may be held by a CPU that was stopped inside of the firmware. */
static void end_machine(enum efi_reset kind)
{
    struct efi_frame f;

    if (!services)
        return;
    clts();
    enter_root(&f);
    services->reset(kind, 0, 0, NULL);
    load_root(f.cr3);
}

void efi_reset(bool warm)
{
    end_machine(warm ? EFI_RESET_WARM : EFI_RESET_COLD);
}

void efi_power_off(void)
{
    end_machine(EFI_RESET_SHUTDOWN);
}

/* --- For domain 0 --- */

/* A copy of the string, to be freed, with its end. */
static int copy_name(const void *from, efi_char_t **name)
{
    efi_char_t *s = xmalloc(NAME_MAX);

    if (!s)
        return -ENOMEM;
    for (size_t i = 0; i < NAME_MAX / sizeof(*s); i++) {
        if (copy_from_guest(&s[i], (const efi_char_t *)from + i, sizeof(*s))) {
            xfree(s);
            return -EFAULT;
        }
        if (!s[i]) {
            *name = s;
            return 0;
        }
    }
    xfree(s);
    return -ENAMETOOLONG;
}

/* Room for a caller's data; never of no bytes, so that NULL means no memory. */
static void *data_buffer(uint64_t size)
{
    return size <= DATA_MAX ? xzalloc(MAX(size, 1UL)) : NULL;
}

static int call_get_time(struct xenpf_efi_runtime_call *op)
{
    struct efi_time_caps caps = { };

    if (op->misc)
        return -EINVAL;
    op->status = EFI_CALL(get_time, (struct efi_time *)&op->u.get_time.time, &caps);
    if (op->status & EFI_ERROR_BIT)
        return 0;
    op->u.get_time.resolution = caps.resolution;
    op->u.get_time.accuracy = caps.accuracy;
    op->misc = caps.sets_to_zero ? XEN_EFI_GET_TIME_SET_CLEARS_NS : 0;
    return 0;
}

static int call_set_time(struct xenpf_efi_runtime_call *op)
{
    if (op->misc)
        return -EINVAL;
    op->status = EFI_CALL(set_time, (struct efi_time *)&op->u.set_time);
    return 0;
}

static int call_get_wakeup(struct xenpf_efi_runtime_call *op)
{
    efi_bool_t on = 0, pending = 0;

    if (op->misc)
        return -EINVAL;
    op->status = EFI_CALL(get_wakeup, &on, &pending, (struct efi_time *)&op->u.get_wakeup_time);
    if (!(op->status & EFI_ERROR_BIT))
        op->misc = (on ? XEN_EFI_GET_WAKEUP_TIME_ENABLED : 0) |
                   (pending ? XEN_EFI_GET_WAKEUP_TIME_PENDING : 0);
    return 0;
}

static int call_set_wakeup(struct xenpf_efi_runtime_call *op)
{
    bool on = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE;
    bool keep_time = op->misc & XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;

    if (op->misc & ~(XEN_EFI_SET_WAKEUP_TIME_ENABLE | XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY))
        return -EINVAL;
    op->status = EFI_CALL(set_wakeup, on,
                          keep_time ? NULL : (struct efi_time *)&op->u.set_wakeup_time);
    op->misc = 0;
    return 0;
}

static int call_get_high_count(struct xenpf_efi_runtime_call *op)
{
    if (op->misc)
        return -EINVAL;
    op->status = EFI_CALL(get_high_count, &op->misc);
    return 0;
}

static int call_get_variable(struct xenpf_efi_runtime_call *op)
{
    uint64_t room = op->u.get_variable.size, size = room;
    efi_char_t *name;
    void *data;
    int rc;

    if (op->misc)
        return -EINVAL;
    rc = copy_name(op->u.get_variable.name.p, &name);
    if (rc)
        return rc;
    data = data_buffer(room);
    if (data) {
        op->status = EFI_CALL(get_variable, name, &op->u.get_variable.vendor_guid, &op->misc,
                              &size, room ? data : NULL);
        if (!(op->status & EFI_ERROR_BIT))
            rc = copy_to_guest(op->u.get_variable.data.p, data, MIN(size, room));
        op->u.get_variable.size = size;
    } else {
        rc = -ENOMEM;
    }
    xfree(data);
    xfree(name);
    return rc;
}

static int call_set_variable(struct xenpf_efi_runtime_call *op)
{
    uint64_t size = op->u.set_variable.size;
    efi_char_t *name;
    void *data;
    int rc = copy_name(op->u.set_variable.name.p, &name);

    if (rc)
        return rc;
    data = data_buffer(size);
    rc = data ? copy_from_guest(data, op->u.set_variable.data.p, size) : -ENOMEM;
    if (!rc)
        op->status = EFI_CALL(set_variable, name, &op->u.set_variable.vendor_guid, op->misc, size,
                              data);
    xfree(data);
    xfree(name);
    return rc;
}

static int call_next_variable(struct xenpf_efi_runtime_call *op)
{
    uint64_t room = op->u.get_next_variable_name.size, size = room;
    void *name;
    int rc;

    if (op->misc)
        return -EINVAL;
    name = data_buffer(room);
    if (!name)
        return -ENOMEM;
    rc = copy_from_guest(name, op->u.get_next_variable_name.name.p, room);
    if (!rc) {
        op->status = EFI_CALL(get_next_variable, &size, name,
                              &op->u.get_next_variable_name.vendor_guid);
        /* All of it: some firmware says less than it wrote. */
        if (!(op->status & EFI_ERROR_BIT))
            rc = copy_to_guest(op->u.get_next_variable_name.name.p, name, room);
        op->u.get_next_variable_name.size = size;
    }
    xfree(name);
    return rc;
}

static int call_query_variables(struct xenpf_efi_runtime_call *op)
{
    uint64_t max_store = 0, remaining = 0, max_size = 0;

    if (op->misc & ~XEN_EFI_VARINFO_BOOT_SNAPSHOT)
        return -EINVAL;
    if (op->misc) {
        if ((op->u.query_variable_info.attr & ~EFI_VARIABLE_APPEND_WRITE) != STORE_ATTRIBUTES)
            return -EINVAL;
        max_store = store_at_boot.max_store;
        remaining = store_at_boot.remaining;
        max_size = store_at_boot.max_size;
        op->status = store_at_boot.status;
    } else {
        if (revision < EFI_REVISION_2)
            return -EOPNOTSUPP;
        op->status = EFI_CALL(query_variable_info, op->u.query_variable_info.attr, &max_store,
                              &remaining, &max_size);
    }
    op->u.query_variable_info.max_store_size = max_store;
    op->u.query_variable_info.remain_store_size = remaining;
    op->u.query_variable_info.max_size = max_size;
    return 0;
}

/* Capsules name memory that only the hypervisor could vouch for; Xen 4.17 refuses them too. */
static int call_capsule(struct xenpf_efi_runtime_call *op)
{
    if (op->misc)
        return -EINVAL;
    return revision < EFI_REVISION_2 ? -EOPNOTSUPP : -ENOSYS;
}

static int (*const calls[])(struct xenpf_efi_runtime_call *op) = {
    [XEN_EFI_get_time] = call_get_time,
    [XEN_EFI_set_time] = call_set_time,
    [XEN_EFI_get_wakeup_time] = call_get_wakeup,
    [XEN_EFI_set_wakeup_time] = call_set_wakeup,
    [XEN_EFI_get_next_high_monotonic_count] = call_get_high_count,
    [XEN_EFI_get_variable] = call_get_variable,
    [XEN_EFI_set_variable] = call_set_variable,
    [XEN_EFI_get_next_variable_name] = call_next_variable,
    [XEN_EFI_query_variable_info] = call_query_variables,
    [XEN_EFI_query_capsule_capabilities] = call_capsule,
    [XEN_EFI_update_capsule] = call_capsule,
};

int efi_runtime_call(struct xenpf_efi_runtime_call *op)
{
    union xenpf_efi_info unused;

    if (efi_get_info(XEN_FW_EFI_VERSION, &unused))
        return -ENOSYS;
    if (!services)
        return -EOPNOTSUPP;
    if (op->function >= ARRAY_SIZE(calls) || !calls[op->function])
        return -ENOSYS;
    return calls[op->function](op);
}
