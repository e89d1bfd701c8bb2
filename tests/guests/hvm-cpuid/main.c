/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What does CPUID show a hardware-assisted guest?
 *
 * Every CPUID makes an exit. Xen's leaves: signature, version, hypercall pages and their MSR, in
 * leaf 4 the vCPU's and the domain's numbers. The ordinary ones: the APIC id is twice the vCPU's
 * number, a hypervisor is present, x2APIC is offered whatever the host has, SVM and VMX are not,
 * OSXSAVE follows the guest's own CR4.
 */
#include <hvm.h>
#include <xen/arch-x86/cpuid.h>

#define CR4_OSXSAVE (1UL << 18)

void test_main(void)
{
    uint32_t base = hypervisor_base(), r[4];

    require(base, 0x40000000);
    cpuid(base, 0, r);
    check(r[0] >= base + 4, "highest hypervisor leaf is 0x%x", r[0]);
    check(r[3] == XEN_CPUID_SIGNATURE_EDX, "signature ends in 0x%x", r[3]);
    cpuid(base + 2, 0, r);
    check(r[0] == 1 && r[1] == 0x40000000, "%u hypercall pages by MSR 0x%x", r[0], r[1]);
    cpuid(base + 4, 0, r);
    check(r[0] & XEN_HVM_CPUID_VCPU_ID_PRESENT && r[1] == 0, "leaf 4 says 0x%x, vCPU %u", r[0],
          r[1]);
    check(r[0] & XEN_HVM_CPUID_DOMID_PRESENT &&
              r[2] == line_number(command_line(), "domid", ~0UL),
          "leaf 4 says 0x%x, domain %u", r[0], r[2]);
    cpuid(base + 0x50, 0, r);
    check(!r[0] && !r[1] && !r[2] && !r[3], "an unknown leaf is not empty");

    cpuid(1, 0, r);
    check(r[1] >> 24 == 0, "APIC id %u of vCPU 0", r[1] >> 24);
    check(r[2] & 1u << 31, "no hypervisor");
    check(r[2] & 1u << 21, "no x2APIC");
    check(r[3] & 1u << 9, "no local APIC");
    check(!(r[2] & 1u << 5), "VMX is offered");
    if (r[2] & 1u << 26) {
        check(!(r[2] & 1u << 27), "OSXSAVE before it is on");
        write_cr4(read_cr4() | CR4_OSXSAVE);
        cpuid(1, 0, r);
        check(r[2] & 1u << 27, "no OSXSAVE after it is on");
    }
    cpuid(0x80000001, 0, r);
    check(!(r[2] & 1u << 2), "SVM is offered");
    check(r[3] & 1u << 29, "no long mode");
    /* 32-bit registers: the upper halves are cleared. */
    uint64_t a = ~0UL, b = ~0UL, c = ~0UL, d = ~0UL;

    a = 1;
    c = ~0UL << 32;
    asm volatile("cpuid" : "+a"(a), "+b"(b), "+c"(c), "+d"(d));
    check(!(a >> 32 | b >> 32 | c >> 32 | d >> 32), "upper halves are left");
}
