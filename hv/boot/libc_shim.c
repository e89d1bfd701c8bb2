/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Debian's static decompression libraries expect of a hosted C program, beyond hv/lib.h's
 * memory functions: a heap in the arena that the caller gave, the stack protector's canary at
 * FS:0x28, and their constructors run once. Boot CPU only, interrupts off, from libc_shim_enter()
 * to libc_shim_leave().
 */
#include <hv/lib.h>
#include <hv/loader.h>
#include <hv/msr_index.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include "unpack.h"

#define ARENA_ALIGN 64
#define TLS_SIZE 256 /* the canary lies at 0x28 */

/* The names are the C library's; its headers are not. */
void *malloc(size_t size);
void *calloc(size_t n, size_t size);
void free(void *p);
void __stack_chk_fail(void) noreturn;

static uint8_t *arena;
static size_t arena_size, arena_used, arena_live;
static uint8_t tls[TLS_SIZE] __aligned(ARENA_ALIGN);
static uint64_t saved_fs_base;

/* A block is preceded by its length. Freed blocks come back when they are the last, or all when
   none is left: decoders allocate a few large blocks and free all of them at their end. */
struct block { size_t size; uint8_t pad[ARENA_ALIGN - sizeof(size_t)]; };

void unpack_arena(void *mem, size_t size)
{
    arena = (uint8_t *)ROUND_UP((unsigned long)mem, (unsigned long)ARENA_ALIGN);
    arena_size = size - MIN(size, (size_t)(arena - (uint8_t *)mem));
    arena_used = arena_live = 0;
}

void *malloc(size_t size)
{
    size_t need = ROUND_UP(size, (size_t)ARENA_ALIGN) + sizeof(struct block);
    struct block *b;

    if (need < size || need > arena_size - arena_used) {
        printk(XENLOG_WARNING "unpacking: the decoder asks for %lu bytes, %lu are left\n", size,
               arena_size - arena_used);
        return NULL;
    }
    b = (struct block *)(arena + arena_used);
    b->size = need;
    arena_used += need;
    arena_live++;
    return b + 1;
}

void *calloc(size_t n, size_t size)
{
    size_t total;
    void *p;

    if (__builtin_mul_overflow(n, size, &total))
        return NULL;
    p = malloc(total);
    if (p)
        memset(p, 0, total);
    return p;
}

void free(void *p)
{
    struct block *b = (struct block *)p - 1;

    if (!p)
        return;
    if ((uint8_t *)b + b->size == arena + arena_used)
        arena_used -= b->size;
    if (--arena_live == 0)
        arena_used = 0;
}

void __stack_chk_fail(void)
{
    panic("The kernel image's decoder overran its stack: the image is damaged in a way it does not "
          "stand");
}

/* Linker script: the libraries' constructors choose code by CPUID. */
extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

void libc_shim_enter(void)
{
    static bool constructed;

    saved_fs_base = rdmsr(MSR_FS_BASE);
    wrmsr(MSR_FS_BASE, (unsigned long)tls);
    clts();
    if (constructed)
        return;
    constructed = true;
    for (void (*const *fn)(void) = init_array_start; fn < init_array_end; fn++)
        (*fn)();
}

void libc_shim_leave(void)
{
    wrmsr(MSR_FS_BASE, saved_fs_base);
}

/* Weak hooks of libzstd that no 32-bit displacement could reach at address 0 if they stayed
 * undefined. 0 = no tracing. */
unsigned long long ZSTD_trace_decompress_begin(const void *dctx);
void ZSTD_trace_decompress_end(unsigned long long ctx, const void *trace);
unsigned long long ZSTD_trace_decompress_begin(const void *dctx)
{
    return 0;
}

void ZSTD_trace_decompress_end(unsigned long long ctx, const void *trace)
{
}
