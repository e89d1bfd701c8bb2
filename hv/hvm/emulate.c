/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The instruction emulator (hv/emul.h) at work for a vCPU: memory by the guest's own page tables,
 * RAM or devices; ports, control registers, MSRs by the same functions that their exits use.
 */
#include <hv/cpuid.h>
#include <hv/emul.h>
#include <hv/errno.h>
#include <hv/hvm/asid.h>
#include <hv/hvm/io.h>
#include <hv/lib.h>
#include <hv/msr_index.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/sched.h>
#include <hv/xstate.h>
#include "hvm_priv.h"

struct insn {
    struct emul_ctxt c;     /* first: the callbacks' argument is cast */
    struct vcpu *v;
};

static struct vcpu *vcpu_of(struct emul_ctxt *c)
{
    return ((struct insn *)c)->v;
}

/* --- devices --- */

static uint64_t all_ones(unsigned int size)
{
    return size >= 8 ? ~0ULL : (1ULL << size * 8) - 1;
}

/* Nobody behind it: reads give ones, writes are lost, as on a bus. */
bool hvm_port_io(struct vcpu *v, uint16_t port, unsigned int size, bool in, uint64_t *val)
{
    int rc = in ? hvm_port_read(v, port, size, val) : hvm_port_write(v, port, size, *val);

    if (rc == HVM_IO_PASS && in)
        *val = all_ones(size);
    return true;
}

static void mmio_access(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int size, bool write)
{
    uint64_t val = 0;

    if (write) {
        memcpy(&val, buf, size);
        (void)hvm_mmio_write(v, gpa, size, val);
        return;
    }
    if (hvm_mmio_read(v, gpa, size, &val) == HVM_IO_PASS)
        val = all_ones(size);
    memcpy(buf, &val, size);
}

/* In the largest pieces that are powers of two and aligned. */
static void mmio(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int bytes, bool write)
{
    while (bytes) {
        unsigned int size = 8;

        while (size > bytes || gpa & (size - 1))
            size /= 2;
        mmio_access(v, gpa, buf, size, write);
        gpa += size;
        buf += size;
        bytes -= size;
    }
}

/* --- memory --- */

static uint32_t walk_access(unsigned int access)
{
    return (access & EMUL_ACC_USER && !(access & EMUL_ACC_SYSTEM) ? HVM_WALK_USER : 0) |
           (access & EMUL_ACC_RMW ? HVM_WALK_W : 0);
}

static int translate(struct emul_ctxt *c, uint64_t addr, uint32_t access, uint64_t *gpa)
{
    uint32_t fault = hvm_walk(vcpu_of(c), addr, access, gpa);

    return fault ? emul_set_page_fault(c, addr, fault & ~(1u << 31)) : EMUL_OK;
}

/* Writes to ROM are lost. */
static void touch(struct vcpu *v, uint64_t gpa, uint8_t *buf, unsigned int bytes, bool write)
{
    enum p2m_type type;

    p2m_lookup(v->domain, gpa >> PAGE_SHIFT, &type, NULL);
    if (!p2m_has_page(type))
        mmio(v, gpa, buf, bytes, write);
    else if (!write)
        (void)hvm_copy_from_gpa(v->domain, buf, gpa, bytes);
    else if (p2m_is_writable(type))
        (void)hvm_copy_to_gpa(v->domain, gpa, buf, bytes);
}

/* Both pages of an access that crosses are translated before anything is touched. */
static int access_memory(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes,
                         uint32_t access, bool write)
{
    unsigned int first = (unsigned int)MIN((uint64_t)bytes, PAGE_SIZE - (addr & ~PAGE_MASK));
    uint64_t gpa, gpa2 = 0;
    int rc = translate(c, addr, access, &gpa);

    if (rc == EMUL_OK && first < bytes)
        rc = translate(c, addr + first, access, &gpa2);
    if (rc != EMUL_OK)
        return rc;
    touch(vcpu_of(c), gpa, buf, first, write);
    if (first < bytes)
        touch(vcpu_of(c), gpa2, (uint8_t *)buf + first, bytes - first, write);
    return EMUL_OK;
}

static int op_fetch(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes)
{
    return access_memory(c, addr, buf, bytes, HVM_WALK_X | (c->cpl == 3 ? HVM_WALK_USER : 0),
                         false);
}

