/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps of PV guests (tools/lib/dump_core.c), of a guest that is an array here. */
/* sources: tools/lib/dump_core.c tools/lib/error.c */
/* cflags: -D_GNU_SOURCE -Itools/lib/include */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <hospes/dump_core.h>

#define FRAMES 700u             /* of the guest, from FIRST on */
#define FIRST 5000u
#define FOREIGN 99u
#define PFNS 600u               /* in its list */
#define PATH "/tmp/hospes-test-core"

static uint8_t memory[FRAMES][4096];
static struct xen_domctl_getdomaininfo info;
static unsigned int pauses, unpauses;
static struct hospes h;

/* Frames: 0 shared_info, 1 the list of lists, 2 the list, 3 and 4 the p2m, 5... pages. */
enum { SHARED, TOP, LIST, P2M, PAGES = 5 };

bool xen_domain_info(struct hospes *x, uint32_t domid, struct xen_domctl_getdomaininfo *out)
{
    *out = info;
    return domid == 1;
}

int xen_domain_pause(struct hospes *x, uint32_t domid)
{
    pauses++;
    return 0;
}

int xen_domain_unpause(struct hospes *x, uint32_t domid)
{
    unpauses++;
    return 0;
}

int xen_vcpu_info(struct hospes *x, uint32_t domid, unsigned int vcpu,
                  struct xen_domctl_getvcpuinfo *v)
{
    *v = (struct xen_domctl_getvcpuinfo){ .online = vcpu != 1 };
    return 0;
}

int xen_vcpu_context_get(struct hospes *x, uint32_t domid, unsigned int vcpu,
                         vcpu_guest_context_t *context)
{
    memset(context, 0, sizeof(*context));
    context->user_regs.rip = 0x1000 + vcpu;
    return 0;
}

void *xenforeignmemory_map(xenforeignmemory_handle *f, uint32_t domid, int prot, size_t n,
                           const xen_pfn_t frames[], int failed[])
{
    uint8_t *p = calloc(n, 4096);

    for (size_t i = 0; i < n; i++) {
        bool ours = frames[i] >= FIRST && frames[i] < FIRST + FRAMES;

        failed[i] = ours ? 0 : -EINVAL;
        if (ours)
            memcpy(p + i * 4096, memory[frames[i] - FIRST], 4096);
    }
    return p;
}

int xenforeignmemory_unmap(xenforeignmemory_handle *f, void *p, size_t n)
{
    free(p);
    return 0;
}

void *xen_map(struct hospes *x, uint32_t domid, int prot, const xen_pfn_t *frames, size_t n)
{
    int failed[1];

    return xenforeignmemory_map(NULL, domid, prot, n, frames, failed);
}

void xen_unmap(struct hospes *x, void *p, size_t n)
{
    free(p);
}

void *xen_buffer(struct hospes *x, size_t size)
{
    return calloc(1, size);
}

void xen_buffer_free(struct hospes *x, void *p)
{
    free(p);
}

long xen_hypercall(struct hospes *x, unsigned int number, unsigned long a, unsigned long b,
                   unsigned long c, unsigned long d, const char *what)
{
    return a ? 0 : (4 << 16) | 17;
}

static int setup(void **state)
{
    shared_info_t *s = (void *)memory[SHARED];
    uint64_t *p2m = (void *)memory[P2M];

    (void)state;
    memset(memory, 0, sizeof(memory));
    memset(&h, 0, sizeof(h));
    info = (struct xen_domctl_getdomaininfo){ .domain = 1, .max_vcpu_id = 2,
                                              .shared_info_frame = FIRST + SHARED };
    pauses = unpauses = 0;
    s->arch.max_pfn = PFNS;
    s->arch.pfn_to_mfn_frame_list_list = FIRST + TOP;
    *(uint64_t *)(void *)memory[TOP] = FIRST + LIST;
    ((uint64_t *)(void *)memory[LIST])[0] = FIRST + P2M;
    ((uint64_t *)(void *)memory[LIST])[1] = FIRST + P2M + 1;
    for (unsigned int i = 0; i < PFNS; i++) {
        p2m[i] = FIRST + PAGES + i;
        memory[PAGES + i][0] = (uint8_t)i;
        memory[PAGES + i][4095] = (uint8_t)(i >> 8);
    }
    unlink(PATH);
    return 0;
}

/* The file, and its section of that name. */
static uint8_t *file;
static size_t file_size;

static int read_file(void)
{
    FILE *f = fopen(PATH, "rb");

    free(file);
    file = NULL;
    if (!f)
        return -1;
    fseek(f, 0, SEEK_END);
    file_size = (size_t)ftell(f);
    rewind(f);
    file = malloc(file_size);
    assert_int_equal(fread(file, 1, file_size, f), file_size);
    fclose(f);
    return 0;
}

