/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Privileged instructions of a PV guest. Its kernel runs in ring 3, so they raise #GP; the ones
 * that kernels use are decoded and performed here by policy, all others stay a #GP for the guest.
 * Opcodes are dispatched by one table.
 *
 * Not done: 16-bit code, segment-overridden string I/O other than with a flat base.
 */
#include <hv/cpuid.h>
#include <hv/errno.h>
#include <hv/iocap.h>
#include <hv/hypercall.h>
#include <hv/lib.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/time.h>
#include <hv/trace.h>
#include <hv/uaccess.h>
#include <hv/xstate.h>
#include <pv/pv.h>
#include <pv/user.h>

#define INSN_MAX 15
#define SEG_RIGHTS_LONG (1u << 21) /* as LAR gives a descriptor */

struct insn {
    uint8_t byte[INSN_MAX + 1]; /* whole words are quicker to read */
    unsigned int len;      /* bytes that could be read */
    unsigned int pos;      /* next to decode */
    uint8_t rex;
    bool opsize, rep, segment;
    uint8_t modrm;
};

/* 1 = done, advance RIP; 0 = not ours: #GP; -1 = done, RIP is right as it is. */
typedef int (*op_fn)(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in);

static bool next_byte(struct insn *in, uint8_t *b)
{
    if (in->pos >= in->len)
        return false;
    *b = in->byte[in->pos++];
    return true;
}

/* Reads what an instruction may have; less if the next page can't be read. */
static void fetch(struct insn *in, unsigned long rip)
{
    unsigned int to_page_end = (unsigned int)(PAGE_SIZE - (rip & ~PAGE_MASK));

    in->len = INSN_MAX;
    if (likely(to_page_end >= sizeof(in->byte)) &&
        pv_get_words((uint64_t *)in->byte, (const void *)rip, sizeof(in->byte) / 8))
        return;
    if (!copy_from_guest(in->byte, (void *)rip, sizeof(in->byte)))
        return;
    in->len = MIN(to_page_end, (unsigned int)INSN_MAX);
    if (to_page_end >= sizeof(in->byte) || copy_from_guest(in->byte, (void *)rip, in->len))
        in->len = 0;
}

static bool prefix(struct insn *in, uint8_t b)
{
    switch (b) {
    case 0x66:
        in->opsize = true;
        return true;
    case 0xf2:
    case 0xf3:
        in->rep = true;
        return true;
    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
        in->segment = in->segment || b >= 0x64;
        return true;
    default:
        return false;
    }
}

static unsigned long *reg_ptr(struct cpu_user_regs *r, unsigned int n)
{
    unsigned long *const map[16] = {
        &r->rax, &r->rcx, &r->rdx, &r->rbx, &r->rsp, &r->rbp, &r->rsi, &r->rdi,
        &r->r8, &r->r9, &r->r10, &r->r11, &r->r12, &r->r13, &r->r14, &r->r15,
    };
    return map[n & 15];
}

static unsigned long *modrm_rm(struct cpu_user_regs *r, const struct insn *in)
{
    return reg_ptr(r, (in->modrm & 7) | (in->rex & 1 ? 8 : 0));
}

static unsigned int modrm_reg(const struct insn *in)
{
    return ((in->modrm >> 3) & 7) | (in->rex & 4 ? 8 : 0);
}

/* --- ports --- */

/* The guest's own idea of I/O privilege: its IOPL, else the bitmap it gave with
   PHYSDEVOP_set_iobitmap. */
static bool guest_io_okay(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    struct pv_vcpu *pv = pv_vcpu(v);
    uint8_t bits[2] = { 0xff, 0xff };
    unsigned int mask = ((1u << bytes) - 1) << (port & 7);

    if ((pv->iopl >> 12) >= pv_guest_cpl(v))
        return true;
    if (!pv->io_bitmap || port + bytes > pv->io_bitmap_ports)
        return false;
    if (pv_copy_from_kernel(bits, pv->io_bitmap + port / 8, (port & 7) + bytes > 8 ? 2 : 1))
        return false;
    return !((bits[0] | bits[1] << 8) & mask);
}

bool pv_ioport_allowed(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    return port + bytes <= 0x10000 && !pv_is_pci_config_port(port, bytes) &&
           ioports_access_permitted(v->domain, port, port + bytes - 1);
}

static uint32_t port_in(struct vcpu *v, unsigned int port, unsigned int bytes)
{
    if (!pv_ioport_allowed(v, port, bytes))
        return pv_virtual_port_in(v, port, bytes);
    switch (bytes) {
    case 1: return inb((uint16_t)port);
    case 2: return inw((uint16_t)port);
    default: return inl((uint16_t)port);
    }
}

