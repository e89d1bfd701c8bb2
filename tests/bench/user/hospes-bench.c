/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What user-level operations cost in dom0 (or on the bare machine), for the rows of doc/bench.md.
 *
 * Prints `HOSPES-BENCH row=VALUE` with the median of single operations, each timed by the time
 * stamp counter. Under QEMU's -icount that counts instructions, and single operations repeat
 * exactly. Rows that the machine does not offer (no privcmd on the bare machine) are left out.
 * Limits: one vCPU, run as root, x86-64.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_SAMPLES 256
#define PAGE        4096UL
#define UNMAP_PAGES 64
/* Written data that fork has to copy the page tables of, as a small real program has. */
#define DATA_PAGES  128

/* Linux's <xen/privcmd.h>, which no Debian package installs for user programs. */
struct privcmd_hypercall {
    uint64_t op;
    uint64_t arg[5];
};
#define IOCTL_PRIVCMD_HYPERCALL _IOC(_IOC_NONE, 'P', 0, sizeof(struct privcmd_hypercall))
#define XEN_VERSION_CALL 17

/* measure() fills in what each of `count` operations took; false where the machine has no such. */
struct row {
    const char *name;
    int count;
    bool (*measure)(uint64_t *spent, int count);
};

static inline uint64_t now(void)
{
    uint32_t low, high;

    asm volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

static void *map_pages(size_t pages, int more_flags)
{
    void *area = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0);

    if (area == MAP_FAILED) {
        perror("mmap");
        exit(1);
    }
    return area;
}

/* What reading the counter twice takes by itself: taken off every figure. */
static bool measure_nothing(uint64_t *spent, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t start = now();

        spent[i] = now() - start;
    }
    return true;
}

static bool measure_getppid(uint64_t *spent, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t start = now();
        long result = SYS_getppid;

        asm volatile("syscall" : "+a"(result) : : "rcx", "r11", "memory");
        spent[i] = now() - start;
    }
    return true;
}

/* Most touches find the page tables above the page; the median is one that does. */
static bool measure_page_fault(uint64_t *spent, int count)
{
    volatile char *area = map_pages(count, 0);

    for (int i = 0; i < count; i++) {
        uint64_t start = now();

        area[i * PAGE] = 1;
        spent[i] = now() - start;
    }
    munmap((void *)area, count * PAGE);
    return true;
}

static bool measure_mprotect(uint64_t *spent, int count)
{
    void *area = map_pages(1, MAP_POPULATE);

    for (int i = 0; i < count; i++) {
        uint64_t start = now();

        mprotect(area, PAGE, i % 2 ? PROT_READ | PROT_WRITE : PROT_READ);
        spent[i] = now() - start;
    }
    munmap(area, PAGE);
    return true;
}

static bool measure_munmap(uint64_t *spent, int count)
{
    for (int i = 0; i < count; i++) {
        void *area = map_pages(UNMAP_PAGES, MAP_POPULATE);
        uint64_t start = now();

        munmap(area, UNMAP_PAGES * PAGE);
        spent[i] = now() - start;
    }
    return true;
}

/* The child sends back each byte until the pipe closes. */
static void echo_bytes(int from, int to)
{
    char byte;

    while (read(from, &byte, 1) == 1)
        if (write(to, &byte, 1) != 1)
            break;
    _exit(0);
}

static bool measure_pipe(uint64_t *spent, int count)
{
    int there[2], back[2];
    bool works = true;
    char byte = 0;
    pid_t child;

    if (pipe(there) || pipe(back) || (child = fork()) < 0)
        return false;
    if (child == 0) {
        close(there[1]);
        echo_bytes(there[0], back[1]);
    }
    for (int i = 0; i < count && works; i++) {
        uint64_t start = now();

        works = write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1;
        spent[i] = now() - start;
    }
    close(there[0]);
    close(there[1]);
    close(back[0]);
    close(back[1]);
    waitpid(child, NULL, 0);
    return works;
}

