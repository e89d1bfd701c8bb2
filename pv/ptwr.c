/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writable page tables: a guest kernel's write to a level 1 table, which it has mapped read-only,
 * is emulated as if it had called mmu_update. Known are the instructions of pv/insn.h, aligned
 * within one entry; others get their fault.
 */
#include <hv/bitops.h>
#include <hv/iocap.h>
#include <hv/processor.h>
#include <pv/frame.h>
#include <pv/insn.h>
#include <pv/pt.h>
#include <pv/user.h>

#define EFLAGS_ARITH                                                                               \
    (X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF | X86_EFLAGS_SF | X86_EFLAGS_OF)

/* Opcodes with an operand size other than a byte. */
#define OP_XCHG 0x87
#define OP_MOV 0x89

/* What an instruction does, given its memory operand's value: computed first, performed only if the
 * entry is accepted. */
struct effect {
    uint64_t mem;       /* new value of the memory operand */
    uint64_t eflags;
    uint64_t reg_val;
    int reg;            /* register that gets reg_val; -1 = none */
    bool pair;          /* reg_val goes to EDX:EAX */
    bool write;         /* memory changes */
};

enum alu {
    ALU_ADD,
    ALU_OR,
    ALU_AND = 4,
    ALU_SUB,
    ALU_XOR
}; /* numbers of the instruction encoding */

static uint64_t result_flags(uint64_t r, unsigned int bits)
{
    uint64_t f = 0;

    if (!(hweight64(r & 0xff) & 1))
        f |= X86_EFLAGS_PF;
    if (!r)
        f |= X86_EFLAGS_ZF;
    if ((r >> (bits - 1)) & 1)
        f |= X86_EFLAGS_SF;
    return f;
}

/* The value, and the arithmetic flags in *flags. False: an operation that isn't known. */
static bool alu(unsigned int op, uint64_t a, uint64_t b, unsigned int bits, uint64_t *res,
                uint64_t *flags)
{
    uint64_t mask = ~0ULL >> (64 - bits), r, over = 0, f = 0;

    switch (op) {
    case ALU_ADD:
        r = (a + b) & mask;
        over = (a ^ r) & (b ^ r);
        f = (r < a ? X86_EFLAGS_CF : 0) | ((a ^ b ^ r) & X86_EFLAGS_AF);
        break;
    case ALU_SUB:
        r = (a - b) & mask;
        over = (a ^ b) & (a ^ r);
        f = (a < b ? X86_EFLAGS_CF : 0) | ((a ^ b ^ r) & X86_EFLAGS_AF);
        break;
    case ALU_OR: r = a | b; break;
    case ALU_AND: r = a & b; break;
    case ALU_XOR: r = a ^ b; break;
    default: return false;
    }
    if ((over >> (bits - 1)) & 1)
        f |= X86_EFLAGS_OF;
    *res = r;
    *flags = f | result_flags(r, bits);
    return true;
}

static bool do_alu(const struct pv_insn *in, unsigned int op, uint64_t mem, uint64_t src,
                   struct effect *fx)
{
    uint64_t flags;

    if (!alu(op, mem, src & pv_insn_mask(in), 8 * in->size, &fx->mem, &flags))
        return false;
    fx->eflags = (fx->eflags & ~(uint64_t)EFLAGS_ARITH) | flags;
    return true;
}

static bool do_incdec(const struct pv_insn *in, uint64_t mem, struct effect *fx)
{
    uint64_t cf = fx->eflags & X86_EFLAGS_CF;

    if ((in->reg & 7) > 1 || !do_alu(in, in->reg & 7 ? ALU_SUB : ALU_ADD, mem, 1, fx))
        return false;
    fx->eflags = (fx->eflags & ~(uint64_t)X86_EFLAGS_CF) | cf;
    return true;
}

