/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the machine ends: soft-off through the PM1 control registers, restart by the first way that
 * works, stop. Sleep states other than soft-off are refused.
 */
#include <hv/acpi.h>
#include <hv/acpi_tables.h>
#include <hv/console.h>
#include <hv/efi.h>
#include <hv/errno.h>
#include <hv/kept_log.h>
#include <hv/lib.h>
#include <hv/param.h>
#include <hv/printk.h>
#include <hv/processor.h>
#include <hv/smp.h>
#include <hv/spinlock.h>
#include <hv/time.h>

#define MAX_SLEEP_STATE 5
#define POWER_OFF_WAIT_US 1000000
#define RESET_WAIT_US 100000
#define KBD_TRIES 10
#define KBD_POLLS 10000

/* reboot=: the way named is tried before the others; n: none at all. */
static char reboot_first;
static bool reboot_warm;

/* Two writes, as the specification has it: the type first, then with the enable bit. */
static void write_pm1_cnt(uint16_t port, unsigned int typ)
{
    unsigned int val;

    if (!port)
        return;
    val = (inw(port) & ~(ACPI_PM1_SLP_TYP | ACPI_PM1_SLP_EN)) |
          (typ << ACPI_PM1_SLP_TYP_SHIFT & ACPI_PM1_SLP_TYP);
    outw(port, (uint16_t)val);
    outw(port, (uint16_t)(val | ACPI_PM1_SLP_EN));
}

static void soft_off(unsigned int typ_a, unsigned int typ_b)
{
    local_irq_disable();
    smp_stop_others();
    console_start_sync();
    write_pm1_cnt(acpi.pm1a_cnt, typ_a);
    write_pm1_cnt(acpi.pm1b_cnt, typ_b);
    udelay(POWER_OFF_WAIT_US);
}

int acpi_enter_sleep(uint32_t pm1a_cnt_val, uint32_t pm1b_cnt_val, uint32_t sleep_state)
{
    if (!sleep_state || sleep_state > MAX_SLEEP_STATE || pm1a_cnt_val > UINT16_MAX ||
        pm1b_cnt_val > UINT16_MAX)
        return -EINVAL;
    if (sleep_state != MAX_SLEEP_STATE) {
        printk(XENLOG_WARNING
               "Domain 0 asks for sleep state S%u: refused, only power-off is supported\n",
               sleep_state);
        return -EOPNOTSUPP;
    }
    if (!acpi.pm1a_cnt)
        return -EPERM;
    printk(XENLOG_INFO "Domain 0 powers the machine off\n");
    kept_log_discard();
    soft_off(MASK_EXTR(pm1a_cnt_val, ACPI_PM1_SLP_TYP), MASK_EXTR(pm1b_cnt_val, ACPI_PM1_SLP_TYP));
    printk(XENLOG_ERR "Soft-off through port %#x had no effect; switch the machine off by hand\n",
           acpi.pm1a_cnt);
    machine_halt();
}

void acpi_power_off(void)
{
    if (!acpi.pm1a_cnt || !acpi.s5_known) {
        local_irq_disable();
        smp_stop_others();
        efi_power_off();
        printk(XENLOG_WARNING "Neither ACPI nor UEFI offers a soft-off; the machine stays on\n");
        return;
    }
    soft_off(acpi.s5_typ_a, acpi.s5_typ_b);
    printk(XENLOG_ERR "Soft-off through port %#x had no effect; switch the machine off by hand\n",
           acpi.pm1a_cnt);
}

static bool have_efi(void)
{
    return efi_runtime_usable();
}

static void reset_efi(void)
{
    efi_reset(reboot_warm);
}

static bool have_acpi(void)
{
    return acpi.reset_port != 0;
}

static void reset_acpi(void)
{
    outb(acpi.reset_port, acpi.reset_value);
}

static void reset_keyboard(void)
{
    for (unsigned int i = 0; i < KBD_TRIES; i++) {
        for (unsigned int n = 0; n < KBD_POLLS && (inb(KBD_STATUS_PORT) & KBD_STATUS_INPUT_FULL);
             n++)
            cpu_relax();
        outb(KBD_STATUS_PORT, KBD_PULSE_RESET);
        udelay(50);
    }
}

/* The register's bits are those of the last value but for how to reset. */
static void reset_pci_by(uint8_t how)
{
    uint8_t cf9 = (uint8_t)(inb(PCI_RESET_PORT) & ~PCI_RESET_FULL);

    outb(PCI_RESET_PORT, (uint8_t)(cf9 | (how & ~PCI_RESET_START)));
    udelay(50);
    outb(PCI_RESET_PORT, (uint8_t)(cf9 | how));
}

static void reset_pci(void)
{
    reset_pci_by(PCI_RESET_HARD);
}

static void reset_power_cycle(void)
{
    reset_pci_by(PCI_RESET_FULL);
}

/* An exception without an IDT cannot be delivered, nor can the next two. */
static void reset_triple_fault(void)
{
    const struct desc_ptr none = { 0, 0 };

    lidt(&none);
    __asm__ volatile("int3");
}

static bool have_always(void)
{
    return true;
}

/* In the order in which they are tried. */
static const struct {
    char letter;
    const char *name;
    bool (*have)(void);
    void (*fn)(void);
} reset_ways[] = {
    { 'e', "UEFI", have_efi, reset_efi },
    { 'a', "ACPI", have_acpi, reset_acpi },
    { 'k', "the keyboard controller", have_always, reset_keyboard },
    { 'p', "PCI", have_always, reset_pci },
    { 'P', "PCI's power cycle", have_always, reset_power_cycle },
    { 't', "a triple fault", have_always, reset_triple_fault },
};

/* Words count by their first letter, as in Xen. */
static int parse_reboot(const char *s)
{
    for (; *s; s = strchr(s, ',') ? strchr(s, ',') + 1 : s + strlen(s)) {
        bool known = *s == 'w' || *s == 'c' || *s == 'n';

        for (unsigned int i = 0; i < ARRAY_SIZE(reset_ways) && !known; i++)
            known = reset_ways[i].letter == *s;
        if (!known)
            return -EINVAL;
        if (*s == 'w' || *s == 'c')
            reboot_warm = *s == 'w';
        else
            reboot_first = *s;
    }
    return 0;
}
custom_param("reboot", parse_reboot);

static void try_reset(unsigned int way)
{
    if (!reset_ways[way].have())
        return;
    printk(XENLOG_INFO "Restarting the machine by %s\n", reset_ways[way].name);
    reset_ways[way].fn();
    udelay(RESET_WAIT_US);
}

void machine_restart(void)
{
    local_irq_disable();
    smp_stop_others();
    console_start_sync();
    if (reboot_first == 'n') {
        printk("No restart, as reboot=no says. Reset the machine by hand.\n");
        machine_halt();
    }
    for (unsigned int i = 0; i < ARRAY_SIZE(reset_ways); i++)
        if (reset_ways[i].letter == reboot_first)
            try_reset(i);
    for (unsigned int i = 0; i < ARRAY_SIZE(reset_ways); i++)
        try_reset(i);
    machine_halt();
}

void machine_halt(void)
{
    local_irq_disable();
    smp_stop_others();
    for (;;)
        halt();
}
