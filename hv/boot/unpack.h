/* SPDX-License-Identifier: BSD-2-Clause */
/* Between hv/boot/unpack.c and the decoders of one format each. */
#ifndef BOOT_UNPACK_H
#define BOOT_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes one image from in to out; in.len covers the data alone, without what follows. Returns 0
   or an errno, *why set, and the bytes written in *out_size. */
struct unpack_job {
    const uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len;
    size_t out_size;
    const char *why;
};
int unpack_gzip(struct unpack_job *j);
int unpack_xz(struct unpack_job *j);
int unpack_lzma(struct unpack_job *j);
int unpack_lz4(struct unpack_job *j);
int unpack_zstd(struct unpack_job *j);

/* XZ as Linux makes it; false = damaged, or of another kind (hv/boot/unpack_xz_fast.c). */
bool unpack_xz_fast(struct unpack_job *j);
/* LZMA2 data (hv/boot/unpack_lzma2.c) with at least what ends an XZ stream behind it. Returns the
   bytes read, 0 = damaged or longer than out_len. */
size_t unpack_lzma2(const uint8_t *in, size_t in_len, uint8_t *out, size_t out_len,
                    size_t *out_size);

/* Length of the compressed data proper at in, of at most len bytes; what follows is not of the
 * format. 0 = damaged. */
size_t unpack_lz4_extent(const uint8_t *in, size_t len);
size_t unpack_zstd_extent(const uint8_t *in, size_t len);
/* Uncompressed length from the header; 0 = not said. */
uint64_t unpack_zstd_length(const uint8_t *in, size_t len);

/* The C library that the decoders were compiled for (hv/boot/libc_shim.c). Around every use of
 * them. */
void libc_shim_enter(void);
void libc_shim_leave(void);

/* Results of the decoders: the same numbers as hv/errno.h, which their headers' errno macros
 * exclude here. */
#define UNPACK_EINVAL (-22)
#define UNPACK_ENOMEM (-12)
#define UNPACK_ENOSPC (-28)
#define UNPACK_EOPNOTSUPP (-95)

#endif