static bool measure_children(uint64_t *spent, int count, bool with_exec)
{
    for (int i = 0; i < count; i++) {
        uint64_t start = now();
        pid_t child = fork();

        if (child < 0)
            return false;
        if (child == 0) {
            if (with_exec)
                execl("/proc/self/exe", "hospes-bench", "--exit", (char *)NULL);
            _exit(0);
        }
        waitpid(child, NULL, 0);
        spent[i] = now() - start;
    }
    return true;
}

static bool measure_fork_exit(uint64_t *spent, int count)
{
    return measure_children(spent, count, false);
}

static bool measure_fork_exec(uint64_t *spent, int count)
{
    return measure_children(spent, count, true);
}

static bool measure_cpuid(uint64_t *spent, int count)
{
    for (int i = 0; i < count; i++) {
        uint64_t start = now();
        uint32_t a = 1, b, c = 0, d;

        asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
        spent[i] = now() - start;
    }
    return true;
}

/* CPUID with Xen's prefix, which asks the hypervisor even where plain CPUID does not trap. */
static bool measure_cpuid_forced(uint64_t *spent, int count)
{
    if (access("/sys/hypervisor/version", F_OK))
        return false;
    for (int i = 0; i < count; i++) {
        uint64_t start = now();
        uint32_t a = 0x40000000, b, c = 0, d;

        asm volatile("ud2a; .ascii \"xen\"; cpuid"
                     : "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
        spent[i] = now() - start;
    }
    return true;
}

static bool measure_port_read(uint64_t *spent, int count)
{
    if (ioperm(0x61, 1, 1))
        return false;
    for (int i = 0; i < count; i++) {
        uint64_t start = now();

        inb(0x61);
        spent[i] = now() - start;
    }
    return true;
}

static bool measure_privcmd(uint64_t *spent, int count)
{
    struct privcmd_hypercall call = { .op = XEN_VERSION_CALL };
    int fd = open("/dev/xen/privcmd", O_RDWR | O_CLOEXEC);

    if (fd < 0 || ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call) < 0)
        return false;
    for (int i = 0; i < count; i++) {
        uint64_t start = now();

        ioctl(fd, IOCTL_PRIVCMD_HYPERCALL, &call);
        spent[i] = now() - start;
    }
    close(fd);
    return true;
}

static const struct row rows[] = {
    { "getppid", 255, measure_getppid },
    { "page-fault", 255, measure_page_fault },
    { "mprotect", 255, measure_mprotect },
    { "munmap-64", 63, measure_munmap },
    { "pipe-round-trip", 255, measure_pipe },
    { "fork-exit", 63, measure_fork_exit },
    { "fork-exec", 63, measure_fork_exec },
    { "cpuid", 255, measure_cpuid },
    { "port-read-0x61", 255, measure_port_read },
    { "privcmd-xen_version", 255, measure_privcmd },
    { "cpuid-forced", 255, measure_cpuid_forced },
};

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* Median of a row's operations; UINT64_MAX where the machine has no such. The first run warms. */
static uint64_t median_of(const struct row *row)
{
    static uint64_t spent[MAX_SAMPLES];

    memset(spent, 0, sizeof(spent));
    if (!row->measure(spent, row->count) || !row->measure(spent, row->count))
        return UINT64_MAX;
    qsort(spent, row->count, sizeof(spent[0]), compare);
    return spent[row->count / 2];
}

int main(int argc, char **argv)
{
    static const struct row nothing = { "nothing", 255, measure_nothing };
    static char data[DATA_PAGES * PAGE];
    uint64_t overhead;

    if (argc > 1 && !strcmp(argv[1], "--exit"))
        return 0;
    overhead = median_of(&nothing);
    memset(data, 1, sizeof(data));
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t spent = median_of(&rows[i]);

        if (spent == UINT64_MAX)
            continue;
        printf("HOSPES-BENCH %s=%llu\n", rows[i].name, (unsigned long long)(spent - overhead));
        fflush(stdout);
    }
    puts("HOSPES-BENCH done=1");
    return 0;
}
