/* SPDX-License-Identifier: BSD-2-Clause */
/* zstd images, by libzstd, straight to the destination without a window of its own. */
#include <zstd.h>
#include <zstd_errors.h>
#include "unpack.h"

#define ZSTD_MIN 9 /* the shortest frame */

size_t unpack_zstd_extent(const uint8_t *in, size_t len)
{
    size_t pos = 0;

    while (len - pos >= ZSTD_MIN) {
        size_t n = ZSTD_findFrameCompressedSize(in + pos, len - pos);

        if (ZSTD_isError(n) || n == 0)
            break;
        pos += n;
    }
    return pos;
}

uint64_t unpack_zstd_length(const uint8_t *in, size_t len)
{
    unsigned long long n = ZSTD_getFrameContentSize(in, len);

    return n == ZSTD_CONTENTSIZE_UNKNOWN || n == ZSTD_CONTENTSIZE_ERROR ? 0 : n;
}

int unpack_zstd(struct unpack_job *j)
{
    ZSTD_DCtx *ctx = ZSTD_createDCtx();
    size_t n;

    if (!ctx) {
        j->why = "no memory for the decoder";
        return UNPACK_ENOMEM;
    }
    n = ZSTD_decompressDCtx(ctx, j->out, j->out_len, j->in, j->in_len);
    ZSTD_freeDCtx(ctx);
    if (!ZSTD_isError(n)) {
        j->out_size = n;
        return 0;
    }
    switch (ZSTD_getErrorCode(n)) {
    case ZSTD_error_dstSize_tooSmall:
        j->why = "it is longer unpacked than it says";
        return UNPACK_ENOSPC;
    case ZSTD_error_memory_allocation:
        j->why = "no memory for the decoder";
        return UNPACK_ENOMEM;
    case ZSTD_error_version_unsupported:
    case ZSTD_error_dictionary_wrong:
        j->why = "compressed in a way that the decoder does not know";
        return UNPACK_EOPNOTSUPP;
    default:
        j->why = "damaged: the compressed data or its checksum is wrong";
        return UNPACK_EINVAL;
    }
}
