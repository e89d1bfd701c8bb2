/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * FPU and extended state of vCPUs. Always switched whole, with XSAVEOPT, XSAVE or FXSAVE, standard
 * format; never XSAVEC or XSAVES, so an area's layout is the one that CPUID states. Source: Intel
 * SDM volume 1, "Managing State Using the XSAVE Feature Set".
 */
#include <hv/cpuid.h>
#include <hv/current.h>
#include <hv/domain.h>
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/mm.h>
#include <hv/percpu.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/xstate.h>

#define XCR0_X87 (1u << 0)
#define XCR0_SSE (1u << 1)
#define XCR0_AVX (1u << 2)
#define XCR0_AVX512 (7u << 5) /* opmask, upper halves, upper registers: all or none */
#define XSTATE_SWITCHED (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)
#define XSTATE_COMPONENTS 8
#define XSTATE_LEAF 0xd
#define ECX_ALIGNED (1u << 1) /* in the compacted format the component starts at a multiple of 64 */

#define FXSAVE_SIZE 512
#define XSAVE_HEADER_SIZE 64
#define XSAVE_ALIGN 64
#define FCW_RESET 0x037f
#define MXCSR_RESET 0x1f80
#define MXCSR_MASK_DEFAULT 0xffbf

struct fxsave {
    uint16_t fcw;         /* 0 */
    uint16_t fsw;         /* 2 */
    uint8_t ftw, rsvd;    /* 4 */
    uint16_t fop;         /* 6 */
    uint64_t fip, fdp;    /* 8, 16 */
    uint32_t mxcsr;       /* 24 */
    uint32_t mxcsr_mask;  /* 28 */
    uint8_t st[128];      /* 32 */
    uint8_t xmm[256];     /* 160 */
    uint8_t rest[96];     /* 416 */
};
struct xsave {
    struct fxsave fx;
    uint64_t xstate_bv;   /* 512 */
    uint64_t xcomp_bv;    /* 520 */
    uint64_t zero[6];
};
_Static_assert(sizeof(struct fxsave) == FXSAVE_SIZE && offsetof(struct fxsave, mxcsr) == 24 &&
               offsetof(struct fxsave, xmm) == 160, "FXSAVE area");
_Static_assert(sizeof(struct xsave) == FXSAVE_SIZE + XSAVE_HEADER_SIZE, "XSAVE header");

uint64_t host_xcr0;
uint32_t xsave_area_size = FXSAVE_SIZE;
static uint32_t mxcsr_mask = MXCSR_MASK_DEFAULT;
static struct { uint32_t size, offset, compact_align; } component[XSTATE_COMPONENTS];
static DEFINE_PER_CPU(uint64_t, loaded_xcr0);

/* The allocator aligns to 16 bytes only; the area is rounded up within its allocation. */
static struct xsave *area_of(const struct vcpu *v)
{
    return (struct xsave *)ROUND_UP((unsigned long)v->xsave_area, (unsigned long)XSAVE_ALIGN);
}

static void xsetbv(uint64_t val)
{
    if (this_cpu(loaded_xcr0) == val)
        return;
    __asm__ volatile("xsetbv" : : "c"(0), "a"((uint32_t)val), "d"((uint32_t)(val >> 32)));
    this_cpu(loaded_xcr0) = val;
}

static uint64_t offered_components(void)
{
    uint32_t a, b, c, d;
    uint64_t mask;

    cpuid_count(XSTATE_LEAF, 0, &a, &b, &c, &d);
    mask = (((uint64_t)d << 32) | a) & XSTATE_SWITCHED;
    if (!cpu_has(X86_FEATURE_AVX))
        mask &= ~(uint64_t)XCR0_AVX;
    if ((mask & XCR0_AVX512) != XCR0_AVX512 || !(mask & XCR0_AVX))
        mask &= ~(uint64_t)XCR0_AVX512;
    return mask;
}