static int op_read(struct emul_ctxt *c, uint64_t addr, void *buf, unsigned int bytes,
                   unsigned int access)
{
    return access_memory(c, addr, buf, bytes, walk_access(access), false);
}

static int op_write(struct emul_ctxt *c, uint64_t addr, const void *buf, unsigned int bytes,
                    unsigned int access)
{
    return access_memory(c, addr, (void *)buf, bytes, walk_access(access) | HVM_WALK_W, true);
}

static bool exchange(void *at, const void *old, const void *new, unsigned int bytes)
{
    switch (bytes) {
    case 1: return cmpxchg((uint8_t *)at, *(const uint8_t *)old, *(const uint8_t *)new) ==
                   *(const uint8_t *)old;
    case 2: return cmpxchg((uint16_t *)at, *(const uint16_t *)old, *(const uint16_t *)new) ==
                   *(const uint16_t *)old;
    case 4: return cmpxchg((uint32_t *)at, *(const uint32_t *)old, *(const uint32_t *)new) ==
                   *(const uint32_t *)old;
    case 8: return cmpxchg((uint64_t *)at, *(const uint64_t *)old, *(const uint64_t *)new) ==
                   *(const uint64_t *)old;
    default: return false;
    }
}

/* Devices know no locked access, nor does what crosses a page: the write is simply made. */
static int op_cmpxchg(struct emul_ctxt *c, uint64_t addr, const void *old, const void *new,
                      unsigned int bytes, unsigned int access)
{
    uint32_t rights = walk_access(access) | HVM_WALK_W;
    struct page_info *pg = NULL;
    enum p2m_type type;
    uint64_t gpa;
    bool done;
    int rc = translate(c, addr, rights, &gpa);

    if (rc != EMUL_OK)
        return rc;
    if ((addr & ~PAGE_MASK) + bytes <= PAGE_SIZE && bytes <= 8)
        pg = p2m_get_page(vcpu_of(c)->domain, gpa >> PAGE_SHIFT, &type);
    if (!pg)
        return access_memory(c, addr, (void *)new, bytes, rights, true);
    done = !p2m_is_writable(type) ||
           exchange((char *)page_to_virt(pg) + (gpa & ~PAGE_MASK), old, new, bytes);
    put_page(pg);
    return done ? EMUL_OK : EMUL_RETRY;
}

/* --- the rest --- */

static int op_port_in(struct emul_ctxt *c, unsigned int port, unsigned int bytes, uint32_t *val)
{
    uint64_t wide = 0;

    if (!hvm_port_io(vcpu_of(c), (uint16_t)port, bytes, true, &wide))
        return EMUL_RETRY;
    *val = (uint32_t)wide;
    return EMUL_OK;
}

static int op_port_out(struct emul_ctxt *c, unsigned int port, unsigned int bytes, uint32_t val)
{
    uint64_t wide = val;

    return hvm_port_io(vcpu_of(c), (uint16_t)port, bytes, false, &wide) ? EMUL_OK : EMUL_RETRY;
}

static int op_load_seg(struct emul_ctxt *c, enum x86_seg_index n)
{
    hvm_vendor->get_segment(vcpu_of(c), n, &c->seg[n]);
    return EMUL_OK;
}

static int gp_unless(struct emul_ctxt *c, bool good)
{
    return good ? EMUL_OK : emul_set_fault(c, X86_EXC_GP, true, 0);
}

static int op_read_cr(struct emul_ctxt *c, unsigned int n, uint64_t *val)
{
    return hvm_read_cr(vcpu_of(c), n, val) ? emul_set_fault(c, X86_EXC_UD, false, 0) : EMUL_OK;
}

static int op_write_cr(struct emul_ctxt *c, unsigned int n, uint64_t val)
{
    struct vcpu *v = vcpu_of(c);
    int rc = hvm_write_cr(v, n, val);

    c->cr0 = hvm_vcpu(v)->cr0;
    c->cr4 = hvm_vcpu(v)->cr4;
    c->efer = hvm_vcpu(v)->efer;
    return gp_unless(c, !rc);
}

static int op_read_dr(struct emul_ctxt *c, unsigned int n, uint64_t *val)
{
    *val = vcpu_of(c)->debugreg[n % 8];
    return EMUL_OK;
}

