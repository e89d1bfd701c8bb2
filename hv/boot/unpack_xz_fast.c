/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * XZ images as Linux makes them (LZMA2, perhaps behind the x86 filter; CRC32 or no check), in half
 * the instructions that liblzma needs. Says only yes or no: on no, liblzma decides what is wrong,
 * and does all other kinds. Format: "The .xz File Format"; the x86 filter as liblzma defines it.
 */
#include <cpuid.h>
#include <emmintrin.h>
#include <string.h>
#include <wmmintrin.h>
#include "unpack.h"

#define XZ_HEADER 12
#define XZ_FOOTER 12
#define XZ_CHECK_NONE 0
#define XZ_CHECK_CRC32 1
#define XZ_BLOCK_FILTERS 0x03
#define XZ_BLOCK_RESERVED 0x3c
#define XZ_BLOCK_HAS_PACKED 0x40
#define XZ_BLOCK_HAS_UNPACKED 0x80
#define XZ_FILTER_X86 0x04
#define XZ_FILTER_LZMA2 0x21
#define XZ_UNKNOWN UINT64_MAX
#define CRC32_POLYNOMIAL 0xedb88320u /* reflected */
#define CALL_OPCODE 0xe8
#define BRANCH_LEN 5

/* --- CRC32 --- */

static uint32_t crc_table[256];
static bool have_clmul;

static void crc_init(void)
{
    unsigned int a, b, c, d;

    for (uint32_t i = 0; i < 256; i++) {
        uint32_t r = i;

        for (unsigned int k = 0; k < 8; k++)
            r = r & 1 ? r >> 1 ^ CRC32_POLYNOMIAL : r >> 1;
        crc_table[i] = r;
    }
    have_clmul = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_PCLMUL);
}

static uint32_t crc_bytes(uint32_t crc, const uint8_t *p, size_t n)
{
    while (n--)
        crc = crc >> 8 ^ crc_table[(uint8_t)crc ^ *p++];
    return crc;
}

/* Carry-less folding of 64 bytes at a time: each lane is moved 512 bits on by its two remainders of
   the polynomial, at the end the lanes 128 bits onto each other. What is left has the same
   remainder as all that was folded into it. */
__attribute__((target("sse2,pclmul"))) static inline __m128i fold(__m128i v, __m128i k)
{
    return _mm_xor_si128(_mm_clmulepi64_si128(v, k, 0x00), _mm_clmulepi64_si128(v, k, 0x11));
}

__attribute__((target("sse2,pclmul"))) static uint32_t crc_folded(uint32_t crc, const uint8_t *p,
                                                                  size_t n)
{
    const __m128i by512 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4),
                  by128 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    const __m128i *q = (const __m128i *)p;
    __m128i v0 = _mm_xor_si128(_mm_loadu_si128(q), _mm_cvtsi32_si128((int)crc)),
            v1 = _mm_loadu_si128(q + 1);
    __m128i v2 = _mm_loadu_si128(q + 2), v3 = _mm_loadu_si128(q + 3);
    uint8_t rest[16];

    for (q += 4, n -= 64; n >= 64; q += 4, n -= 64) {
        v0 = _mm_xor_si128(fold(v0, by512), _mm_loadu_si128(q));
        v1 = _mm_xor_si128(fold(v1, by512), _mm_loadu_si128(q + 1));
        v2 = _mm_xor_si128(fold(v2, by512), _mm_loadu_si128(q + 2));
        v3 = _mm_xor_si128(fold(v3, by512), _mm_loadu_si128(q + 3));
    }
    v1 = _mm_xor_si128(fold(v0, by128), v1);
    v2 = _mm_xor_si128(fold(v1, by128), v2);
    v3 = _mm_xor_si128(fold(v2, by128), v3);
    _mm_storeu_si128((__m128i *)rest, v3);
    return crc_bytes(crc_bytes(0, rest, sizeof(rest)), (const uint8_t *)q, n);
}

static uint32_t crc32(const uint8_t *p, size_t n)
{
    return ~(have_clmul && n >= 64 ? crc_folded(UINT32_MAX, p, n) : crc_bytes(UINT32_MAX, p, n));
}

