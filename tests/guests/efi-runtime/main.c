/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does domain 0 see UEFI firmware, and do its runtime services work from two vCPUs at once?
 *
 * The ABI: firmware_info tells version, vendor (as much as the buffer takes), configuration tables,
 * the kind of memory at an address (-ESRCH where the map has none); efi_runtime_call returns 0 when
 * the firmware was asked and its answer in `status`; bits of `misc` that mean nothing are -EINVAL,
 * unreadable memory -EFAULT, capsules and unknown functions -ENOSYS. The firmware may use the FPU:
 * neither the caller's registers nor its TS may show it. Answers are the UEFI specification's.
 */
#include <guest.h>

#define EFI_SUCCESS 0UL
#define EFI_ERROR (1UL << 63)
#define EFI_BUFFER_TOO_SMALL (EFI_ERROR | 5)
#define EFI_NOT_FOUND (EFI_ERROR | 14)
#define EFI_RUNTIME_DATA 6
#define EFI_MEMORY_RUNTIME (1UL << 63)
#define ATTRIBUTES 7u           /* kept, seen by boot and runtime services */
#define ROUNDS 20
#define BAD ((void *)0x1000)

struct config_table { struct xenpf_efi_guid guid; uint64_t table; };

static const struct xenpf_efi_guid ours = {
    0xb9a7ee81, 0x61c2, 0x4f32, { 1, 2, 3, 4, 5, 6, 7, 8 },
};
static const struct xenpf_efi_guid acpi20 = {
    0x8868e871, 0xe4f1, 0x11d3, { 0xbc, 0x22, 0x00, 0x80, 0xc7, 0x3c, 0x88, 0x81 },
};
/* A vCPU each. */
static struct xen_platform_op ops[2];
static uint16_t names[2][16];
static volatile bool go;
static volatile unsigned int rounds[2], wrong[2];

static struct xen_platform_op *fresh(unsigned int n, uint32_t cmd)
{
    memset(&ops[n], 0, sizeof(ops[n]));
    ops[n].cmd = cmd;
    ops[n].interface_version = XENPF_INTERFACE_VERSION;
    return &ops[n];
}

static union xenpf_efi_info *info(uint32_t index)
{
    struct xen_platform_op *op = fresh(0, XENPF_firmware_info);

    op->u.firmware_info.type = XEN_FW_EFI_INFO;
    op->u.firmware_info.index = index;
    return &op->u.firmware_info.u.efi_info;
}

static struct xenpf_efi_runtime_call *runtime(unsigned int n, uint32_t function)
{
    struct xen_platform_op *op = fresh(n, XENPF_efi_runtime_call);

    op->u.efi_runtime_call.function = function;
    return &op->u.efi_runtime_call;
}

#define CALL(n) hc_platform_op(&ops[n])

static void identity(void)
{
    union xenpf_efi_info *i = info(XEN_FW_EFI_VERSION);
    uint16_t vendor[64] = { };
    uint32_t version, length = 0;

    if (CALL(0) == -XEN_ENOSYS)
        report_skip("the firmware is not UEFI");
    version = i->version;
    check(version >= 2 << 16, "version 0x%x", version);
    i = info(XEN_FW_EFI_RT_VERSION);
    expect(CALL(0), 0);
    check(i->version >= 2 << 16, "version of the runtime services 0x%x", i->version);

    i = info(XEN_FW_EFI_VENDOR);
    i->vendor.bufsz = sizeof(vendor);
    set_xen_guest_handle(i->vendor.name, vendor);
    expect(CALL(0), 0);
    while (vendor[length])
        length++;
    check(length > 2 && length < 60, "vendor's name of %u characters", length);
    memset(vendor, 0xff, sizeof(vendor));
    i->vendor.bufsz = 4;
    expect(CALL(0), 0);
    check(vendor[1] != 0xffff && vendor[2] == 0xffff, "a buffer of two characters got more");
    set_xen_guest_handle(i->vendor.name, BAD);
    expect(CALL(0), -XEN_EFAULT);

    i = info(99);
    expect(CALL(0), -XEN_EINVAL);
    i = info(XEN_FW_EFI_PCI_ROM);
    i->pci_rom.bus = 200;
    expect(CALL(0), -XEN_ESRCH);
    i = info(XEN_FW_EFI_APPLE_PROPERTIES);
    expect(CALL(0), -XEN_ENODATA);
}