static bool do_cmpxchg(const struct pv_insn *in, const struct cpu_user_regs *regs, uint64_t mem,
                       struct effect *fx)
{
    uint64_t acc = pv_insn_get_reg(in, regs, 0), src = pv_insn_get_reg(in, regs, in->reg);
    struct effect cmp = *fx;

    if (!do_alu(in, ALU_SUB, acc, mem, &cmp))
        return false;
    fx->eflags = cmp.eflags;
    fx->write = acc == mem;
    if (fx->write) {
        fx->mem = src;
    } else {
        fx->reg = 0;
        fx->reg_val = mem;
    }
    return true;
}

/* The only form with two registers for each operand: EDX:EAX against memory, ECX:EBX into it. */
static bool do_cmpxchg8b(const struct cpu_user_regs *regs, uint64_t mem, struct effect *fx)
{
    uint64_t expected = (uint32_t)regs->rax | regs->rdx << 32;

    fx->write = expected == mem;
    if (fx->write)
        fx->mem = (uint32_t)regs->rbx | regs->rcx << 32;
    else
        fx->pair = true;
    fx->reg_val = mem;
    fx->eflags = (fx->eflags & ~(uint64_t)X86_EFLAGS_ZF) | (fx->write ? X86_EFLAGS_ZF : 0);
    return true;
}

/* op: 1 set, 2 reset, 3 complement, as in the instruction encoding. A bit outside of the operand
 * isn't done here. */
static bool do_bit(const struct pv_insn *in, unsigned int op, uint64_t nr, uint64_t mem,
                   struct effect *fx)
{
    if (nr >= 8u * in->size || op == 0)
        return false;
    fx->mem = op == 1 ? mem | BIT(nr) : op == 2 ? mem & ~BIT(nr) : mem ^ BIT(nr);
    fx->eflags = (fx->eflags & ~(uint64_t)X86_EFLAGS_CF) | ((mem >> nr) & 1);
    return true;
}

static bool compute(const struct pv_insn *in, const struct cpu_user_regs *regs, uint64_t mem,
                    struct effect *fx)
{
    unsigned int ext = in->reg & 7;
    uint64_t src = pv_insn_get_reg(in, regs, in->reg);

    fx->eflags = regs->rflags;
    fx->reg = -1;
    fx->pair = false;
    fx->write = true;
    fx->mem = src;
    switch (in->opcode) {
    case 0x88: case OP_MOV: case 0x0fc3:
        return true;
    case 0xc6: case 0xc7:
        fx->mem = (uint64_t)in->imm & pv_insn_mask(in);
        return ext == 0;
    case 0x86: case OP_XCHG:
        fx->reg = in->reg;
        fx->reg_val = mem;
        return true;
    case 0x0fc0: case 0x0fc1:
        fx->reg = in->reg;
        fx->reg_val = mem;
        return do_alu(in, ALU_ADD, mem, src, fx);
    case 0x0fb0: case 0x0fb1:
        return do_cmpxchg(in, regs, mem, fx);
    case 0x0fc7:
        return ext == 1 && in->size == 8 && do_cmpxchg8b(regs, mem, fx);
    case 0x0fab: case 0x0fb3: case 0x0fbb:
        return do_bit(in, ((in->opcode >> 3) & 3), src, mem, fx);
    case 0x0fba:
        return ext >= 4 && do_bit(in, ext & 3, (uint64_t)in->imm & (8u * in->size - 1), mem, fx);
    case 0x80: case 0x81: case 0x83:
        return do_alu(in, ext, mem, (uint64_t)in->imm, fx);
    case 0xfe: case 0xff:
        return do_incdec(in, mem, fx);
    default:
        return do_alu(in, in->opcode >> 3, mem, src, fx);
    }
}

/* The entry with the operand at byte `off` replaced. */
static pte_t merge(pte_t old, uint64_t val, unsigned int off, uint64_t mask)
{
    return (old & ~(mask << (8 * off))) | (val << (8 * off));
}

