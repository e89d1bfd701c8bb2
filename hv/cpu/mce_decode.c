/* SPDX-License-Identifier: BSD-2-Clause */
/* What a machine-check bank says: how bad it is, and what in words. Source: Intel SDM,
   "Interpreting the Machine-Check Error Codes"; AMD uses the same compound codes. */
#include <hv/lib.h>
#include <hv/mce.h>

enum mce_severity mce_severity_of(uint64_t status, uint64_t gstatus, uint64_t cap)
{
    if (!(status & MC_STATUS_VAL))
        return MCE_NONE;
    if (!(status & MC_STATUS_UC))
        return MCE_CORRECTED;
    if (status & MC_STATUS_PCC)
        return MCE_FATAL;
    /* Without recovery in hardware nobody knows who has the lost data. */
    if (!(cap & MCG_CAP_SER))
        return MCE_FATAL;
    if (!(status & MC_STATUS_AR))
        return MCE_DEFERRED;
    /* Another such error has overwritten this one, or the place is not known. */
    if (status & MC_STATUS_OVER || !(gstatus & MCG_STATUS_RIPV) || !(status & MC_STATUS_EN))
        return MCE_FATAL;
    return MCE_GUEST;
}

/* Compound codes, by the position of their highest bit. */
#define CODE_BUS 0x0800u          /* 1PPT RRRR IILL */
#define CODE_CACHE 0x0100u        /* RRRR TTLL */
#define CODE_MEMORY 0x0080u       /* MMM CCCC */
#define CODE_TLB 0x0010u          /* TTLL */
#define CODE_FILTER 0x1000u

#define FIELD(code, shift, mask) (((code) >> (shift)) & (mask))

static const char *const levels[] = { "level 0", "level 1", "level 2", "generic level" };
static const char *const kinds[] = { "instruction", "data", "generic", "?" };
static const char *const requests[] = { "error", "read", "write", "data read", "data write",
                                        "instruction fetch", "prefetch", "eviction", "snoop" };
static const char *const memory[] = { "error", "read", "write", "address or command", "scrubbing" };
static const char *const simple[] = { "no error", "unclassified", "microcode ROM parity",
                                      "external error", "redundancy check", "internal parity",
                                      "SMM handler code access" };

#define NAME(table, i) ((i) < ARRAY_SIZE(table) ? (table)[i] : "?")

const char *mce_describe(uint64_t status, char *buf, size_t len)
{
    unsigned int code = (unsigned int)(status & MC_STATUS_CODE & ~CODE_FILTER);

    if (code & ~(2 * CODE_BUS - 1))
        snprintf(buf, len, "code %#x", code);
    else if (code & CODE_BUS)
        snprintf(buf, len, "bus or interconnect, %s, %s", NAME(levels, code & 3),
                 NAME(requests, FIELD(code, 4, 0xf)));
    else if (code == 0x0400)
        snprintf(buf, len, "internal timer");
    else if (code & 0x0400)
        snprintf(buf, len, "internal, unclassified");
    else if (code & CODE_CACHE)
        snprintf(buf, len, "cache, %s, %s, %s", NAME(levels, code & 3), kinds[FIELD(code, 2, 3)],
                 NAME(requests, FIELD(code, 4, 0xf)));
    else if (code & CODE_MEMORY)
        snprintf(buf, len, "memory, %s, channel %u", NAME(memory, FIELD(code, 4, 7)), code & 0xf);
    else if (code & CODE_TLB)
        snprintf(buf, len, "TLB, %s, %s", NAME(levels, code & 3), kinds[FIELD(code, 2, 3)]);
    else
        snprintf(buf, len, "%s", NAME(simple, code));
    return buf;
}