static void configuration(void)
{
    union xenpf_efi_info *i = info(XEN_FW_EFI_CONFIG_TABLE);
    const struct config_table *t;
    char *window = window_alloc(2);
    uint64_t addr;
    uint32_t nr, found = 0;

    expect(CALL(0), 0);
    addr = i->cfg.addr;
    nr = i->cfg.nent;
    check(nr > 2 && nr < 80, "%u configuration tables", nr);
    require(map_frame(window, addr >> PAGE_SHIFT, PTE_RO), 0);
    require(map_frame(window + PAGE_SIZE, (addr >> PAGE_SHIFT) + 1, PTE_RO), 0);
    t = (const void *)(window + (addr & ~PAGE_MASK));
    for (uint32_t n = 0; n < nr; n++)
        found += !memcmp(&t[n].guid, &acpi20, sizeof(acpi20));
    expect(found, 1);

    i = info(XEN_FW_EFI_MEM_INFO);
    i->mem.addr = addr;
    i->mem.size = ~0UL;
    expect(CALL(0), 0);
    expect(i->mem.type, EFI_RUNTIME_DATA);
    check(i->mem.attr & EFI_MEMORY_RUNTIME, "attributes 0x%lx of the tables' memory", i->mem.attr);
    check(i->mem.size && i->mem.size < 1UL << 32, "size 0x%lx", i->mem.size);
    i = info(XEN_FW_EFI_MEM_INFO);
    i->mem.addr = addr;
    i->mem.size = 16;
    expect(CALL(0), 0);
    expect(i->mem.size, 16);
    i = info(XEN_FW_EFI_MEM_INFO);
    i->mem.addr = 1UL << 51;
    i->mem.size = 16;
    expect(CALL(0), -XEN_ESRCH);
}

static void times(void)
{
    struct xenpf_efi_runtime_call *c = runtime(0, XEN_EFI_get_time);
    struct xenpf_efi_time now;

    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    now = c->u.get_time.time;
    check(now.year >= 2020 && now.year < 2100 && now.month >= 1 && now.month <= 12 &&
          now.day >= 1 && now.day <= 31 && now.hour < 24 && now.min < 60 && now.sec < 61,
          "the date is %u-%u-%u", now.year, now.month, now.day);
    c->misc = 8;
    expect(CALL(0), -XEN_EINVAL);
    c = runtime(0, XEN_EFI_set_time);
    c->u.set_time = now;
    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    c->u.set_time.month = 13;
    expect(CALL(0), 0);
    check(c->status & EFI_ERROR, "month 13 was accepted");
    c->misc = 1;
    expect(CALL(0), -XEN_EINVAL);
    c = runtime(0, XEN_EFI_get_wakeup_time);
    expect(CALL(0), 0);
    c->misc = 4;
    expect(CALL(0), -XEN_EINVAL);
    c = runtime(0, XEN_EFI_set_wakeup_time);
    c->misc = 4;
    expect(CALL(0), -XEN_EINVAL);
    c->misc = XEN_EFI_SET_WAKEUP_TIME_ENABLE_ONLY;
    expect(CALL(0), 0);
    expect(c->misc, 0);
}

static void counter(void)
{
    struct xenpf_efi_runtime_call *c = runtime(0, XEN_EFI_get_next_high_monotonic_count);
    uint32_t first;

    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    first = c->misc;
    c = runtime(0, XEN_EFI_get_next_high_monotonic_count);
    expect(CALL(0), 0);
    expect(c->misc, first + 1);
    expect(CALL(0), -XEN_EINVAL);
}

static struct xenpf_efi_runtime_call *variable(unsigned int n, uint32_t function, void *data,
                                               uint64_t size)
{
    struct xenpf_efi_runtime_call *c = runtime(n, function);

    set_xen_guest_handle(c->u.set_variable.name, names[n]);
    set_xen_guest_handle(c->u.set_variable.data, data);
    c->u.set_variable.size = size;
    c->u.set_variable.vendor_guid = ours;
    c->misc = function == XEN_EFI_set_variable ? ATTRIBUTES : 0;
    return c;
}

