/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ACPI PM timer and PM1 event block (ACPI specification, "ACPI Hardware Specification"): in step
 * with the pv clock, at both places that HVM_PARAM_ACPI_IOPORTS_LOCATION chooses, enable bits that
 * are kept, status bits that are cleared by writing them.
 */
#include <pc.h>

#define PM_HZ 3579545UL

static void at(uint16_t base)
{
    struct sample a = SAMPLE(inl(base + 8)), b;

    spin_ns(500 * NS_PER_MS);
    b = SAMPLE(inl(base + 8));
    check_rate("the PM timer", &a, &b, (uint32_t)(b.count - a.count), PM_HZ);
    outw(base, 0xffff);
    expect(inw(base), 0);
    outw(base + 2, 0x0300);
    expect(inw(base + 2), 0x0300);
    expect(inb(base + 3), 3);
    outb(base + 3, 1);
    expect(inw(base + 2), 0x0100);
    outw(base + 2, 0);
    expect(inl(base), 0);
}

void test_main(void)
{
    at(0x1f40);
    require(param_set(HVM_PARAM_ACPI_IOPORTS_LOCATION, 1), 0);
    at(0xb000);
    expect(inl(0x1f48), ~0u);
    expect(param_set(HVM_PARAM_ACPI_IOPORTS_LOCATION, 2), -XEN_EINVAL);
}