/* The table is locked. False: the instruction isn't known or the new entry is refused. */
static bool write_entry(pte_t *p, unsigned int off, const struct pv_insn *in,
                        const struct cpu_user_regs *regs, struct effect *fx, struct domain *d)
{
    uint64_t mask = pv_insn_mask(in);
    int rc;

    do {
        pte_t old = READ_ONCE(*p);

        if (!compute(in, regs, (old >> (8 * off)) & mask, fx))
            return false;
        if (!fx->write)
            return true;
        rc = l1_update(p, old, merge(old, fx->mem, off, mask), L1_IF_SAME, d, d);
    } while (rc == -EAGAIN);
    return rc == 0;
}

/* The instruction is done; eflags as it left them. */
static inline void advance(struct vcpu *v, unsigned int len, struct cpu_user_regs *regs,
                           uint64_t eflags)
{
    bool trap = regs->rflags & X86_EFLAGS_TF;

    regs->rflags = eflags & ~(uint64_t)X86_EFLAGS_RF;
    regs->rip += len;
    if (unlikely(trap)) {
        v->debugreg[6] |= X86_DR6_BS;
        pv_inject_exception(X86_EXC_DB, 0);
    }
}

static void complete(struct vcpu *v, const struct pv_insn *in, struct cpu_user_regs *regs,
                     const struct effect *fx)
{
    if (fx->reg >= 0)
        pv_insn_set_reg(in, regs, (unsigned int)fx->reg, fx->reg_val);
    if (fx->pair) {
        regs->rax = (uint32_t)fx->reg_val;
        regs->rdx = fx->reg_val >> 32;
    }
    advance(v, in->len, regs, fx->eflags);
}

/* Any known instruction on a part of an entry or all of it. The table is locked until the entry is
 * written. */
static bool emulate_any(struct vcpu *v, struct page_info *pg, pte_t *p, unsigned int off,
                        const struct pv_insn *in, struct cpu_user_regs *regs)
{
    struct effect fx;
    bool done = write_entry(p, off, in, regs, &fx, v->domain);

    pt_unlock_page(pg);
    if (done)
        complete(v, in, regs, &fx);
    return done;
}

/* What kernels do most: a whole entry stored or exchanged. */
static inline bool emulate_whole(struct vcpu *v, struct page_info *pg, pte_t *p,
                                 const struct pv_insn *in, struct cpu_user_regs *regs)
{
    pte_t new = pv_reg64(regs, in->reg), old;
    int rc;

    do {
        old = READ_ONCE(*p);
        rc = l1_update(p, old, new, L1_IF_SAME, v->domain, v->domain);
    } while (unlikely(rc == -EAGAIN));
    pt_unlock_page(pg);
    if (unlikely(rc))
        return false;
    if (in->opcode == OP_XCHG)
        *pv_reg_ptr(regs, in->reg) = old;
    advance(v, in->len, regs, regs->rflags);
    return true;
}

static bool is_store(const struct pv_insn *in)
{
    switch (in->opcode) {
    case 0x88: case OP_MOV: case 0xc6: case 0xc7: case 0x0fc3:
        return true;
    default:
        return false;
    }
}

/* Registers that dom0 may only read: the write is dropped; but for a plain store to memory-mapped
 * PCI configuration, which is looked at and done. */
static bool mmio_write(struct vcpu *v, mfn_t mfn, const struct pv_insn *in,
                       struct cpu_user_regs *regs)
{
    struct effect fx;

    if ((in->ea & (in->size - 1)) || !compute(in, regs, 0, &fx) || fx.reg >= 0 || fx.pair ||
        (is_store(in) &&
         !pv_pci_memory_write(v, mfn, in->ea & ~PAGE_MASK, in->size, fx.mem)))
        return false;
    complete(v, in, regs, &fx);
    return true;
}

/* MOV or XCHG of a 64-bit register and memory that another register points to. */
#define QUICK_LEN 3
#define REX_W_MASK 0xf8
#define REX_W_ONLY 0x48

