/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Compressed kernel images: which format, how long unpacked, and the way to its decoder. Formats
 * that do not end in their uncompressed length have it behind the data in a bzImage payload, as
 * four bytes.
 */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/loader.h>
#include "unpack.h"

_Static_assert(UNPACK_EINVAL == -EINVAL && UNPACK_ENOMEM == -ENOMEM && UNPACK_ENOSPC == -ENOSPC &&
               UNPACK_EOPNOTSUPP == -EOPNOTSUPP, "error numbers");

#define XZ_FOOTER_MAGIC "YZ"
#define XZ_MIN 32            /* header, index and footer of an empty stream */
#define GZIP_MIN 18
#define LZMA_HEADER 13
#define TAIL 4               /* the length behind the data */
#define MAX_RATIO 4096       /* a claimed length beyond this is damage */

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

enum unpack_format unpack_detect(const void *data, size_t size)
{
    static const struct { const char *magic; uint8_t len; uint8_t format;
    } magics[] = {
        {"\037\213", 2, UNPACK_gzip},  {"\3757zXZ\0", 6, UNPACK_xz},   {"\135\0\0", 3, UNPACK_lzma},
        {"\002!L\030", 4, UNPACK_lz4}, {"(\265/\375", 4, UNPACK_zstd},
    };

    for (unsigned int i = 0; i < ARRAY_SIZE(magics); i++)
        if (size > magics[i].len && !memcmp(data, magics[i].magic, magics[i].len))
            return (enum unpack_format)magics[i].format;
    return UNPACK_none;
}

static size_t plausible(uint64_t length, size_t packed)
{
    return length <= (uint64_t)packed * MAX_RATIO ? (size_t)length : 0;
}

/* Length of the compressed data without a length behind it. */
static size_t data_extent(enum unpack_format f, const uint8_t *p, size_t size)
{
    switch (f) {
    case UNPACK_xz:
        return size >= XZ_MIN + TAIL && memcmp(p + size - 2, XZ_FOOTER_MAGIC, 2) &&
               !memcmp(p + size - TAIL - 2, XZ_FOOTER_MAGIC, 2) ? size - TAIL : size;
    case UNPACK_lz4:
        return unpack_lz4_extent(p, size);
    case UNPACK_zstd:
        return unpack_zstd_extent(p, size);
    default:
        return size;
    }
}

size_t unpack_size(const void *data, size_t size)
{
    const uint8_t *p = data;
    enum unpack_format f = unpack_detect(data, size);
    size_t extent;
    uint64_t length;

    switch (f) {
    case UNPACK_none:
        return size;
    case UNPACK_gzip:
        return size < GZIP_MIN ? 0 : plausible(get32(p + size - TAIL), size);
    case UNPACK_lzma:
        if (size < LZMA_HEADER + TAIL)
            return 0;
        memcpy(&length, p + 5, sizeof(length));
        return plausible(length == UINT64_MAX ? get32(p + size - TAIL) : length, size);
    default:
        break;
    }
    libc_shim_enter();
    extent = data_extent(f, p, size);
    length = f == UNPACK_zstd ? unpack_zstd_length(p, size) : 0;
    libc_shim_leave();
    return plausible(extent && extent + TAIL <= size ? get32(p + extent) : length, size);
}

static int copy_plain(struct unpack_job *j)
{
    if (j->in_len > j->out_len) {
        j->why = "it does not fit in the memory set aside for it";
        return -ENOSPC;
    }
    memcpy(j->out, j->in, j->in_len);
    j->out_size = j->in_len;
    return 0;
}

int unpack(const void *data, size_t size, void *dst, size_t dst_size, size_t *out_size,
           const char **why)
{
    static int (*const decode[])(struct unpack_job *) = {
        [UNPACK_none] = copy_plain, [UNPACK_gzip] = unpack_gzip, [UNPACK_xz] = unpack_xz,
        [UNPACK_lzma] = unpack_lzma, [UNPACK_lz4] = unpack_lz4, [UNPACK_zstd] = unpack_zstd,
    };
    enum unpack_format f = unpack_detect(data, size);
    struct unpack_job j = { .in = data, .out = dst, .out_len = dst_size, .why = "damaged" };
    int rc;

    libc_shim_enter();
    j.in_len = data_extent(f, data, size);
    rc = j.in_len ? decode[f](&j) : -EINVAL;
    libc_shim_leave();
    *out_size = j.out_size;
    *why = rc ? j.why : NULL;
    return rc;
}
