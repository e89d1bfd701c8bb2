/* SPDX-License-Identifier: BSD-2-Clause */
/* First C code of the guest, and further vCPUs. */
#include "guest.h"

struct start_info *start_info;
struct shared_info *shared_info;

static uint8_t shared_info_place[PAGE_SIZE] __attribute__((aligned(4096)));
static uint8_t stacks[MAX_VCPUS - 1][STACK_SIZE] __attribute__((aligned(STACK_SIZE)));
extern uint8_t boot_stack[];
extern char vcpu_entry[];

void guest_start(struct start_info *info);
void vcpu_main(void (*fn)(void *), void *arg);

static void init_vcpu(struct vcpu *vcpu, unsigned int id)
{
    memset(vcpu, 0, sizeof(*vcpu));
    vcpu->id = id;
    vcpu->info = &shared_info->vcpu_info[id];
}

void guest_start(struct start_info *info)
{
    start_info = info;
    hc_update_va_mapping(shared_info_place, info->shared_info | PTE_RW, UVMF_INVLPG);
    shared_info = (struct shared_info *)shared_info_place;
    init_vcpu((struct vcpu *)boot_stack, 0);
    trap_init();
    mm_init();
    event_init();
    test_main();
    report_end();
}

void vcpu_main(void (*fn)(void *), void *arg)
{
    fn(arg);
    hc_vcpu_op(VCPUOP_down, this_vcpu()->id, NULL);
    report_error("vCPU %u came back from VCPUOP_down", this_vcpu()->id);
}

void vcpu_context(unsigned int id, void (*fn)(void *), void *arg, struct vcpu_guest_context *ctx)
{
    const struct trap_info *trap = trap_default_table();
    uint8_t *stack = stacks[id - 1];

    init_vcpu((struct vcpu *)stack, id);
    memset(ctx, 0, sizeof(*ctx));
    ctx->flags = VGCF_in_kernel;
    for (; trap->address; trap++)
        ctx->trap_ctxt[trap->vector] = *trap;
    ctx->user_regs.rip = (unsigned long)vcpu_entry;
    ctx->user_regs.rsp = (unsigned long)stack + STACK_SIZE;
    ctx->user_regs.rdi = (unsigned long)fn;
    ctx->user_regs.rsi = (unsigned long)arg;
    ctx->user_regs.cs = FLAT_KERNEL_CS;
    ctx->user_regs.ss = FLAT_KERNEL_SS;
    ctx->user_regs.rflags = RFLAGS_FIXED | RFLAGS_IF;
    ctx->kernel_ss = FLAT_KERNEL_SS;
    ctx->kernel_sp = (unsigned long)stack + STACK_SIZE;
    ctx->ctrlreg[3] = xen_pfn_to_cr3(mm_root_mfn());
    ctx->event_callback_eip = (unsigned long)event_stub;
    ctx->failsafe_callback_eip = (unsigned long)failsafe_stub;
    ctx->syscall_callback_eip = (unsigned long)syscall_stub;
}

long vcpu_start(unsigned int id, void (*fn)(void *), void *arg)
{
    static struct vcpu_guest_context ctx;
    long error;

    vcpu_context(id, fn, arg, &ctx);
    /* A vCPU that ran before keeps its context and can't be initialised again. */
    error = hc_vcpu_op(VCPUOP_initialise, id, &ctx);
    if (error)
        return error;
    return hc_vcpu_op(VCPUOP_up, id, NULL);
}

bool vcpu_wait_down(unsigned int id)
{
    return wait_until(hc_vcpu_op(VCPUOP_is_up, id, NULL) == 0, 1000);
}

void vcpu_need(unsigned int count)
{
    if (hc_vcpu_op(VCPUOP_is_up, count - 1, NULL) < 0)
        report_skip("needs %u vCPUs", count);
}
