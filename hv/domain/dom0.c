/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Domain 0, the core's half: how much memory and how many vCPUs it gets, unpacking its kernel,
 * permissions; then the back end builds it.
 */
#include <hv/cpumask.h>
#include <hv/dom0.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/event.h>
#include <hv/iocap.h>
#include <hv/lib.h>
#include <hv/loader.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/sched.h>
#include <hv/smp.h>

#define MIB (1UL << 20)
/* Scratch memory of the decoders: LZMA takes a dictionary of up to 32 MiB at once. On a machine
   that has not so much left most formats still do with less. */
#define ARENA_MAX_PAGES ((64 * MIB) >> PAGE_SHIFT)
#define ARENA_MIN_PAGES ((4 * MIB) >> PAGE_SHIFT)
#define RESERVE_MAX (128 * MIB)
#define RESERVE_SHARE 16
#define USED_MODULES 2u /* kernel, initrd */

/* A size on the command line: below 0 means all free memory but that much. */
struct mem_opt { uint64_t bytes; bool negative, given; };
static struct mem_opt mem_size, mem_min, mem_max;
static uint64_t opt_max_vcpus;
uint_param("dom0_max_vcpus", opt_max_vcpus);
static bool opt_vcpus_pin;
bool_param("dom0_vcpus_pin", opt_vcpus_pin);

static int parse_one_mem(const char *s, const char **end)
{
    struct mem_opt *o = &mem_size;

    if (!strncmp(s, "min:", 4)) {
        o = &mem_min;
        s += 4;
    } else if (!strncmp(s, "max:", 4)) {
        o = &mem_max;
        s += 4;
    }
    o->negative = *s == '-';
    s += o->negative;
    if (!isdigit(*s))
        return -EINVAL;
    o->bytes = parse_size(s, end);
    o->given = true;
    return 0;
}

/* dom0_mem=[SIZE][,min:SIZE][,max:SIZE] */
static int parse_dom0_mem(const char *s)
{
    do {
        if (parse_one_mem(s, &s))
            return -EINVAL;
    } while (*s == ',' && s++);
    return *s ? -EINVAL : 0;
}
custom_param("dom0_mem", parse_dom0_mem);

static unsigned long resolve(const struct mem_opt *o, unsigned long avail, unsigned long dflt)
{
    unsigned long pages = o->bytes >> PAGE_SHIFT;

    if (!o->given)
        return dflt;
    if (!o->negative)
        return pages;
    return pages < avail ? avail - pages : 0;
}

static unsigned long module_pages(const struct boot_module *m)
{
    return DIV_ROUND_UP(m->start + m->size, PAGE_SIZE) - paddr_to_pfn(m->start);
}

/* Pages for now; *max is the ceiling it may balloon to. Modules are freed while it gets them. */
static unsigned long compute_pages(unsigned long *max)
{
    unsigned long avail = free_pages_total(), reserve, all, pages;

    for (unsigned int i = 0; i < MIN(boot_info.nr_modules, USED_MODULES); i++)
        avail += module_pages(&boot_info.modules[i]);
    reserve = MIN(avail / RESERVE_SHARE, RESERVE_MAX >> PAGE_SHIFT);
    all = avail - reserve;
    pages = resolve(&mem_size, avail, all);
    *max = resolve(&mem_max, avail, ~0UL);
    pages = MIN(pages, *max);
    pages = MAX(pages, MIN(resolve(&mem_min, avail, 0), all));
    if (pages > all) {
        printk(XENLOG_WARNING "dom0_mem= asks for %lu MiB, %lu MiB can be had\n", pages >> 8,
               all >> 8);
        pages = all;
    }
    return pages;
}

/* --- kernel image --- */

static void *unpacked;
static unsigned long unpacked_pages;

static void drop_unpacked(void)
{
    vfree(unpacked, unpacked_pages);
    unpacked = NULL;
}

static void *alloc_arena(unsigned long *pages)
{
    for (*pages = ARENA_MAX_PAGES; *pages >= ARENA_MIN_PAGES; *pages /= 2) {
        void *arena = vmalloc(*pages);

        if (arena)
            return arena;
    }
    return NULL;
}

/* Runs the decoder with the FPU its own and interrupts off: nothing else uses either at this point
 * of the boot. */
static int run_unpack(const void *data, size_t size, size_t out_size, size_t *got, const char **why)
{
    unsigned long flags, pages;
    void *arena = alloc_arena(&pages);
    int rc;

    *why = "no memory to unpack it";
    if (!arena)
        return -ENOMEM;
    unpack_arena(arena, pages << PAGE_SHIFT);
    flags = local_irq_save();
    rc = unpack(data, size, unpacked, out_size, got, why);
    local_irq_restore(flags);
    vfree(arena, pages);
    return rc;
}

