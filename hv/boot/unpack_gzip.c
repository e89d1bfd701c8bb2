/* SPDX-License-Identifier: BSD-2-Clause */
/* gzip images, by zlib. */
#include <zlib.h>
#include "unpack.h"

#define GZIP_WRAPPER 16 /* added to the window bits: expect gzip's header and checksum */

int unpack_gzip(struct unpack_job *j)
{
    z_stream s = {
        .next_in = (z_const Bytef *)j->in, .avail_in = (uInt)j->in_len, .next_out = j->out};
    int rc;

    if (j->in_len > UINT32_MAX || j->out_len > UINT32_MAX) {
        j->why = "longer than 4 GiB";
        return UNPACK_EOPNOTSUPP;
    }
    s.avail_out = (uInt)j->out_len;
    if (inflateInit2(&s, MAX_WBITS + GZIP_WRAPPER) != Z_OK) {
        j->why = "no memory for the decoder";
        return UNPACK_ENOMEM;
    }
    rc = inflate(&s, Z_FINISH);
    j->out_size = s.total_out;
    inflateEnd(&s);
    if (rc == Z_STREAM_END)
        return 0;
    if (rc == Z_MEM_ERROR) {
        j->why = "no memory for the decoder";
        return UNPACK_ENOMEM;
    }
    if (rc == Z_BUF_ERROR && s.avail_out == 0) {
        j->why = "it is longer unpacked than it says";
        return UNPACK_ENOSPC;
    }
    j->why = rc == Z_DATA_ERROR ? "damaged: the compressed data or its checksum is wrong"
                                : "damaged: the compressed data ends early";
    return UNPACK_EINVAL;
}