static void port_out(struct vcpu *v, unsigned int port, unsigned int bytes, uint32_t val)
{
    if (!pv_ioport_allowed(v, port, bytes)) {
        pv_virtual_port_out(v, port, bytes, val);
        return;
    }
    switch (bytes) {
    case 1: outb((uint16_t)port, (uint8_t)val); break;
    case 2: outw((uint16_t)port, (uint16_t)val); break;
    default: outl((uint16_t)port, val); break;
    }
}

static void set_result(struct cpu_user_regs *regs, unsigned int bytes, uint32_t val)
{
    if (bytes == 4)
        regs->rax = val;
    else if (bytes == 2)
        regs->rax = (regs->rax & ~0xffffUL) | (val & 0xffff);
    else
        regs->rax = (regs->rax & ~0xffUL) | (val & 0xff);
}

static int do_port(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in, unsigned int port,
                   bool out, bool byte)
{
    unsigned int bytes = byte ? 1 : in->opsize ? 2 : 4;

    if (!guest_io_okay(v, port, bytes))
        return 0;
    if (out)
        port_out(v, port, bytes, (uint32_t)regs->rax);
    else
        set_result(regs, bytes, port_in(v, port, bytes));
    return 1;
}

static int op_port_imm(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    uint8_t op = in->byte[in->pos - 1], port;

    return next_byte(in, &port) ? do_port(v, regs, in, port, op & 2, !(op & 1)) : 0;
}

static int op_port_dx(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    uint8_t op = in->byte[in->pos - 1];

    return do_port(v, regs, in, regs->rdx & 0xffff, op & 2, !(op & 1));
}

/* Not copy_to_guest(), which reaches what only the kernel maps: this is the running code's own
   access, in user mode too. */
static int write_operand(unsigned long addr, const void *val, unsigned int bytes)
{
    return pv_range_ok(addr, bytes) ? raw_write_user((void *)addr, val, bytes) : -EFAULT;
}

/* One element of INS or OUTS; with REP the instruction runs again until RCX is 0. */
static int op_port_string(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    uint8_t op = in->byte[in->pos - 1];
    unsigned int bytes = !(op & 1) ? 1 : in->opsize ? 2 : 4, port = regs->rdx & 0xffff;
    long step = regs->rflags & X86_EFLAGS_DF ? -(long)bytes : (long)bytes;
    bool out = op & 2;
    unsigned long *ptr = out ? &regs->rsi : &regs->rdi;
    uint32_t val = 0;

    if (in->segment || !guest_io_okay(v, port, bytes))
        return 0;
    if (in->rep && !regs->rcx)
        return 1;
    if (!out)
        val = port_in(v, port, bytes);
    if (out ? copy_from_guest(&val, (void *)*ptr, bytes)
            : write_operand(*ptr, &val, bytes)) {
        pv_inject_page_fault(out ? 0 : PFEC_WRITE, *ptr);
        return -1;
    }
    if (out)
        port_out(v, port, bytes, val);
    *ptr += (unsigned long)step;
    return in->rep && --regs->rcx ? -1 : 1;
}

/* --- flags, cache, control registers --- */

/* CLI and STI do nothing: a PV kernel masks upcalls in its vcpu_info. */
static int op_cli_sti(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    return pv_in_kernel(v) ? 1 : 0;
}

static int op_clts(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    if (!pv_in_kernel(v))
        return 0;
    do_fpu_taskswitch(0);
    return 1;
}

static int op_wbinvd(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    if (!pv_in_kernel(v))
        return 0;
    /* Only who has devices can have made caches matter. */
    if (is_control_domain(v->domain) || !rangeset_empty(v->domain->iomem_caps))
        wbinvd();
    return 1;
}

static unsigned long read_guest_cr(struct vcpu *v, unsigned int n, bool *ok)
{
    struct pv_vcpu *pv = pv_vcpu(v);

    switch (n) {
    case 0:
        return (read_cr0() & ~(unsigned long)X86_CR0_TS) | pv->ctrlreg[0];
    case 2:
        return pv->ctrlreg[2];
    case 3:
        return xen_pfn_to_cr3(paddr_to_pfn(pv->guest_root));
    case 4:
        return pv->ctrlreg[4];
    default:
        *ok = false;
        return 0;
    }
}