static void read_components(void)
{
    uint32_t c, d;

    for (uint32_t i = 2; i < XSTATE_COMPONENTS; i++) {
        if (!(host_xcr0 & BIT(i)))
            continue;
        cpuid_count(XSTATE_LEAF, i, &component[i].size, &component[i].offset, &c, &d);
        component[i].compact_align = c & ECX_ALIGNED ? XSAVE_ALIGN : 1;
    }
}

void xstate_init_cpu(void)
{
    unsigned long cr4 = read_cr4() | X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;

    write_cr0((read_cr0() & ~(unsigned long)(X86_CR0_EM | X86_CR0_TS)) | X86_CR0_MP | X86_CR0_NE);
    if (host_xcr0)
        cr4 |= X86_CR4_OSXSAVE;
    write_cr4(cr4);
    get_cpu_info()->cr4 = cr4;
    this_cpu(loaded_xcr0) = 0;
    if (host_xcr0)
        xsetbv(host_xcr0);
    __asm__ volatile("fninit");
}

void xstate_init(void)
{
    static struct fxsave probe __aligned(16);

    if (cpu_has(X86_FEATURE_XSAVE) && boot_cpu.max_leaf >= XSTATE_LEAF)
        host_xcr0 = offered_components();
    xstate_init_cpu();
    __asm__ volatile("fxsaveq %0" : "=m"(probe));
    if (probe.mxcsr_mask)
        mxcsr_mask = probe.mxcsr_mask;
    if (host_xcr0) {
        read_components();
        xsave_area_size = xstate_size_for(host_xcr0);
    }
    printk(XENLOG_INFO "FPU state: %s, %u bytes, components %#lx\n",
           !host_xcr0 ? "FXSAVE" : cpu_has(X86_FEATURE_XSAVEOPT) ? "XSAVEOPT" : "XSAVE",
           xsave_area_size, host_xcr0);
}

uint32_t xstate_size_for(uint64_t xcr0)
{
    uint32_t size = FXSAVE_SIZE + XSAVE_HEADER_SIZE;

    for (unsigned int i = 2; i < XSTATE_COMPONENTS; i++)
        if (xcr0 & host_xcr0 & BIT(i))
            size = MAX(size, component[i].offset + component[i].size);
    return size;
}

uint32_t xstate_compact_size_for(uint64_t xcr0)
{
    uint32_t size = FXSAVE_SIZE + XSAVE_HEADER_SIZE;

    for (unsigned int i = 2; i < XSTATE_COMPONENTS; i++)
        if (xcr0 & host_xcr0 & BIT(i))
            size = ROUND_UP(size, component[i].compact_align) + component[i].size;
    return size;
}

static void reset_area(struct xsave *x)
{
    memset(x, 0, xsave_area_size);
    x->fx.fcw = FCW_RESET;
    x->fx.mxcsr = MXCSR_RESET;
}

int xstate_alloc_vcpu(struct vcpu *v)
{
    v->xsave_area = xzalloc(xsave_area_size + XSAVE_ALIGN);
    if (!v->xsave_area)
        return -ENOMEM;
    reset_area(area_of(v));
    v->xcr0 = v->xcr0_accum = host_xcr0 & (XCR0_X87 | XCR0_SSE);
    return 0;
}

void xstate_free_vcpu(struct vcpu *v)
{
    xfree(v->xsave_area);
    v->xsave_area = NULL;
}

void xstate_save(struct vcpu *v)
{
    struct xsave *x = area_of(v);
    uint32_t lo = (uint32_t)host_xcr0, hi = (uint32_t)(host_xcr0 >> 32);

    if (!host_xcr0) {
        __asm__ volatile("fxsaveq %0" : "=m"(*x));
        return;
    }
    /* The guest may have turned components off that still hold its data. */
    xsetbv(host_xcr0);
    if (cpu_has(X86_FEATURE_XSAVEOPT))
        __asm__ volatile("xsaveopt64 %0" : "+m"(*x) : "a"(lo), "d"(hi) : "memory");
    else
        __asm__ volatile("xsave64 %0" : "+m"(*x) : "a"(lo), "d"(hi) : "memory");
}