static int op_write_dr(struct emul_ctxt *c, unsigned int n, uint64_t val)
{
    struct vcpu *v = vcpu_of(c);

    if (n >= 6 && val >> 32)
        return gp_unless(c, false);
    v->debugreg[n % 8] = val;
    hvm_vendor->load(v, HVM_LOAD_DR);
    return EMUL_OK;
}

static int op_rdmsr(struct emul_ctxt *c, uint32_t msr, uint64_t *val)
{
    return gp_unless(c, !hvm_rdmsr(vcpu_of(c), msr, val));
}

static int op_wrmsr(struct emul_ctxt *c, uint32_t msr, uint64_t val)
{
    int rc = hvm_wrmsr(vcpu_of(c), msr, val);

    c->efer = hvm_vcpu(vcpu_of(c))->efer;
    return gp_unless(c, !rc);
}

static int op_cpuid(struct emul_ctxt *c, uint32_t leaf, uint32_t subleaf, uint32_t out[4])
{
    struct cpuid_leaf res;

    guest_cpuid(vcpu_of(c), leaf, subleaf, &res);
    out[0] = res.a;
    out[1] = res.b;
    out[2] = res.c;
    out[3] = res.d;
    return EMUL_OK;
}

static int op_system(struct emul_ctxt *c, enum emul_sys what, uint64_t arg)
{
    struct vcpu *v = vcpu_of(c);

    switch (what) {
    case EMUL_SYS_INVLPG:
        hvm_asid_drop(v);
        return EMUL_OK;
    case EMUL_SYS_INVD:
    case EMUL_SYS_WBINVD:
    case EMUL_SYS_CLFLUSH:
        return EMUL_OK;
    case EMUL_SYS_XSETBV:
        return gp_unless(c, !guest_xsetbv(v, (uint32_t)c->regs->rcx, arg));
    default:
        return emul_set_fault(c, X86_EXC_UD, false, 0);
    }
}

/* The guest's FPU state is on the CPU. Offsets in the FXSAVE area: AMD64 APM volume 2, "Media and
   x87 Processor State". */
#define FX_MMX 32
#define FX_XMM 160
#define FX_STRIDE 16
#define FX_SIZE 512

static int access_vec(enum emul_vec kind, unsigned int n, void *buf, bool write)
{
    uint8_t fx[FX_SIZE] __aligned(16);
    unsigned int at = kind == EMUL_VEC_MMX ? FX_MMX + n % 8 * FX_STRIDE : FX_XMM + n * FX_STRIDE;
    unsigned int bytes = kind == EMUL_VEC_MMX ? 8 : 16;

    if (kind == EMUL_VEC_YMM)
        return EMUL_UNHANDLEABLE;
    __asm__ volatile("fxsaveq %0" : "=m"(fx));
    if (write) {
        memcpy(fx + at, buf, bytes);
        __asm__ volatile("fxrstorq %0" : : "m"(fx));
    } else {
        memcpy(buf, fx + at, bytes);
    }
    return EMUL_OK;
}

static int op_read_vec(struct emul_ctxt *c, enum emul_vec kind, unsigned int n, void *buf)
{
    return access_vec(kind, n, buf, false);
}

static int op_write_vec(struct emul_ctxt *c, enum emul_vec kind, unsigned int n, const void *buf)
{
    return access_vec(kind, n, (void *)buf, true);
}

static const struct emul_ops ops = {
    .fetch = op_fetch,
    .read = op_read,
    .write = op_write,
    .cmpxchg = op_cmpxchg,
    .port_in = op_port_in,
    .port_out = op_port_out,
    .load_seg = op_load_seg,
    .read_cr = op_read_cr,
    .write_cr = op_write_cr,
    .read_dr = op_read_dr,
    .write_dr = op_write_dr,
    .rdmsr = op_rdmsr,
    .wrmsr = op_wrmsr,
    .cpuid = op_cpuid,
    .read_vec = op_read_vec,
    .write_vec = op_write_vec,
    .system = op_system,
};

/* --- one instruction --- */

static void begin(struct insn *i, struct vcpu *v)
{
    const struct hvm_vcpu *h = hvm_vcpu(v);

    memset(i, 0, sizeof(*i));
    i->v = v;
    i->c.ops = &ops;
    i->c.regs = guest_regs();
    i->c.cpl = hvm_cpl(v);
    i->c.cr0 = h->cr0;
    i->c.cr4 = h->cr4;
    i->c.efer = h->efer;
    i->c.xcr0 = v->xcr0;
}