static int op_mov_from_cr(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    bool ok = pv_in_kernel(v) && next_byte(in, &in->modrm);
    unsigned long val = ok ? read_guest_cr(v, modrm_reg(in), &ok) : 0;

    if (ok)
        *modrm_rm(regs, in) = val;
    return ok;
}

static int write_guest_cr3(struct vcpu *v, unsigned long val)
{
    int rc = pv_new_guest_root(v, xen_cr3_to_pfn(val));

    if (rc == -ERESTART)
        return -1;
    return rc ? 0 : 1;
}

static int op_mov_to_cr(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    unsigned long val;

    if (!pv_in_kernel(v) || !next_byte(in, &in->modrm))
        return 0;
    val = *modrm_rm(regs, in);
    switch (modrm_reg(in)) {
    case 0:
        /* Only TS is the guest's to change. */
        if ((val ^ read_cr0()) & ~(unsigned long)X86_CR0_TS)
            return 0;
        do_fpu_taskswitch(!!(val & X86_CR0_TS));
        return 1;
    case 2:
        pv_vcpu(v)->ctrlreg[2] = val;
        v->vcpu_info->arch.cr2 = val;
        return 1;
    case 3:
        return write_guest_cr3(v, val);
    case 4:
        pv_vcpu(v)->ctrlreg[4] = pv_fixup_guest_cr4(v, val);
        pv_load_cr4(v);
        return 1;
    default:
        return 0;
    }
}

static int op_mov_from_dr(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    long val;

    if (!pv_in_kernel(v) || !next_byte(in, &in->modrm))
        return 0;
    val = do_get_debugreg(modrm_reg(in));
    if (val == -EINVAL || val == -ENODEV)
        return 0;
    *modrm_rm(regs, in) = (unsigned long)val;
    return 1;
}

static int op_mov_to_dr(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    if (!pv_in_kernel(v) || !next_byte(in, &in->modrm))
        return 0;
    return pv_set_debugreg(v, modrm_reg(in), *modrm_rm(regs, in)) == 0;
}

/* --- MSRs, TSC, XSETBV --- */

static int op_rdmsr(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    uint64_t val;

    if (!pv_in_kernel(v) || guest_rdmsr(v, (uint32_t)regs->rcx, &val))
        return 0;
    regs->rax = (uint32_t)val;
    regs->rdx = val >> 32;
    return 1;
}

static int op_wrmsr(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    if (!pv_in_kernel(v))
        return 0;
    return guest_wrmsr(v, (uint32_t)regs->rcx, (regs->rdx << 32) | (uint32_t)regs->rax) == 0;
}

static int read_tsc(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint64_t tsc;

    /* The guest's own CR4.TSD, where RDTSC is not emulated for the guest's sake. */
    if (!pv_in_kernel(v) && (pv_vcpu(v)->ctrlreg[4] & X86_CR4_TSD))
        return 0;
    tsc = guest_tsc(v);
    regs->rax = (uint32_t)tsc;
    regs->rdx = tsc >> 32;
    return 1;
}

static int op_rdtsc(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    return read_tsc(v, regs);
}

/* Group 7 register forms: XGETBV is not privileged, XSETBV is; RDTSCP. */
static int op_0f01(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    uint64_t aux;

    if (!next_byte(in, &in->modrm))
        return 0;
    switch (in->modrm) {
    case 0xd1:
        if (!pv_in_kernel(v))
            return 0;
        return guest_xsetbv(v, (uint32_t)regs->rcx, (regs->rdx << 32) | (uint32_t)regs->rax) == 0;
    case 0xf9:
        if (!read_tsc(v, regs) || guest_rdmsr(v, 0xc0000103, &aux))
            return 0;
        regs->rcx = (uint32_t)aux;
        return 1;
    default:
        return 0;
    }
}

static void perform_cpuid(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct cpuid_leaf res;

    guest_cpuid(v, (uint32_t)regs->rax, (uint32_t)regs->rcx, &res);
    regs->rax = res.a;
    regs->rbx = res.b;
    regs->rcx = res.c;
    regs->rdx = res.d;
}

/* Reached when the CPU makes CPUID fault. */
static int op_cpuid(struct vcpu *v, struct cpu_user_regs *regs, struct insn *in)
{
    perform_cpuid(v, regs);
    return 1;
}