/* --- x86 filter: addresses of near calls and jumps, absolute in the packed data, become relative
 * again --- */

/* First E8 or E9 from p on; end if there is none. */
__attribute__((target("sse2"))) static const uint8_t *next_branch(const uint8_t *p,
                                                                  const uint8_t *end)
{
    const __m128i any = _mm_set1_epi8((char)0xfe), call = _mm_set1_epi8((char)CALL_OPCODE);

    for (; end - p >= 16; p += 16) {
        __m128i v = _mm_and_si128(_mm_loadu_si128((const __m128i *)p), any);
        unsigned int hits = (unsigned int)_mm_movemask_epi8(_mm_cmpeq_epi8(v, call));

        if (hits)
            return p + __builtin_ctz(hits);
    }
    while (p < end && (*p & 0xfe) != CALL_OPCODE)
        p++;
    return p;
}

/* The top byte of a distance within 16 MiB. */
static bool is_sign_byte(uint8_t b) { return b == 0 || b == 0xff; }

/* mask remembers which of the bytes just before were branch opcodes that were left alone: an
 * address may not begin in them. */
static uint32_t relative(uint32_t address, uint32_t next_ip, uint32_t mask)
{
    static const uint8_t shift_of[8] = { 0, 1, 2, 2, 3, 3, 3, 3 };
    uint32_t to;

    for (;;) {
        uint32_t shift;

        to = address - next_ip;
        if (mask == 0)
            break;
        shift = 8u * shift_of[mask >> 1];
        if (!is_sign_byte((uint8_t)(to >> (24 - shift))))
            break;
        address = to ^ ((1u << (32 - shift)) - 1);
    }
    return (to & 0x01ffffff) | (0u - (to >> 24 & 1)) << 24;
}

static void x86_filter(uint8_t *data, size_t len)
{
    static const bool allowed[8] = { true, true, true, false, true, false, false, false };
    const uint8_t *last = data + len - (BRANCH_LEN - 1), *prev = data - BRANCH_LEN - 1;
    uint8_t *p = data;
    uint32_t mask = 0;

    if (len < BRANCH_LEN)
        return;
    while ((p = (uint8_t *)next_branch(p, last)) < last) {
        size_t gap = (size_t)(p - prev);

        prev = p;
        if (gap > BRANCH_LEN)
            mask = 0;
        else
            while (gap--)
                mask = (mask & 0x77) << 1;
        if (is_sign_byte(p[4]) && allowed[mask >> 1 & 7] && mask >> 1 < 0x10) {
            uint32_t v;

            memcpy(&v, p + 1, sizeof(v));
            v = relative(v, (uint32_t)(p - data) + BRANCH_LEN, mask);
            memcpy(p + 1, &v, sizeof(v));
            p += BRANCH_LEN;
            mask = 0;
        } else {
            mask |= is_sign_byte(p[4]) ? 0x11 : 1;
            p++;
        }
    }
}

/* --- The container --- */

struct cursor { const uint8_t *p, *end; };

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool number(struct cursor *c, uint64_t *v)
{
    *v = 0;
    for (unsigned int shift = 0; shift < 63 && c->p < c->end; shift += 7) {
        uint8_t b = *c->p++;

        *v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80))
            return b != 0 || shift == 0;
    }
    return false;
}

struct block { uint64_t packed, unpacked; bool x86; };

static bool filters(struct cursor *c, unsigned int n, struct block *b)
{
    uint64_t id, size;

    b->x86 = n == 2;
    if (n > 2 ||
        (n == 2 && (!number(c, &id) || id != XZ_FILTER_X86 || !number(c, &size) || size != 0)))
        return false;
    if (!number(c, &id) || id != XZ_FILTER_LZMA2 || !number(c, &size) || size != 1 ||
        c->p == c->end)
        return false;
    c->p++;
    while (c->p < c->end)
        if (*c->p++)
            return false;
    return true;
}