static void store_segments(struct insn *i)
{
    for (unsigned int n = 0; n < X86_SEG_COUNT; n++)
        if (i->c.seg_dirty & 1u << n)
            hvm_vendor->set_segment(i->v, n, &i->c.seg[n]);
}

static void inject_fault(struct vcpu *v, const struct emul_event *f)
{
    if (f->vector == X86_EXC_PF)
        hvm_inject_page_fault(v, f->error, f->cr2);
    else
        hvm_inject_exception(v, f->vector, f->has_error ? (int)f->error : -1);
}

/* What an instruction that is done leaves to be seen to. */
static void complete(struct insn *i)
{
    unsigned int shadow = hvm_vendor->get_shadow(i->v), now = shadow & HVM_SHADOW_NMI;

    if (i->c.out.iret)
        now = 0;
    if (i->c.out.sti)
        now |= HVM_SHADOW_STI;
    if (i->c.out.mov_ss)
        now |= HVM_SHADOW_MOV_SS;
    if (now != shadow)
        hvm_vendor->set_shadow(i->v, now);
    if (i->c.out.single_step) {
        i->v->debugreg[6] |= X86_DR6_BS;
        hvm_vendor->load(i->v, HVM_LOAD_DR);
        hvm_inject_exception(i->v, X86_EXC_DB, -1);
    }
    if (i->c.out.hlt && !hvm_event_waits(i->v))
        vcpu_block();
}

static void finish(struct insn *i, int rc)
{
    store_segments(i);
    switch (rc) {
    case EMUL_OK:
        complete(i);
        return;
    case EMUL_RETRY:
        return;
    case EMUL_EXCEPTION:
        inject_fault(i->v, &i->c.fault);
        return;
    default:
        gprintk(XENLOG_WARNING, "instruction at %#lx is not emulated: #UD\n", i->c.regs->rip);
        hvm_inject_exception(i->v, X86_EXC_UD, -1);
    }
}

void hvm_emulate(struct vcpu *v)
{
    struct insn i;

    begin(&i, v);
    v->counts.emulated++;
    finish(&i, emul_instruction(&i.c));
}

unsigned int hvm_decoded_length(struct vcpu *v)
{
    struct insn i;

    begin(&i, v);
    return emul_length(&i.c) == EMUL_OK ? i.c.insn_len : 0;
}

static const uint8_t task_reasons[] = {
    [VM_TASK_CALL] = EMUL_TASK_CALL, [VM_TASK_IRET] = EMUL_TASK_IRET,
    [VM_TASK_JMP] = EMUL_TASK_JMP, [VM_TASK_GATE] = EMUL_TASK_GATE,
};

/* The old task goes on behind the instruction; a task that is entered through a gate for a fault,
   at it. */
void hvm_task_switch(struct vcpu *v)
{
    struct vm_exit *e = &hvm_vcpu(v)->exit;
    bool by_insn = e->task.source != VM_TASK_GATE || e->vectoring.type >= HVM_EVENT_SOFT_INT;
    struct insn i;

    begin(&i, v);
    if (by_insn) {
        unsigned int len = e->insn_len ? e->insn_len : hvm_decoded_length(v);

        i.c.regs->rip += len;
    }
    e->vectoring.valid = false;
    finish(&i, emul_task_switch(&i.c, e->task.sel, task_reasons[e->task.source],
                                e->task.has_error, e->task.error));
}

/* --- guest-physical accesses that the map refuses --- */

void hvm_memory_exit(struct vcpu *v)
{
    const struct vm_exit *e = &hvm_vcpu(v)->exit;
    gfn_t gfn = e->mem.gpa >> PAGE_SHIFT;
    enum p2m_type type;

    p2m_lookup(v->domain, gfn, &type, NULL);
    if (type == P2M_RAM_LOGDIRTY) {
        p2m_mark_dirty(v->domain, gfn);
        return;
    }
    /* Another CPU has changed the map since. */
    if (type == P2M_RAM_RW || (p2m_is_writable(type) && e->mem.access != VM_ACCESS_X))
        return;
    if (e->mem.access == VM_ACCESS_X && !hvm_mmio_claimed(v, e->mem.gpa) && type == P2M_NONE) {
        domain_crash(v->domain, "instruction fetch at guest-physical %#lx, where nothing is",
                     e->mem.gpa);
        return;
    }
    hvm_emulate(v);
}
