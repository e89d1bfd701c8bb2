/* SPDX-License-Identifier: BSD-2-Clause */
/* XZ (any number of streams, any filter of liblzma) and LZMA-alone images, by liblzma. */
#include <lzma.h>
#include "unpack.h"

#define XZ_PADDING 4

static int failed(struct unpack_job *j, lzma_ret ret)
{
    switch (ret) {
    case LZMA_MEM_ERROR:
    case LZMA_MEMLIMIT_ERROR:
        j->why = "the decoder needs more memory for its dictionary than there is";
        return UNPACK_ENOMEM;
    case LZMA_OPTIONS_ERROR:
        j->why = "compressed with options that the decoder does not know";
        return UNPACK_EOPNOTSUPP;
    case LZMA_DATA_ERROR:
        j->why = "damaged: the compressed data or its checksum is wrong";
        return UNPACK_EINVAL;
    default:
        j->why = "damaged: the compressed data ends early or is malformed";
        return UNPACK_EINVAL;
    }
}

/* Runs one decoder to the end of its stream. */
static int run(struct unpack_job *j, lzma_stream *s)
{
    lzma_ret ret;

    s->next_out = j->out + j->out_size;
    s->avail_out = j->out_len - j->out_size;
    ret = lzma_code(s, LZMA_FINISH);
    j->out_size = j->out_len - s->avail_out;
    if (ret == LZMA_STREAM_END)
        return 0;
    if ((ret == LZMA_OK || ret == LZMA_BUF_ERROR) && s->avail_out == 0) {
        j->why = "it is longer unpacked than it says";
        return UNPACK_ENOSPC;
    }
    return failed(j, ret);
}

static bool skip_padding(lzma_stream *s)
{
    while (s->avail_in >= XZ_PADDING && !s->next_in[0] && !s->next_in[1] && !s->next_in[2] &&
           !s->next_in[3]) {
        s->next_in += XZ_PADDING;
        s->avail_in -= XZ_PADDING;
    }
    return s->avail_in != 0;
}

int unpack_xz(struct unpack_job *j)
{
    lzma_stream s = LZMA_STREAM_INIT;
    int rc;

    if (unpack_xz_fast(j))
        return 0;
    j->out_size = 0;
    s.next_in = j->in;
    s.avail_in = j->in_len;
    do {
        lzma_ret ret = lzma_stream_decoder(&s, UINT64_MAX, 0);

        rc = ret == LZMA_OK ? run(j, &s) : failed(j, ret);
    } while (!rc && skip_padding(&s));
    lzma_end(&s);
    return rc;
}

int unpack_lzma(struct unpack_job *j)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret ret = lzma_alone_decoder(&s, UINT64_MAX);
    int rc;

    s.next_in = j->in;
    s.avail_in = j->in_len;
    rc = ret == LZMA_OK ? run(j, &s) : failed(j, ret);
    lzma_end(&s);
    return rc;
}
