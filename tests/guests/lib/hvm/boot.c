/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * First C code of a hardware-assisted micro-guest. It makes a struct start_info of what a PVH guest
 * is told, so that the rest of the library need not know the difference.
 */
#include "hvm.h"
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/arch-x86/cpuid.h>

#define CALLBACK_VIA_VECTOR (2ULL << 56)
#define TSS_SIZE 104

struct start_info *start_info;
struct shared_info *shared_info;

static struct start_info made_start_info;
static uint8_t shared_info_place[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t stacks[MAX_VCPUS - 1][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
static uint64_t idt[256][2];
static uint8_t tss[MAX_VCPUS][TSS_SIZE] __attribute__((aligned(16)));
extern uint8_t boot_stack[], trampoline[], trampoline_end[];
extern uint64_t gdt_tss[], ap_stack;

void guest_start(uint32_t info);
void hvm_ap_main(void);
void trap_table_init(uint64_t (*table)[2]);

/* --- Xen's interface --- */

uint32_t hypervisor_base(void)
{
    uint32_t base, r[4];

    for (base = 0x40000000; base < 0x40010000; base += 0x100) {
        cpuid(base, 0, r);
        if (r[1] == XEN_CPUID_SIGNATURE_EBX && r[2] == XEN_CPUID_SIGNATURE_ECX)
            return base;
    }
    return 0;
}

static void init_hypercalls(void)
{
    uint32_t r[4];

    cpuid(hypervisor_base() + 2, 0, r);
    wrmsr(r[1], phys(hypercall_page));
}

long param_get(uint32_t index, uint64_t *val)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index };
    long error = hc_hvm_op(HVMOP_get_param, &p);

    if (!error)
        *val = p.value;
    return error;
}

long param_set(uint32_t index, uint64_t val)
{
    struct xen_hvm_param p = { .domid = DOMID_SELF, .index = index, .value = val };

    return hc_hvm_op(HVMOP_set_param, &p);
}

long add_to_physmap(unsigned int space, unsigned long idx, unsigned long gfn)
{
    struct xen_add_to_physmap add = { .domid = DOMID_SELF, .space = space, .idx = idx,
                                      .gpfn = gfn };

    return hc_memory_op(XENMEM_add_to_physmap, &add);
}

static void init_shared_info(void)
{
    add_to_physmap(XENMAPSPACE_shared_info, 0, phys(shared_info_place) / PAGE_SIZE);
    shared_info = (struct shared_info *)shared_info_place;
}

static void make_start_info(uint32_t from)
{
    const struct hvm_start_info *hvm = at_phys(from);
    const struct hvm_modlist_entry *module = at_phys(hvm->modlist_paddr);
    uint64_t pfn = 0, port = 0;

    start_info = &made_start_info;
    if (hvm->cmdline_paddr)
        memcpy(start_info->cmd_line, at_phys(hvm->cmdline_paddr), MAX_GUEST_CMDLINE - 1);
    if (hvm->nr_modules) {
        start_info->mod_start = (unsigned long)pfn_to_virt(0) + module->paddr;
        start_info->mod_len = module->size;
    }
    param_get(HVM_PARAM_CONSOLE_PFN, &pfn);
    param_get(HVM_PARAM_CONSOLE_EVTCHN, &port);
    start_info->console.domU.mfn = pfn;
    start_info->console.domU.evtchn = (uint32_t)port;
    start_info->nr_pages = (unsigned long)hc_memory_op(XENMEM_current_reservation,
                                                       &(domid_t){ DOMID_SELF });
}

/* --- descriptor tables --- */

static void load_tables(unsigned int id)
{
    struct { uint16_t limit; uint64_t base; } __attribute__((packed)) p = { sizeof(idt) - 1,
                                                                            (uint64_t)idt };
    uint64_t base = (uint64_t)tss[id], top;

    /* Traps of user mode come in on the stack of the vCPU, below what is in use. */
    asm volatile("mov %%rsp, %0" : "=r"(top));
    top = (top & ~15UL) - 4096;
    memcpy(tss[id] + 4, &top, sizeof(top));
    tss[id][102] = TSS_SIZE;
    gdt_tss[2 * id] = (TSS_SIZE - 1) | (base & 0xffffff) << 16 | 0x89ULL << 40 |
                      (base >> 24 & 0xff) << 56;
    gdt_tss[2 * id + 1] = base >> 32;
    asm volatile("lidt %0" : : "m"(p));
    asm volatile("ltr %w0" : : "r"(0x40 + 16 * id));
}

static void init_vcpu(struct vcpu *vcpu, unsigned int id)
{
    memset(vcpu, 0, sizeof(*vcpu));
    vcpu->id = id;
    vcpu->info = &shared_info->vcpu_info[id];
}

void guest_start(uint32_t info)
{
    init_hypercalls();
    init_shared_info();
    init_vcpu((struct vcpu *)boot_stack, 0);
    make_start_info(info);
    trap_table_init(idt);
    load_tables(0);
    mm_init();
    param_set(HVM_PARAM_CALLBACK_IRQ, CALLBACK_VIA_VECTOR | VEC_CALLBACK);
    event_init();
    interrupts_on();
    test_main();
    report_end();
}

/* --- further vCPUs --- */

#define TRAMPOLINE 0x8000UL
#define APIC_BASE 0xfee00000UL
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define ICR_INIT 0x4500
#define ICR_STARTUP 0x4600

static void (*volatile ap_fn)(void *);
static void *volatile ap_arg;

void hvm_ap_main(void)
{
    void (*fn)(void *) = ap_fn;
    void *arg = ap_arg;

    load_tables(this_vcpu()->id);
    write_once(ap_fn, NULL);
    fn(arg);
    for (;;)
        asm volatile("cli; hlt");
}

static void send_ipi(unsigned int id, uint32_t command)
{
    volatile uint32_t *apic = at_phys(APIC_BASE);

    apic[APIC_ICR_HIGH / 4] = id * 2 << 24;
    apic[APIC_ICR_LOW / 4] = command;
}

void ap_start(unsigned int id, void (*fn)(void *), void *arg)
{
    uint8_t *stack = stacks[id - 1];

    init_vcpu((struct vcpu *)stack, id);
    memcpy(at_phys(TRAMPOLINE), trampoline, (size_t)(trampoline_end - trampoline));
    ap_arg = arg;
    ap_fn = fn;
    ap_stack = (uint64_t)stack + STACK_SIZE;
    send_ipi(id, ICR_INIT);
    send_ipi(id, ICR_STARTUP | TRAMPOLINE >> 12);
}