static const uint8_t *section(const char *name, uint64_t *size)
{
    const Elf64_Ehdr *e = (const void *)file;
    const Elf64_Shdr *s = (const void *)(file + e->e_shoff);
    const char *names = (const char *)file + s[e->e_shstrndx].sh_offset;

    for (unsigned int i = 0; i < e->e_shnum; i++)
        if (!strcmp(names + s[i].sh_name, name)) {
            assert_true(s[i].sh_offset + s[i].sh_size <= file_size);
            *size = s[i].sh_size;
            return file + s[i].sh_offset;
        }
    fail_msg("no section %s", name);
    return NULL;
}

static void whole(void **state)
{
    const struct dump_p2m *p2m;
    const uint8_t *pages, *notes;
    struct dump_header head;
    vcpu_guest_context_t c;
    uint64_t size;

    (void)state;
    assert_int_equal(guest_dump_core(&h, 1, PATH), 0);
    assert_int_equal(read_file(), 0);
    assert_memory_equal(file, ELFMAG, SELFMAG);
    assert_int_equal(((const Elf64_Ehdr *)(const void *)file)->e_type, ET_CORE);
    p2m = (const void *)section(".xen_p2m", &size);
    assert_int_equal(size, PFNS * sizeof(*p2m));
    pages = section(".xen_pages", &size);
    assert_int_equal(size, PFNS * 4096);
    assert_int_equal((pages - file) % 4096, 0);
    for (unsigned int i = 0; i < PFNS; i++) {
        assert_int_equal(p2m[i].pfn, i);
        assert_int_equal(p2m[i].gmfn, FIRST + PAGES + i);
        assert_memory_equal(pages + i * 4096, memory[PAGES + i], 4096);
    }
    /* vCPU 1 is off. */
    memcpy(&c, section(".xen_prstatus", &size) + sizeof(c), sizeof(c));
    assert_int_equal(size, 2 * sizeof(c));
    assert_int_equal(c.user_regs.rip, 0x1002);
    assert_memory_equal(section(".xen_shared_info", &size), memory[SHARED], 4096);
    notes = section(".note.Xen", &size);
    memcpy(&head, notes + 16 + 16, sizeof(head));
    assert_int_equal(head.magic, DUMP_MAGIC_PV);
    assert_int_equal(head.nr_vcpus, 2);
    assert_int_equal(head.nr_pages, PFNS);
    assert_int_equal(pauses, 1);
    assert_int_equal(unpauses, 1);
}

/* Frames of others, none at all, a list that is not there: left out. */
static void holes(void **state)
{
    uint64_t *p2m = (void *)memory[P2M], size;
    const struct dump_p2m *out;

    (void)state;
    p2m[0] = ~0ull;
    p2m[1] = FOREIGN;
    p2m[2] = (1ull << 63) | (FIRST + PAGES);
    p2m[300] = FIRST + FRAMES;
    ((uint64_t *)(void *)memory[LIST])[1] = FOREIGN;
    info.flags = XEN_DOMINF_paused;
    assert_int_equal(guest_dump_core(&h, 1, PATH), 0);
    assert_int_equal(read_file(), 0);
    out = (const void *)section(".xen_p2m", &size);
    assert_int_equal(size / sizeof(*out), 512 - 4);
    assert_int_equal(out[0].pfn, 3);
    assert_int_equal(out[297].pfn, 301);
    assert_int_equal(out[297].gmfn, FIRST + PAGES + 301);
    assert_memory_equal(section(".xen_pages", &size) + 297 * 4096, memory[PAGES + 301], 4096);
    assert_int_equal(pauses + unpauses, 0);
}

static void refused(void **state)
{
    shared_info_t *s = (void *)memory[SHARED];

    (void)state;
    s->arch.max_pfn = 0;
    assert_int_equal(guest_dump_core(&h, 1, PATH), -1);
    assert_int_equal(h.error.code, EAGAIN);
    assert_int_equal(read_file(), -1);
    assert_int_equal(unpauses, 1);
    error_clear(&h.error);
    s->arch.max_pfn = 1ull << 60;
    assert_int_equal(guest_dump_core(&h, 1, PATH), -1);
    assert_int_equal(h.error.code, EINVAL);
    error_clear(&h.error);
    assert_int_equal(guest_dump_core(&h, 2, PATH), -1);
    assert_int_equal(h.error.code, ESRCH);
    error_clear(&h.error);
    s->arch.max_pfn = PFNS;
    assert_int_equal(guest_dump_core(&h, 1, "/nonexistent/core"), -1);
    assert_int_equal(h.error.code, ENOENT);
}

static int end(void **state)
{
    (void)state;
    free(file);
    unlink(PATH);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(whole, setup), cmocka_unit_test_setup(holes, setup),
        cmocka_unit_test_setup(refused, setup),
    };

    return cmocka_run_group_tests(tests, NULL, end);
}
