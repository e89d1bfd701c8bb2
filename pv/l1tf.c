/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page-table entries that are not present and open to L1TF (Intel, "L1 Terminal Fault"): an
 * affected CPU takes the address in one for real in speculation, and reads whatever of that memory
 * is in its L1 data cache, no matter whose. A kernel that knows this leaves no address of memory in
 * such entries: Linux stores the inverse, which lies above all RAM. One that doesn't can't be told
 * by an errno, since it writes swap entries by plain stores; Xen puts such a domain on shadow page
 * tables, and where it has none, as here, the domain is ended.
 */
#include <hv/domain.h>
#include <hv/spec.h>
#include <pv/pt.h>

static bool is_safe(pte_t e, unsigned int level)
{
    uint64_t address = e & spec.l1tf_mask;

    return !e || ((!address || address >= spec.l1tf_safe) && (level == 1 || !(e & PTE_PSE)));
}

bool pv_l1tf_entry_ok(struct domain *d, pte_t e, unsigned int level)
{
    if (!pv_domain(d)->check_l1tf || is_safe(e, level))
        return true;
    domain_crash(d, "page-table entry %#lx of level %u is not present and open to L1TF: the kernel "
                 "does not mitigate it (pv-l1tf=off lets it run, and read all memory)", e, level);
    return false;
}

bool pv_l1tf_table_ok(struct domain *d, const pte_t *t, unsigned int level)
{
    if (!pv_domain(d)->check_l1tf)
        return true;
    for (unsigned int i = 0; i < PT_ENTRIES; i++)
        if (!(t[i] & PTE_P) && guest_slot(level, i) && !pv_l1tf_entry_ok(d, t[i], level))
            return false;
    return true;
}