static void variables(void)
{
    struct xenpf_efi_runtime_call *c;
    char value[] = "kept by the firmware", got[64];

    c = variable(0, XEN_EFI_set_variable, value, sizeof(value));
    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    memset(got, 0, sizeof(got));
    c = variable(0, XEN_EFI_get_variable, got, sizeof(got));
    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    expect(c->u.get_variable.size, sizeof(value));
    expect(c->misc, ATTRIBUTES);
    check(!memcmp(got, value, sizeof(value)) && !got[sizeof(value)], "another value came back");

    memset(got, 0x55, sizeof(got));
    c = variable(0, XEN_EFI_get_variable, got, 4);
    expect(CALL(0), 0);
    expect(c->status, EFI_BUFFER_TOO_SMALL);
    expect(c->u.get_variable.size, sizeof(value));
    expect(got[0], 0x55);
    c = variable(0, XEN_EFI_get_variable, NULL, 0);
    expect(CALL(0), 0);
    expect(c->status, EFI_BUFFER_TOO_SMALL);
    c = variable(0, XEN_EFI_get_variable, BAD, sizeof(got));
    expect(CALL(0), -XEN_EFAULT);
    c = variable(0, XEN_EFI_get_variable, got, sizeof(got));
    c->misc = 1;
    expect(CALL(0), -XEN_EINVAL);
    c->misc = 0;
    set_xen_guest_handle(c->u.get_variable.name, BAD);
    expect(CALL(0), -XEN_EFAULT);
    c = variable(0, XEN_EFI_set_variable, BAD, 8);
    expect(CALL(0), -XEN_EFAULT);
    c = variable(0, XEN_EFI_set_variable, value, 1UL << 60);
    check(CALL(0) < 0, "a variable of 2^60 bytes");
    c = variable(0, XEN_EFI_get_variable, got, 1UL << 60);
    check(CALL(0) < 0, "a buffer of 2^60 bytes");
}

/* Ours is among the names, and the list has an end. */
static void next_names(void)
{
    struct xenpf_efi_runtime_call *c = runtime(0, XEN_EFI_get_next_variable_name);
    uint16_t name[256] = { };
    struct xenpf_efi_guid vendor = { };
    unsigned int nr = 0, found = 0;

    for (; nr < 500; nr++) {
        c = runtime(0, XEN_EFI_get_next_variable_name);
        c->u.get_next_variable_name.size = sizeof(name);
        c->u.get_next_variable_name.vendor_guid = vendor;
        set_xen_guest_handle(c->u.get_next_variable_name.name, name);
        if (!expect(CALL(0), 0) || c->status != EFI_SUCCESS)
            break;
        vendor = c->u.get_next_variable_name.vendor_guid;
        found += !memcmp(&vendor, &ours, sizeof(ours)) && name[0] == names[0][0];
    }
    expect(c->status, EFI_NOT_FOUND);
    check(nr > 3, "%u variables", nr);
    expect(found, 1);
    c->misc = 1;
    expect(CALL(0), -XEN_EINVAL);
    c = runtime(0, XEN_EFI_get_next_variable_name);
    c->u.get_next_variable_name.size = 64;
    set_xen_guest_handle(c->u.get_next_variable_name.name, BAD);
    expect(CALL(0), -XEN_EFAULT);
    c = runtime(0, XEN_EFI_get_next_variable_name);
    c->u.get_next_variable_name.size = 2;
    name[0] = 0;
    set_xen_guest_handle(c->u.get_next_variable_name.name, name);
    expect(CALL(0), 0);
    expect(c->status, EFI_BUFFER_TOO_SMALL);
    check(c->u.get_next_variable_name.size > 2, "size %lu",
          c->u.get_next_variable_name.size);
}

static void removal(void)
{
    char got[64];
    struct xenpf_efi_runtime_call *c = variable(0, XEN_EFI_set_variable, got, 0);

    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    c = variable(0, XEN_EFI_get_variable, got, sizeof(got));
    expect(CALL(0), 0);
    expect(c->status, EFI_NOT_FOUND);
}

static void store(void)
{
    struct xenpf_efi_runtime_call *c = runtime(0, XEN_EFI_query_variable_info);

    c->u.query_variable_info.attr = ATTRIBUTES;
    expect(CALL(0), 0);
    expect(c->status, EFI_SUCCESS);
    check(c->u.query_variable_info.max_store_size > 4096 &&
          c->u.query_variable_info.remain_store_size <= c->u.query_variable_info.max_store_size,
          "%lu of %lu bytes left", c->u.query_variable_info.remain_store_size,
          c->u.query_variable_info.max_store_size);
    c->misc = 2;
    expect(CALL(0), -XEN_EINVAL);
    c = runtime(0, XEN_EFI_query_variable_info);
    c->misc = XEN_EFI_VARINFO_BOOT_SNAPSHOT;
    expect(CALL(0), -XEN_EINVAL); /* for these attributes only */
    c->u.query_variable_info.attr = ATTRIBUTES;
    expect(CALL(0), 0);
}