/* AMD CPUs load the x87 error pointers only with a pending exception:
   the last vCPU's would stay. */
static void clear_x87_pointers(void)
{
    static const uint32_t zero;

    if (boot_cpu.vendor == VENDOR_intel || cpu_has(X86_FEATURE_RSTR_FP_ERR_PTRS))
        return;
    __asm__ volatile("fnclex; ffree %%st(7); fildl %0" : : "m"(zero));
}

void xstate_restore(struct vcpu *v)
{
    struct xsave *x = area_of(v);

    clear_x87_pointers();
    if (!host_xcr0) {
        __asm__ volatile("fxrstorq %0" : : "m"(*x));
        return;
    }
    /* All components, so that nothing of the last vCPU stays; those that this one doesn't
       use get their initial value. */
    xsetbv(host_xcr0);
    __asm__ volatile("xrstor64 %0" : : "m"(*x), "a"((uint32_t)host_xcr0),
                     "d"((uint32_t)(host_xcr0 >> 32)) : "memory");
    xsetbv(v->xcr0);
}

bool xcr0_valid(uint64_t xcr0)
{
    if (!(xcr0 & XCR0_X87) || (xcr0 & ~host_xcr0))
        return false;
    if ((xcr0 & XCR0_AVX) && !(xcr0 & XCR0_SSE))
        return false;
    if (xcr0 & XCR0_AVX512)
        return (xcr0 & XCR0_AVX512) == XCR0_AVX512 && (xcr0 & XCR0_AVX);
    return true;
}

int guest_xsetbv(struct vcpu *v, uint32_t index, uint64_t val)
{
    if (index != 0 || !xcr0_valid(val))
        return -EPERM;
    v->xcr0 = val;
    v->xcr0_accum |= val;
    xsetbv(val);
    return 0;
}

void xstate_set_fxsave(struct vcpu *v, const void *fx512)
{
    struct xsave *x = area_of(v);

    reset_area(x);
    memcpy(&x->fx, fx512, sizeof(x->fx));
    /* Reserved bits would fault when the state is loaded. */
    x->fx.mxcsr &= mxcsr_mask;
    if (host_xcr0)
        x->xstate_bv = XCR0_X87 | XCR0_SSE;
    v->fpu_initialised = true;
}

void xstate_get_fxsave(const struct vcpu *v, void *fx512)
{
    const struct xsave *x = area_of(v);
    struct fxsave fx = x->fx;

    /* Components in their initial state were not written by XSAVEOPT or XSAVE. */
    if (host_xcr0 && !(x->xstate_bv & XCR0_X87)) {
        memset(&fx, 0, offsetof(struct fxsave, mxcsr));
        memset(fx.st, 0, sizeof(fx.st));
        fx.fcw = FCW_RESET;
    }
    if (host_xcr0 && !(x->xstate_bv & XCR0_SSE))
        memset(fx.xmm, 0, sizeof(fx.xmm));
    memset(fx.rest, 0, sizeof(fx.rest));
    fx.mxcsr_mask = mxcsr_mask;
    memcpy(fx512, &fx, sizeof(fx));
}

const void *xstate_area(const struct vcpu *v)
{
    return area_of(v);
}

int xstate_set_area(struct vcpu *v, const void *data, size_t size, uint64_t accum)
{
    struct xsave *x = area_of(v);
    struct xsave header;

    if (!host_xcr0 || size < sizeof(header) || size > xsave_area_size)
        return -EINVAL;
    memcpy(&header, data, sizeof(header));
    /* What XRSTOR would fault on. */
    if (header.xstate_bv & ~accum || header.xcomp_bv || header.fx.mxcsr & ~mxcsr_mask)
        return -EINVAL;
    for (unsigned int i = 0; i < ARRAY_SIZE(header.zero); i++)
        if (header.zero[i])
            return -EINVAL;
    reset_area(x);
    memcpy(x, data, size);
    return 0;
}
