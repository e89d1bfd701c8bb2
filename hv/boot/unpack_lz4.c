/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * LZ4 images in the legacy frame format that Linux uses: a magic number, then blocks, each preceded
 * by its length. There is no checksum and no end mark. Block decoding by liblz4.
 */
#include <lz4.h>
#include "unpack.h"

#define LZ4_LEGACY_MAGIC 0x184c2102u
#define LZ4_LEGACY_BLOCK (8u << 20) /* unpacked */
#define LZ4_WORD 4

static uint32_t get32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A block's length word at p, with left bytes from there on: is it one? */
static bool is_block(const uint8_t *p, size_t left)
{
    uint32_t len = get32(p);

    return len && len <= (uint32_t)LZ4_COMPRESSBOUND(LZ4_LEGACY_BLOCK) && len <= left - LZ4_WORD;
}

size_t unpack_lz4_extent(const uint8_t *in, size_t len)
{
    size_t pos = 0;

    while (len - pos >= LZ4_WORD) {
        if (get32(in + pos) == LZ4_LEGACY_MAGIC)
            pos += LZ4_WORD;
        else if (is_block(in + pos, len - pos))
            pos += LZ4_WORD + get32(in + pos);
        else
            break;
    }
    /* Behind the blocks there may be the unpacked length; anything else is a damaged or truncated
     * block. */
    return len - pos == 0 || len - pos == LZ4_WORD ? pos : 0;
}

int unpack_lz4(struct unpack_job *j)
{
    size_t pos = 0;

    while (pos + LZ4_WORD <= j->in_len) {
        uint32_t len = get32(j->in + pos);
        size_t room = j->out_len - j->out_size;
        int n;

        pos += LZ4_WORD;
        if (len == LZ4_LEGACY_MAGIC)
            continue;
        if (room > LZ4_LEGACY_BLOCK)
            room = LZ4_LEGACY_BLOCK;
        n = LZ4_decompress_safe((const char *)j->in + pos, (char *)j->out + j->out_size, (int)len,
                                (int)room);
        if (n < 0) {
            j->why = "damaged: an LZ4 block is malformed, or longer than the image says";
            return UNPACK_EINVAL;
        }
        j->out_size += (size_t)n;
        pos += len;
    }
    return 0;
}
