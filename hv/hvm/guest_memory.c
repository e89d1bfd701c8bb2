/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to an HVM guest's memory, by guest-physical and by linear addresses: RAM only, a page at a
 * time, each with a reference while it is used.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/processor.h>
#include "hvm_priv.h"

enum direction { FROM_GUEST, TO_GUEST, CLEAR_GUEST };

/* Within one page. */
static int access_page(struct domain *d, uint64_t gpa, void *buf, size_t len, enum direction dir)
{
    enum p2m_type type;
    struct page_info *pg = p2m_get_page(d, gpa >> PAGE_SHIFT, &type);
    char *at;
    int rc = 0;

    if (!pg)
        return -EFAULT;
    at = (char *)page_to_virt(pg) + (gpa & ~PAGE_MASK);
    if (dir == FROM_GUEST)
        memcpy(buf, at, len);
    else if (!p2m_is_writable(type))
        rc = -EFAULT;
    else if (dir == TO_GUEST)
        memcpy(at, buf, len);
    else
        memset(at, 0, len);
    put_page(pg);
    if (!rc && dir != FROM_GUEST && type == P2M_RAM_LOGDIRTY)
        p2m_mark_dirty(d, gpa >> PAGE_SHIFT);
    return rc;
}

static size_t within_page(uint64_t addr, size_t len)
{
    return MIN(len, PAGE_SIZE - (addr & ~PAGE_MASK));
}

static int access_gpa(struct domain *d, uint64_t gpa, void *buf, size_t len, enum direction dir)
{
    while (len) {
        size_t n = within_page(gpa, len);
        int rc = access_page(d, gpa, buf, n, dir);

        if (rc)
            return rc;
        gpa += n;
        len -= n;
        buf = (char *)buf + n;
    }
    return 0;
}

int hvm_copy_from_gpa(struct domain *d, void *dst, uint64_t gpa, size_t len)
{
    return access_gpa(d, gpa, dst, len, FROM_GUEST);
}

int hvm_copy_to_gpa(struct domain *d, uint64_t gpa, const void *src, size_t len)
{
    return access_gpa(d, gpa, (void *)src, len, TO_GUEST);
}

/* access: HVM_WALK_*. buf is NULL for CLEAR_GUEST. */
static int access_linear(struct vcpu *v, uint64_t gva, void *buf, size_t len, uint32_t access,
                         enum direction dir)
{
    while (len) {
        size_t n = within_page(gva, len);
        uint64_t gpa;
        int rc;

        if (hvm_walk(v, gva, access, &gpa))
            return -EFAULT;
        rc = access_page(v->domain, gpa, buf, n, dir);
        if (rc)
            return rc;
        gva += n;
        len -= n;
        if (buf)
            buf = (char *)buf + n;
    }
    return 0;
}

int hvm_copy_from_linear(struct vcpu *v, void *dst, uint64_t gva, size_t len)
{
    return access_linear(v, gva, dst, len, 0, FROM_GUEST);
}

int hvm_copy_from(void *dst, const void *gva, size_t len)
{
    int rc = access_linear(current, (uint64_t)gva, dst, len, 0, FROM_GUEST);

    if (rc)
        memset(dst, 0, len);
    return rc;
}

int hvm_copy_to(void *gva, const void *src, size_t len)
{
    return access_linear(current, (uint64_t)gva, (void *)src, len, HVM_WALK_W, TO_GUEST);
}

int hvm_clear(void *gva, size_t len)
{
    return access_linear(current, (uint64_t)gva, NULL, len, HVM_WALK_W, CLEAR_GUEST);
}

unsigned int hvm_fetch(struct vcpu *v, uint8_t *dst, unsigned int len)
{
    uint32_t access = HVM_WALK_X | (hvm_cpl(v) == 3 ? HVM_WALK_USER : 0);
    struct x86_segment cs;
    unsigned int done = 0;
    uint64_t at = hvm_regs(v)->rip;

    hvm_vendor->get_segment(v, X86_SEG_CS, &cs);
    if (hvm_code_size(v) != 8)
        at = (uint32_t)(at + cs.base);
    while (done < len) {
        unsigned int n = (unsigned int)within_page(at, len - done);

        if (access_linear(v, at, dst + done, n, access, FROM_GUEST))
            break;
        at += n;
        done += n;
    }
    return done;
}