static int unpack_kernel(struct dom0_images *img, const void *payload, size_t size,
                         const char **why)
{
    size_t out_size = unpack_size(payload, size), got;
    int rc;

    *why = "its payload does not say how long it is unpacked";
    if (!out_size || out_size > 1024 * MIB)
        return -EINVAL;
    unpacked_pages = DIV_ROUND_UP(out_size, PAGE_SIZE);
    unpacked = vmalloc(unpacked_pages);
    *why = "no memory for what it unpacks to";
    if (!unpacked)
        return -ENOMEM;
    rc = run_unpack(payload, size, out_size, &got, why);
    if (rc)
        return rc;
    img->kernel = unpacked;
    img->kernel_size = got;
    return 0;
}

static void prepare_kernel(struct dom0_images *img, const struct boot_module *m)
{
    const void *payload;
    const char *why = "";
    size_t size;
    int rc = bzimage_payload(maddr_to_virt(m->start), m->size, &payload, &size, &why);

    if (!rc) {
        img->kernel = payload;
        img->kernel_size = size;
        if (unpack_detect(payload, size) != UNPACK_none)
            rc = unpack_kernel(img, payload, size, &why);
    }
    if (rc)
        panic("domain 0's kernel (first module, %lu bytes) can't be used: %s (error %d); check the "
              "file after multiboot2's first module2 line", m->size, why, -rc);
}

/* --- domain --- */

static unsigned int nr_dom0_vcpus(void)
{
    unsigned int online = cpumask_weight(&cpu_online_map);
    uint64_t n = opt_max_vcpus ? opt_max_vcpus : online;

    return (unsigned int)MIN(n, (uint64_t)MAX_VIRT_CPUS);
}

static struct domain *create(unsigned int vcpus)
{
    struct xen_domctl_createdomain cfg = {
        .max_vcpus = vcpus, .max_evtchn_port = -1, .max_grant_frames = -1,
        .max_maptrack_frames = -1, .grant_opts = XEN_DOMCTL_GRANT_version(1),
    };
    struct domain *d;
    int err = 0;

    d = domain_create(0, &cfg, true, &err);
    if (!d)
        panic("domain 0 can't be created: error %d", -err);
    if (dom0_setup_permissions(d))
        panic("domain 0's permissions can't be set up: no memory");
    return d;
}

static void create_vcpus(struct domain *d, unsigned int nr)
{
    unsigned int cpu = 0;

    for (unsigned int i = 0; i < nr; i++) {
        struct vcpu *v = vcpu_create(d, i);

        if (!v)
            panic("domain 0's vCPU %u can't be created: no memory", i);
        if (opt_vcpus_pin) {
            cpumask_t only;

            cpumask_only(cpu, &only);
            vcpu_set_hard_affinity(v, &only);
            cpu = cpumask_cycle(cpu, &cpu_online_map);
        }
    }
    domain_update_nodes(d);
}

/* The text of its command line lies elsewhere and stays. */
static void free_module(unsigned int i)
{
    static bool freed[ARRAY_SIZE(boot_info.modules)];
    const struct boot_module *m = &boot_info.modules[i];

    for (unsigned long n = freed[i] ? 0 : module_pages(m); n; n--)
        free_xen_pages(mfn_to_page(paddr_to_pfn(m->start) + n - 1), 0);
    freed[i] = true;
}

static void drop_kernel(void)
{
    drop_unpacked();
    free_module(0);
}

static void drop_initrd(void)
{
    free_module(1);
}

static void free_modules(void)
{
    for (unsigned int i = 0; i < boot_info.nr_modules; i++)
        free_module(i);
    boot_info.nr_modules = 0;
}

void dom0_create(void)
{
    struct dom0_images img = {
        .initrd = boot_info.nr_modules > 1 ? &boot_info.modules[1] : NULL,
        .drop_kernel = drop_kernel,
        .drop_initrd = drop_initrd,
    };
    unsigned int vcpus = nr_dom0_vcpus();
    unsigned long max;
    const char *why = "";
    int rc;

    if (!boot_info.nr_modules)
        panic("no module for domain 0's kernel: add a module2 line with it to the boot loader's "
              "entry");
    img.cmdline = boot_info.modules[0].cmdline;
    img.nr_pages = compute_pages(&max);
    prepare_kernel(&img, &boot_info.modules[0]);
    dom0 = create(vcpus);
    dom0->max_pages = MIN(max, (unsigned long)UINT32_MAX);
    create_vcpus(dom0, vcpus);
    rc = pv_dom0_build(dom0, &img, &why);
    if (rc)
        panic("domain 0 can't be built: %s (error %d)", why, -rc);
    free_modules();
    printk(XENLOG_INFO "domain 0: %lu MiB, %u vCPUs\n", dom0->tot_pages >> 8, vcpus);
}
