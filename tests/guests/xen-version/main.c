/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Does xen_version answer every sub-operation, and refuse unknown ones and bad pointers?
 *
 * The ABI: version 4.17 as (4 << 16 | 17); strings end within their fields; capabilities name
 * xen-3.0-x86_64; XENVER_platform_parameters gives the start of the hypervisor's range; pagesize is
 * 4096; a bad pointer gives -EFAULT, an unknown sub-operation -ENOSYS.
 */
#include <guest.h>

#define BAD_POINTER ((void *)0x1000)
#define HV_POINTER ((void *)(HYPERVISOR_VIRT_START + 0x1000))

static bool ends_within(const char *text, size_t size)
{
    while (size--) {
        if (!*text++)
            return true;
    }
    return false;
}

static void strings(void)
{
    static union {
        xen_extraversion_t extra;
        xen_compile_info_t compile;
        xen_capabilities_info_t caps;
        xen_changeset_info_t changeset;
        xen_commandline_t command;
        char bytes[2048];
    } u;

    memset(&u, 0xaa, sizeof(u));
    expect(hc_xen_version(XENVER_extraversion, &u), 0);
    check(ends_within(u.extra, sizeof(u.extra)), "extraversion does not end");
    memset(&u, 0xaa, sizeof(u));
    expect(hc_xen_version(XENVER_compile_info, &u), 0);
    check(ends_within(u.compile.compiler, sizeof(u.compile.compiler)), "compiler does not end");
    check(ends_within(u.compile.compile_date, sizeof(u.compile.compile_date)), "date does not end");
    check(u.bytes[sizeof(u.compile)] == (char)0xaa, "compile_info wrote past its end");
    memset(&u, 0xaa, sizeof(u));
    expect(hc_xen_version(XENVER_capabilities, &u), 0);
    check(ends_within(u.caps, sizeof(u.caps)), "capabilities do not end");
    check(strstr(u.caps, "xen-3.0-x86_64"), "capabilities lack xen-3.0-x86_64: %s", u.caps);
    check(u.bytes[sizeof(u.caps)] == (char)0xaa, "capabilities wrote past their end");
    memset(&u, 0xaa, sizeof(u));
    expect(hc_xen_version(XENVER_changeset, &u), 0);
    check(ends_within(u.changeset, sizeof(u.changeset)), "changeset does not end");
    memset(&u, 0xaa, sizeof(u));
    expect(hc_xen_version(XENVER_commandline, &u), 0);
    check(ends_within(u.command, sizeof(u.command)), "command line does not end");
    check(strstr(u.command, "com1="), "command line lacks com1=: %s", u.command);
}

static void bad_pointers(void)
{
    static const unsigned int commands[] = {
        XENVER_extraversion, XENVER_compile_info, XENVER_capabilities, XENVER_changeset,
        XENVER_platform_parameters, XENVER_get_features, XENVER_guest_handle, XENVER_commandline,
    };
    unsigned int i;

    for (i = 0; i < ARRAY_SIZE(commands); i++) {
        long got = hc_xen_version(commands[i], BAD_POINTER);

        check(got == -XEN_EFAULT, "command %u with a bad pointer gave %ld", commands[i], got);
        got = hc_xen_version(commands[i], HV_POINTER);
        check(got == -XEN_EFAULT, "command %u with the hypervisor's pointer gave %ld",
              commands[i], got);
    }
}

void test_main(void)
{
    static const unsigned int unknown[] = { 11, 12, 100, 0x7fffffff, 0xffffffff };
    struct xen_platform_parameters platform = { 0 };
    xen_domain_handle_t handle;
    struct {
        struct xen_build_id id;
        unsigned char room[64];
    } build = { .id.len = 64 };
    unsigned int i;
    long length;

    expect(hc_xen_version(XENVER_version, NULL), 4 << 16 | 17);
    expect(hc_xen_version(XENVER_pagesize, NULL), 4096);
    expect(hc_xen_version(XENVER_platform_parameters, &platform), 0);
    expect(platform.virt_start, HYPERVISOR_VIRT_START);
    memset(handle, 0xaa, sizeof(handle));
    expect(hc_xen_version(XENVER_guest_handle, handle), 0);
    check(handle[0] != 0xaa || handle[15] != 0xaa, "the domain's handle was not written");
    /* Without room only the length is told; a build without an identifier has no data. */
    length = hc_xen_version(XENVER_build_id, NULL);
    check(length > 0 || length == -XEN_ENODATA, "build_id length gave %ld", length);
    if (length > 0) {
        expect(hc_xen_version(XENVER_build_id, &build), length);
        build.id.len = 0;
        expect(hc_xen_version(XENVER_build_id, &build), -XEN_EINVAL);
        build.id.len = 1;
        expect(hc_xen_version(XENVER_build_id, &build), -XEN_ENOBUFS);
    }
    strings();
    bad_pointers();
    for (i = 0; i < ARRAY_SIZE(unknown); i++)
        expect(hc_xen_version(unknown[i], &platform), -XEN_ENOSYS);
}