struct quick { uint8_t opcode, reg, base; };

static inline bool decode_quick(struct quick *q, uint64_t code)
{
    unsigned int modrm = code >> 16 & 0xff;

    q->opcode = (uint8_t)(code >> 8);
    q->reg = (uint8_t)((modrm >> 3) | (code & 4) << 1);
    q->base = (uint8_t)((modrm & 7) | (code & 1) << 3);
    return (code & REX_W_MASK) == REX_W_ONLY && (q->opcode == OP_XCHG || q->opcode == OP_MOV) &&
           modrm < 0x40 && (modrm & 6) != 4;
}

/* What kernels do most, without the decoder. False: nothing was done. */
static inline bool emulate_quick(struct vcpu *v, unsigned long addr, struct cpu_user_regs *regs)
{
    struct domain *d = v->domain;
    uint64_t code;
    struct quick q;
    pte_t e, old, *p;
    int rc;

    if (unlikely((addr & (sizeof(pte_t) - 1)) ||
                 (regs->rip & ~PAGE_MASK) > PAGE_SIZE - sizeof(code) ||
                 !pv_get_words(&code, (const void *)regs->rip, 1)) ||
        !decode_quick(&q, code) || unlikely(pv_reg64(regs, q.base) != addr))
        return false;
    e = pt_walk_read(pv_vcpu(v)->guest_root, addr);
    if (unlikely((e & (PTE_P | PTE_RW)) != PTE_P || !frame_lock_l1(pte_mfn(e), d)))
        return false;
    p = (pte_t *)mfn_to_virt(pte_mfn(e)) + (addr & ~PAGE_MASK) / sizeof(pte_t);
    do {
        old = READ_ONCE(*p);
        rc = l1_update(p, old, pv_reg64(regs, q.reg), L1_IF_SAME, d, d);
    } while (unlikely(rc == -EAGAIN));
    pt_unlock_page(mfn_to_page(pte_mfn(e)));
    if (unlikely(rc))
        return false;
    if (q.opcode == OP_XCHG)
        *pv_reg_ptr(regs, q.reg) = old;
    advance(v, QUICK_LEN, regs, regs->rflags);
    return true;
}

bool pv_ptwr_emulate(struct vcpu *v, unsigned long addr, struct cpu_user_regs *regs)
{
    unsigned int off = addr & (sizeof(pte_t) - 1);
    struct page_info *pg;
    struct pv_insn in;
    const pte_t *map;
    pte_t e, *p;

    if (!pv_in_kernel(v) || !pv_addr_ok(addr))
        return false;
    if (likely(emulate_quick(v, addr, regs)))
        return true;
    map = pt_walk(pv_vcpu(v)->guest_root, addr);
    e = map ? READ_ONCE(*map) : 0;
    if ((e & (PTE_P | PTE_RW)) != PTE_P)
        return false;
    if (!pv_insn_fetch(&in, regs->rip) || !pv_insn_decode(&in, regs))
        return false;
    if (!in.is_mem || in.ea != addr || (in.prefixes & (INSN_PREFIX_REP | INSN_PREFIX_FS_GS)) ||
        off + in.size > sizeof(pte_t))
        return false;
    if (unlikely(!mfn_valid(pte_mfn(e))))
        return rangeset_contains(mmio_ro_ranges, pte_mfn(e), pte_mfn(e)) &&
               mmio_write(v, pte_mfn(e), &in, regs);

    pg = mfn_to_page(pte_mfn(e));
    if (!pt_lock_table(pg, v->domain, PGT_l1_page_table))
        return false;
    p = (pte_t *)mfn_to_virt(pte_mfn(e)) + (addr & ~PAGE_MASK) / sizeof(pte_t);
    if (likely(in.size == sizeof(pte_t) && (in.opcode == OP_MOV || in.opcode == OP_XCHG)))
        return emulate_whole(v, pg, p, &in, regs);
    return emulate_any(v, pg, p, off, &in, regs);
}
