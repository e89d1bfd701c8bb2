/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From addresses to names of functions. The table is made by mksyms.sh out of the first link and
 * lies at the end of the read-only data. Static functions are included; data is not.
 */
#include <hv/boot.h>
#include <hv/layout.h>
#include <hv/lib.h>
#include <hv/traps.h>

extern const uint32_t symbol_count, symbol_addresses[], symbol_names[];
extern const char symbol_strings[];

static unsigned long symbol_address(uint32_t i)
{
    return HV_IMAGE_START + symbol_addresses[i];
}

bool is_hv_text(unsigned long addr)
{
    if (addr >= (unsigned long)text_start && addr < (unsigned long)text_end)
        return true;
    return system_state < SYS_active && addr >= (unsigned long)hv_start &&
           addr < (unsigned long)init_end;
}

const char *symbol_lookup(unsigned long addr, unsigned long *start, unsigned long *size, char *buf,
                          size_t len)
{
    uint32_t lo = 0, hi = symbol_count;
    unsigned long end;

    if (!is_hv_text(addr) || !hi || addr < symbol_address(0))
        return NULL;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (symbol_address(mid) <= addr)
            lo = mid;
        else
            hi = mid;
    }
    end = lo + 1 < symbol_count ? symbol_address(lo + 1) : (unsigned long)text_end;
    if (start)
        *start = symbol_address(lo);
    if (size)
        *size = end - symbol_address(lo);
    strlcpy(buf, symbol_strings + symbol_names[lo], len);
    return buf;
}
