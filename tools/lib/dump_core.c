/* SPDX-License-Identifier: BSD-2-Clause */
/* Dumps of PV guests (dump_core.h). The guest's memory list is a stranger's: each number in it is
 * only ever mapped as a frame of that guest, which the hypervisor checks, and read. */
#include <hospes/dump_core.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <xen/elfnote.h>
#include <xen/version.h>

#define PAGE 4096u
#define PER_PAGE (PAGE / sizeof(uint64_t))
#define MAX_PFN (1ull << 27)    /* 512 GiB */
#define CHUNK 256u              /* frames mapped at a time */
#define INVALID (~0ull >> 1)    /* the top bit of an entry marks frames of others */

/* Structure of the file */

struct version_note {
    uint64_t major, minor;
    xen_extraversion_t extra;
    xen_compile_info_t compile;
    xen_capabilities_info_t capabilities;
    xen_changeset_info_t changeset;
    xen_platform_parameters_t platform;
    uint64_t page_size;
};

struct note {
    Elf64_Nhdr head;
    char name[4];
};

struct notes {
    struct note none;
    struct note header;
    struct dump_header header_desc;
    struct note version;
    struct version_note version_desc;
    struct note format;
    uint64_t format_desc;
} __attribute__((packed));

void dump_layout(struct dump_layout *l, uint64_t vcpus, uint64_t pages)
{
    l->notes = DUMP_HEAD_SIZE;
    l->prstatus = l->notes + sizeof(struct notes);
    l->shared_info = l->prstatus + vcpus * sizeof(vcpu_guest_context_t);
    l->pages = (l->shared_info + PAGE + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    l->p2m = l->pages + pages * PAGE;
    l->names = l->p2m + pages * sizeof(struct dump_p2m);
    l->end = l->names + DUMP_NAMES_SIZE;
}

void dump_head(uint8_t head[DUMP_HEAD_SIZE], char names[DUMP_NAMES_SIZE],
               const struct dump_layout *l, uint64_t vcpus, uint64_t pages)
{
    const struct { const char *name; uint32_t type; uint64_t at, size, each, align; } rows[] = {
        { "", SHT_NULL, 0, 0, 0, 0 },
        { ".shstrtab", SHT_STRTAB, l->names, DUMP_NAMES_SIZE, 0, 1 },
        { ".note.Xen", SHT_NOTE, l->notes, sizeof(struct notes), 0, 1 },
        { ".xen_prstatus", SHT_PROGBITS, l->prstatus, vcpus * sizeof(vcpu_guest_context_t),
          sizeof(vcpu_guest_context_t), 8 },
        { ".xen_shared_info", SHT_PROGBITS, l->shared_info, PAGE, PAGE, 8 },
        { ".xen_p2m", SHT_PROGBITS, l->p2m, pages * sizeof(struct dump_p2m),
          sizeof(struct dump_p2m), 8 },
        { ".xen_pages", SHT_PROGBITS, l->pages, pages * PAGE, PAGE, PAGE },
    };
    Elf64_Ehdr e = {
        .e_ident = { ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT,
                     ELFOSABI_SYSV },
        .e_type = ET_CORE, .e_machine = EM_X86_64, .e_version = EV_CURRENT,
        .e_shoff = sizeof(e), .e_ehsize = sizeof(e), .e_phentsize = sizeof(Elf64_Phdr),
        .e_shentsize = sizeof(Elf64_Shdr), .e_shnum = DUMP_SECTIONS, .e_shstrndx = 1,
    };
    size_t at = 0;

    _Static_assert(sizeof(rows) / sizeof(rows[0]) == DUMP_SECTIONS, "sections");
    _Static_assert(DUMP_HEAD_SIZE == sizeof(e) + DUMP_SECTIONS * sizeof(Elf64_Shdr), "head");
    memset(names, 0, DUMP_NAMES_SIZE);
    memcpy(head, &e, sizeof(e));
    for (size_t i = 0; i < DUMP_SECTIONS; i++) {
        Elf64_Shdr s = { .sh_name = (uint32_t)at, .sh_type = rows[i].type,
                         .sh_offset = rows[i].at, .sh_size = rows[i].size,
                         .sh_entsize = rows[i].each, .sh_addralign = rows[i].align };

        strcpy(names + at, rows[i].name);
        at += strlen(rows[i].name) + 1;
        memcpy(head + sizeof(e) + i * sizeof(s), &s, sizeof(s));
    }
}

static struct note note(uint32_t type, uint32_t size)
{
    return (struct note){ .head = { .n_namesz = 4, .n_descsz = size, .n_type = type },
                          .name = "Xen" };
}

static int version_word(struct hospes *h, int cmd, void *out, size_t size)
{
    void *buffer = xen_buffer(h, size);
    long rc;

    if (!buffer)
        return -1;
    rc = xen_hypercall(h, __HYPERVISOR_xen_version, (unsigned long)cmd, (unsigned long)buffer, 0,
                       0, "reading the version");
    memcpy(out, buffer, size);
    xen_buffer_free(h, buffer);
    return rc < 0 ? -1 : 0;
}

static int fill_notes(struct hospes *h, struct notes *n, uint64_t vcpus, uint64_t pages)
{
    struct version_note v = { .page_size = PAGE };
    long version = xen_hypercall(h, __HYPERVISOR_xen_version, XENVER_version, 0, 0, 0,
                                 "reading the version");

    if (version < 0 || version_word(h, XENVER_extraversion, v.extra, sizeof(v.extra)) ||
        version_word(h, XENVER_compile_info, &v.compile, sizeof(v.compile)) ||
        version_word(h, XENVER_capabilities, v.capabilities, sizeof(v.capabilities)) ||
        version_word(h, XENVER_changeset, v.changeset, sizeof(v.changeset)) ||
        version_word(h, XENVER_platform_parameters, &v.platform, sizeof(v.platform)))
        return -1;
    v.major = (uint64_t)version >> 16;
    v.minor = (uint64_t)version & 0xffff;
    *n = (struct notes){
        .none = note(XEN_ELFNOTE_DUMPCORE_NONE, 0),
        .header = note(XEN_ELFNOTE_DUMPCORE_HEADER, sizeof(n->header_desc)),
        .header_desc = { DUMP_MAGIC_PV, vcpus, pages, PAGE },
        .version = note(XEN_ELFNOTE_DUMPCORE_XEN_VERSION, sizeof(v)),
        .version_desc = v,
        .format = note(XEN_ELFNOTE_DUMPCORE_FORMAT_VERSION, sizeof(n->format_desc)),
        .format_desc = 1,
    };
    return 0;
}

/* The guest's memory list */

/* n entries of the list that lies in the frames whose numbers are in frames[]; a frame that cannot
 * be mapped gives entries without a frame. */
static int read_frames(struct hospes *h, uint32_t domid, const uint64_t *frames, uint64_t *entries,
                       uint64_t n)
{
    uint64_t n_frames = (n + PER_PAGE - 1) / PER_PAGE;

    for (uint64_t i = 0; i < n_frames; i++) {
        xen_pfn_t mfn = frames[i];
        uint64_t here = n - i * PER_PAGE < PER_PAGE ? n - i * PER_PAGE : PER_PAGE;
        int failed = 0;
        void *p = xenforeignmemory_map(h->foreign, domid, PROT_READ, 1, &mfn, &failed);

        if (p && !failed)
            memcpy(entries + i * PER_PAGE, p, here * sizeof(*entries));
        else
            memset(entries + i * PER_PAGE, 0xff, here * sizeof(*entries));
        xen_unmap(h, p, 1);
    }
    return 0;
}

/* The list has three levels: frame numbers of frames with frame numbers of the list. */
static uint64_t *read_p2m(struct hospes *h, uint32_t domid, const shared_info_t *s, uint64_t *n)
{
    uint64_t max = s->arch.max_pfn, frames = (max + PER_PAGE - 1) / PER_PAGE,
             lists = (frames + PER_PAGE - 1) / PER_PAGE, root = s->arch.pfn_to_mfn_frame_list_list;
    uint64_t *p2m, *list, *top;

    if (!max || max > MAX_PFN || lists > PER_PAGE) {
        error_set(&h->error, max ? EINVAL : EAGAIN, "dump", NULL,
                  max ? "the guest's memory list is of impossible size"
                      : "the guest's kernel has not started yet: it has given no memory list");
        return NULL;
    }
    p2m = malloc(max * sizeof(*p2m));
    list = malloc(frames * sizeof(*list));
    top = malloc(lists * sizeof(*top));
    if (!p2m || !list || !top || read_frames(h, domid, &root, top, lists) ||
        read_frames(h, domid, top, list, frames) || read_frames(h, domid, list, p2m, max)) {
        error_set(&h->error, ENOMEM, "dump", NULL, "no memory for the guest's memory list");
        free(p2m);
        p2m = NULL;
    }
    free(list);
    free(top);
    *n = max;
    return p2m;
}

/* Writing */

struct dump {
    struct hospes *h;
    uint32_t domid;
    const char *path;
    int fd;
    struct dump_p2m *pages;     /* those that were written */
    uint64_t n_pages;
};

static int put(struct dump *d, const void *data, size_t size, uint64_t at)
{
    const char *p = data;

    while (size) {
        ssize_t n = pwrite(d->fd, p, size, (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_set(&d->h->error, n ? errno : ENOSPC, "dump", NULL, "writing %s: %s",
                             d->path, strerror(n ? errno : ENOSPC));
        p += n;
        at += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

/* Writes those of the n frames that are the guest's, as the next pages of the dump. */
static int put_pages(struct dump *d, const struct dump_p2m *want, unsigned int n, uint64_t base)
{
    xen_pfn_t mfns[CHUNK];
    int failed[CHUNK], rc = 0;
    uint8_t *p;

    for (unsigned int i = 0; i < n; i++)
        mfns[i] = want[i].gmfn;
    p = xenforeignmemory_map(d->h->foreign, d->domid, PROT_READ, n, mfns, failed);
    if (!p)
        return error_set(&d->h->error, errno, "dump", NULL, "mapping the guest's memory: %s",
                         strerror(errno));
    for (unsigned int i = 0; i < n && !rc; i++) {
        unsigned int run = 0;

        while (i + run < n && !failed[i + run])
            d->pages[d->n_pages + run] = want[i + run], run++;
        if (!run)
            continue;
        rc = put(d, p + (size_t)i * PAGE, (size_t)run * PAGE, base + d->n_pages * PAGE);
        d->n_pages += run;
        i += run - 1;
    }
    xenforeignmemory_unmap(d->h->foreign, p, n);
    return rc;
}

static int put_memory(struct dump *d, const uint64_t *p2m, uint64_t n, uint64_t base)
{
    struct dump_p2m want[CHUNK];
    unsigned int have = 0;

    d->pages = calloc(n, sizeof(*d->pages));
    if (!d->pages)
        return error_set(&d->h->error, ENOMEM, "dump", NULL, "no memory for the list of pages");
    for (uint64_t pfn = 0; pfn < n; pfn++) {
        if (!(p2m[pfn] & ~INVALID))
            want[have++] = (struct dump_p2m){ pfn, p2m[pfn] };
        if (have == CHUNK || (have && pfn == n - 1)) {
            if (put_pages(d, want, have, base))
                return -1;
            have = 0;
        }
    }
    return 0;
}

/* The registers of vCPUs that are up; the number of them, or -1. */
static int put_vcpus(struct dump *d, const struct xen_domctl_getdomaininfo *info, uint64_t at,
                     bool write)
{
    vcpu_guest_context_t *context = calloc(1, sizeof(*context));
    int n = 0;

    if (!context)
        return error_set(&d->h->error, ENOMEM, "dump", NULL, "out of memory");
    for (unsigned int i = 0; i <= info->max_vcpu_id; i++) {
        struct xen_domctl_getvcpuinfo v;

        if (xen_vcpu_info(d->h, d->domid, i, &v)) {
            error_clear(&d->h->error);
            continue;
        }
        if (!v.online)
            continue;
        if (write && (xen_vcpu_context_get(d->h, d->domid, i, context) ||
                      put(d, context, sizeof(*context), at + (unsigned int)n * sizeof(*context))))
            break;
        n++;
    }
    free(context);
    return d->h->error.code ? -1 : n;
}

static int put_all(struct dump *d, const struct xen_domctl_getdomaininfo *info,
                   const shared_info_t *shared)
{
    int vcpus = put_vcpus(d, info, 0, false);
    uint8_t head[DUMP_HEAD_SIZE];
    char names[DUMP_NAMES_SIZE];
    struct dump_layout l;
    struct notes notes;
    uint64_t *p2m, n;
    int rc;

    if (vcpus < 0)
        return -1;
    p2m = read_p2m(d->h, d->domid, shared, &n);
    if (!p2m)
        return -1;
    dump_layout(&l, (unsigned int)vcpus, 0);
    rc = put_memory(d, p2m, n, l.pages);
    free(p2m);
    dump_layout(&l, (unsigned int)vcpus, d->n_pages);
    dump_head(head, names, &l, (unsigned int)vcpus, d->n_pages);
    if (rc || fill_notes(d->h, &notes, (unsigned int)vcpus, d->n_pages) ||
        put_vcpus(d, info, l.prstatus, true) < 0 ||
        put(d, shared, PAGE, l.shared_info) ||
        put(d, d->pages, d->n_pages * sizeof(*d->pages), l.p2m) ||
        put(d, names, sizeof(names), l.names) || put(d, &notes, sizeof(notes), l.notes))
        return -1;
    /* Last: a file without it is nobody's dump. */
    return put(d, head, sizeof(head), 0);
}

static int dump_to(struct dump *d, const struct xen_domctl_getdomaininfo *info)
{
    xen_pfn_t frame = info->shared_info_frame;
    shared_info_t *shared = xen_map(d->h, d->domid, PROT_READ, &frame, 1);
    uint8_t copy[PAGE] __attribute__((aligned(8)));
    int rc;

    if (!shared)
        return -1;
    memcpy(copy, shared, PAGE);
    xen_unmap(d->h, shared, 1);
    /* A dump of an earlier guest may be a link to elsewhere, or be read by others. */
    unlink(d->path);
    d->fd = open(d->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (d->fd < 0)
        return error_set(&d->h->error, errno, "dump", NULL, "%s: %s", d->path, strerror(errno));
    rc = put_all(d, info, (const shared_info_t *)(const void *)copy);
    if (close(d->fd) && !rc)
        rc = error_set(&d->h->error, errno, "dump", NULL, "writing %s: %s", d->path,
                       strerror(errno));
    if (rc)
        unlink(d->path);
    free(d->pages);
    return rc;
}

int guest_dump_core(struct hospes *h, uint32_t domid, const char *path)
{
    struct dump d = { .h = h, .domid = domid, .path = path };
    struct xen_domctl_getdomaininfo info;
    struct error first;
    bool pause;
    int rc;

    if (!xen_domain_info(h, domid, &info))
        return error_set(&h->error, ESRCH, "dump", NULL, "there is no domain %u", domid);
    if (info.flags & XEN_DOMINF_hvm_guest)
        return error_set(&h->error, EOPNOTSUPP, "dump", NULL, "dumps are made of PV guests only");
    pause = !(info.flags & (XEN_DOMINF_paused | XEN_DOMINF_shutdown | XEN_DOMINF_dying));
    if (pause && xen_domain_pause(h, domid))
        return -1;
    rc = dump_to(&d, &info);
    first = h->error;
    error_clear(&h->error);
    if (pause && xen_domain_unpause(h, domid) && !rc)
        return -1;
    h->error = first;
    return rc;
}