static const op_fn one_byte_ops[256] = {
    [0x6c] = op_port_string, [0x6d] = op_port_string,
    [0x6e] = op_port_string, [0x6f] = op_port_string,
    [0xe4] = op_port_imm, [0xe5] = op_port_imm, [0xe6] = op_port_imm, [0xe7] = op_port_imm,
    [0xec] = op_port_dx, [0xed] = op_port_dx, [0xee] = op_port_dx, [0xef] = op_port_dx,
    [0xfa] = op_cli_sti, [0xfb] = op_cli_sti,
};

static const op_fn two_byte_ops[256] = {
    [0x01] = op_0f01, [0x06] = op_clts, [0x08] = op_wbinvd, [0x09] = op_wbinvd,
    [0x20] = op_mov_from_cr, [0x21] = op_mov_from_dr, [0x22] = op_mov_to_cr, [0x23] = op_mov_to_dr,
    [0x30] = op_wrmsr, [0x31] = op_rdtsc, [0x32] = op_rdmsr, [0xa2] = op_cpuid,
};

static op_fn decode(struct insn *in)
{
    uint8_t b;

    do {
        if (!next_byte(in, &b))
            return NULL;
    } while (unlikely(prefix(in, b)));
    if ((b & 0xf0) == 0x40) {
        in->rex = b;
        if (!next_byte(in, &b))
            return NULL;
    }
    if (b != 0x0f)
        return one_byte_ops[b];
    return next_byte(in, &b) ? two_byte_ops[b] : NULL;
}

/* A single-step trap is due after an instruction that was performed here. */
static void advance(struct cpu_user_regs *regs, unsigned int len)
{
    regs->rip += len;
    regs->rflags &= ~(unsigned long)X86_EFLAGS_RF;
    if (regs->rflags & X86_EFLAGS_TF) {
        current->debugreg[6] |= X86_DR6_BS;
        pv_inject_exception(X86_EXC_DB, 0);
    }
}

/* In a compatibility segment the bytes mean other things. The guest may have
   a 64-bit segment of its own. */
static bool in_64bit_code(const struct cpu_user_regs *regs)
{
    uint32_t rights;
    bool valid;

    if (regs->cs == PV_USER_CS64)
        return true;
    __asm__("lar %2, %1" : "=@ccz"(valid), "=r"(rights) : "r"((uint32_t)regs->cs));
    return valid && (rights & SEG_RIGHTS_LONG);
}

/* The word at rip, unless it goes on in the next page, which need not be there. */
static inline bool peek(uint64_t *word, unsigned long rip)
{
    return likely((rip & ~PAGE_MASK) <= PAGE_SIZE - sizeof(*word)) &&
           pv_get_words(word, (const void *)rip, 1);
}

static __attribute__((noinline)) bool emulate_decoded(struct vcpu *v, struct cpu_user_regs *regs)
{
    struct insn in = { .len = 0 };
    op_fn fn;
    int rc;

    fetch(&in, regs->rip);
    fn = decode(&in);
    if (!fn)
        return false;
    trace(TRACE_EMULATE, in.byte[in.pos - 1], regs->rip, regs->rax, regs->rcx);
    v->counts.emulated++;
    rc = fn(v, regs, &in);
    if (rc > 0)
        advance(regs, in.pos);
    return rc != 0;
}

/* RDMSR is what kernels use at every switch between processes. */
#define RDMSR_BYTES 0x320f
#define RDMSR_LEN 2

bool pv_emulate_privileged_op(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint64_t word;

    if (!in_64bit_code(regs))
        return false;
    if (peek(&word, regs->rip) && (word & 0xffff) == RDMSR_BYTES) {
        trace(TRACE_EMULATE, word >> 8 & 0xff, regs->rip, regs->rax, regs->rcx);
        if (!op_rdmsr(v, regs, NULL))
            return false;
        v->counts.emulated++;
        advance(regs, RDMSR_LEN);
        return true;
    }
    return emulate_decoded(v, regs);
}

/* "ud2a; .ascii xen" followed by CPUID: the forced-emulation form, as a word in memory. */
#define FORCED_CPUID 0xa20f6e65780b0fUL
#define FORCED_CPUID_LEN 7
#define FORCED_CPUID_MASK (~0UL >> 8)

bool pv_emulate_invalid_op(struct vcpu *v, struct cpu_user_regs *regs)
{
    uint64_t code = 0;

    if (!peek(&code, regs->rip) &&
        copy_from_guest(&code, (const void *)regs->rip, FORCED_CPUID_LEN))
        return false;
    if ((code & FORCED_CPUID_MASK) != FORCED_CPUID)
        return false;
    perform_cpuid(v, regs);
    v->counts.emulated++;
    advance(regs, FORCED_CPUID_LEN);
    return true;
}
