/* SPDX-License-Identifier: BSD-2-Clause */
/* The functions that perform instructions, as the opcode rows name them. */
#ifndef EMUL_EXEC_H
#define EMUL_EXEC_H

struct emul;

/* One instruction each unless said otherwise; with the operands decoded and read into e->op. An
   enum emul_rc. */
#define EMUL_EXEC_LIST(X)                                                                          \
    /* exec_alu.c */                                                                               \
    X(add) X(or) X(adc) X(sbb) X(and) X(sub) X(xor) X(cmp) X(test) X(inc) X(dec) X(not) X(neg)     \
    X(rol) X(ror) X(rcl) X(rcr) X(shl) X(shr) X(sar) X(shld) X(shrd)                               \
    X(mul) X(imul1) X(imul) X(div) X(idiv) X(bt) X(bts) X(btr) X(btc) X(bsf) X(bsr)                \
    X(popcnt) X(lzcnt) X(tzcnt) X(adcx) X(adox)                                                    \
    X(daa) X(das) X(aaa) X(aas) X(aam) X(aad)                                                      \
    X(andn) X(bzhi) X(shlx) X(shrx) X(sarx) X(rorx) X(mulx) X(pdep) X(pext) X(bextr)               \
    X(blsr) X(blsmsk) X(blsi) X(crc32)                                                             \
    /* exec_move.c */                                                                              \
    X(mov) X(movsx) X(lea) X(xchg) X(xadd) X(cmpxchg) X(cmpxchg8b) X(bswap) X(movbe) X(cmov)       \
    X(setcc) X(cbw) X(cwd) X(xlat) X(lahf) X(sahf) X(salc) X(movnti)                               \
    X(cmc) X(clc) X(stc) X(cld) X(std) X(cli) X(sti) X(nop)                                        \
    X(push) X(pop) X(pusha) X(popa) X(pushf) X(popf) X(enter) X(leave) X(bound)                    \
    /* exec_branch.c */                                                                            \
    X(jcc) X(jmp) X(call) X(ret) X(loop) X(jcxz) X(int) X(int3) X(into) X(icebp) X(hlt) X(ud)      \
    /* far.c */                                                                                    \
    X(jmp_far) X(call_far) X(ret_far) X(iret)                                                      \
    /* exec_string.c */                                                                            \
    X(movs) X(cmps) X(stos) X(lods) X(scas) X(ins) X(outs) X(in) X(out)                            \
    /* exec_system.c */                                                                            \
    X(mov_sreg) X(pop_sreg) X(push_sreg) X(load_far) X(arpl)                                       \
    X(sldt) X(str) X(lldt) X(ltr) X(verr) X(verw) X(lar) X(lsl)                                    \
    X(sgdt) X(sidt) X(lgdt) X(lidt) X(smsw) X(lmsw) X(clts) X(invlpg) X(swapgs)                    \
    X(mov_from_cr) X(mov_to_cr) X(mov_from_dr) X(mov_to_dr)                                        \
    X(cpuid) X(rdmsr) X(wrmsr) X(rdtsc) X(rdtscp) X(rdpmc) X(invd) X(wbinvd) X(clflush)            \
    X(xgetbv) X(xsetbv) X(hypercall) X(monitor) X(mwait) X(clac) X(stac)                           \
    X(rdfsbase) X(rdgsbase) X(wrfsbase) X(wrgsbase)                                                \
    /* exec_vector.c */                                                                            \
    X(vmov) X(vmov_store) X(vmov_aligned) X(vmov_aligned_store) X(vmov_scalar)                     \
    X(vmov_scalar_store) X(vmov_half) X(vmov_half_store) X(vmov_from_gpr) X(vmov_to_gpr)           \
    X(movq_load) X(movq_store) X(mmx_load) X(mmx_store) X(mmx_from_gpr) X(mmx_to_gpr)

#define EMUL_EXEC_PROTOTYPE(name) int emul_##name(struct emul *e);
EMUL_EXEC_LIST(EMUL_EXEC_PROTOTYPE)

#endif