static bool block_header(struct cursor *in, struct block *b)
{
    size_t len = (*in->p + 1u) * 4;
    struct cursor c = { in->p + 2, in->p + len - 4 };
    uint8_t flags;

    if ((size_t)(in->end - in->p) < len || crc32(in->p, len - 4) != get32(in->p + len - 4))
        return false;
    flags = in->p[1];
    b->packed = b->unpacked = XZ_UNKNOWN;
    if (flags & XZ_BLOCK_RESERVED)
        return false;
    if (flags & XZ_BLOCK_HAS_PACKED && !number(&c, &b->packed))
        return false;
    if (flags & XZ_BLOCK_HAS_UNPACKED && !number(&c, &b->unpacked))
        return false;
    in->p += len;
    return filters(&c, (flags & XZ_BLOCK_FILTERS) + 1u, b);
}

/* What the index has to agree with. */
struct sums { uint64_t blocks, unpadded, unpacked; };

static bool block(struct unpack_job *j, struct cursor *in, unsigned int check, struct sums *sums)
{
    const uint8_t *start = in->p;
    uint8_t *out = j->out + j->out_size;
    unsigned int check_len = check == XZ_CHECK_CRC32 ? 4 : 0;
    size_t used, got, pad;
    struct block b;

    if (!block_header(in, &b))
        return false;
    used = unpack_lzma2(in->p, (size_t)(in->end - in->p), out, j->out_len - j->out_size, &got);
    if (!used || (b.packed != XZ_UNKNOWN && b.packed != used) ||
        (b.unpacked != XZ_UNKNOWN && b.unpacked != got))
        return false;
    in->p += used;
    sums->blocks++;
    sums->unpadded += (size_t)(in->p - start) + check_len;
    sums->unpacked += got;
    for (pad = -used & 3; pad && in->p < in->end; pad--)
        if (*in->p++)
            return false;
    if (pad || (size_t)(in->end - in->p) < check_len)
        return false;
    if (b.x86)
        x86_filter(out, got);
    if (check_len && crc32(out, got) != get32(in->p))
        return false;
    in->p += check_len;
    j->out_size += got;
    return true;
}

static bool index_agrees(struct cursor *in, const struct sums *sums, uint32_t *index_len)
{
    const uint8_t *start = in->p++;
    struct sums s = { 0, 0, 0 };
    uint64_t n, unpadded, unpacked;

    if (!number(in, &n))
        return false;
    for (s.blocks = 0; s.blocks < n; s.blocks++) {
        if (!number(in, &unpadded) || !number(in, &unpacked))
            return false;
        s.unpadded += unpadded;
        s.unpacked += unpacked;
    }
    while ((in->p - start) & 3 && in->p < in->end)
        if (*in->p++)
            return false;
    if (in->end - in->p < 4 || crc32(start, (size_t)(in->p - start)) != get32(in->p))
        return false;
    in->p += 4;
    *index_len = (uint32_t)(in->p - start);
    return !memcmp(&s, sums, sizeof(s));
}

static bool stream(struct unpack_job *j, struct cursor *in)
{
    const uint8_t *header = in->p, *footer;
    struct sums sums = { 0, 0, 0 };
    uint32_t index_len;

    if (in->end - in->p < XZ_HEADER || memcmp(header, "\3757zXZ\0\0", 7) ||
        crc32(header + 6, 2) != get32(header + 8))
        return false;
    if (header[7] != XZ_CHECK_NONE && header[7] != XZ_CHECK_CRC32)
        return false;
    in->p += XZ_HEADER;
    while (in->p < in->end && *in->p)
        if (!block(j, in, header[7], &sums))
            return false;
    if (in->p == in->end || !index_agrees(in, &sums, &index_len) || in->end - in->p < XZ_FOOTER)
        return false;
    footer = in->p;
    in->p += XZ_FOOTER;
    return !memcmp(footer + 8, header + 6, 2) && !memcmp(footer + 10, "YZ", 2) &&
           crc32(footer + 4, 6) == get32(footer) && (get32(footer + 4) + 1) * 4 == index_len;
}

bool unpack_xz_fast(struct unpack_job *j)
{
    struct cursor in = { j->in, j->in + j->in_len };

    crc_init();
    j->out_size = 0;
    do {
        if (!stream(j, &in))
            return false;
        while (in.end - in.p >= 4 && get32(in.p) == 0)
            in.p += 4;
    } while (in.p < in.end);
    return true;
}