static void refused(void)
{
    static const uint32_t functions[] = {
        0, XEN_EFI_query_capsule_capabilities, XEN_EFI_update_capsule, 12, 0x80000000,
    };
    struct xenpf_efi_runtime_call *c;

    for (unsigned int i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
        runtime(0, functions[i]);
        check(CALL(0) == -XEN_ENOSYS, "function %u is not refused", functions[i]);
    }
    c = runtime(0, XEN_EFI_update_capsule);
    c->misc = 1;
    expect(CALL(0), -XEN_EINVAL);
}

static void use_fpu(void *unused)
{
    (void)unused;
    asm volatile("fnop");
}

static void fpu(void)
{
    uint64_t xmm[2] = { };
    uint16_t control = 0x27f, seen = 0;
    uint32_t mxcsr = 0x9fc0, mxcsr_seen = 0;

    runtime(0, XEN_EFI_get_time);
    asm volatile("movq %0, %%xmm6" : : "r"(0x1234567890abcdefUL));
    asm volatile("movq %0, %%xmm15" : : "r"(0xfedcba0987654321UL));
    asm volatile("fldcw %0; ldmxcsr %1; fld1" : : "m"(control), "m"(mxcsr));
    expect(CALL(0), 0);
    asm volatile("movq %%xmm6, %0; movq %%xmm15, %1" : "=r"(xmm[0]), "=r"(xmm[1]));
    asm volatile("fnstcw %0; stmxcsr %1; fstp %%st(0)" : "=m"(seen), "=m"(mxcsr_seen));
    check(xmm[0] == 0x1234567890abcdef && xmm[1] == 0xfedcba0987654321, "SSE registers changed");
    check(seen == control, "x87 control word 0x%x", seen);
    check((mxcsr_seen & ~0x3fu) == (mxcsr & ~0x3fu), "MXCSR 0x%x", mxcsr_seen);
    asm volatile("fninit");

    expect(hc_fpu_taskswitch(1), 0);
    runtime(0, XEN_EFI_get_time);
    expect(CALL(0), 0);
    expect_trap(use_fpu, 0, VEC_NM, 0);
    expect(hc_fpu_taskswitch(0), 0);
}

/* Each vCPU has a variable of its own that only it writes. */
static void hammer(void *arg)
{
    unsigned int n = (unsigned int)(unsigned long)arg;

    while (!go)
        asm volatile("pause");
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t value = i << 8 | n, got = 0;
        struct xenpf_efi_runtime_call *c = variable(n, XEN_EFI_set_variable, &value, sizeof(value));

        wrong[n] += CALL(n) || c->status;
        c = variable(n, XEN_EFI_get_variable, &got, sizeof(got));
        wrong[n] += CALL(n) || c->status || got != value;
        runtime(n, XEN_EFI_get_time);
        wrong[n] += CALL(n) != 0;
        rounds[n]++;
    }
}

static void two_at_once(void)
{
    vcpu_need(2);
    require(vcpu_start(1, hammer, (void *)1), 0);
    go = true;
    hammer((void *)0);
    for (unsigned int i = 0; rounds[1] < ROUNDS && i < 1000; i++)
        hc_sched_op(SCHEDOP_yield, NULL);
    check(vcpu_wait_down(1), "vCPU 1 does not end");
    check(rounds[1] == ROUNDS, "vCPU 1 made %u rounds", rounds[1]);
    check(!wrong[0] && !wrong[1], "%u and %u wrong answers", wrong[0], wrong[1]);
}

void test_main(void)
{
    static const char name[] = "Variable";

    for (unsigned int n = 0; n < 2; n++)
        for (unsigned int i = 0; i < sizeof(name); i++)
            names[n][i] = (uint16_t)(i ? (unsigned int)name[i] : 'A' + n);
    identity();
    configuration();
    times();
    counter();
    variables();
    next_names();
    removal();
    store();
    refused();
    fpu();
    two_at_once();
}
