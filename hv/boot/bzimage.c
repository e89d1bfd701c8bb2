/* SPDX-License-Identifier: BSD-2-Clause */
/* Finds the compressed kernel inside a bzImage. Source: Linux, "The Linux/x86 Boot Protocol". */
#include <hv/errno.h>
#include <hv/lib.h>
#include <hv/loader.h>

#define SETUP_SECTS 0x1f1
#define BOOT_FLAG 0x1fe
#define BOOT_FLAG_VALUE 0xaa55
#define HEADER_MAGIC 0x202
#define HEADER_MAGIC_VALUE 0x53726448u /* "HdrS" */
#define PROTOCOL_VERSION 0x206
#define PROTOCOL_WITH_PAYLOAD 0x0208
#define PAYLOAD_OFFSET 0x248
#define PAYLOAD_LENGTH 0x24c
#define HEADER_END 0x250
#define SECTOR 512u
#define SETUP_SECTS_OLD 4 /* what 0 stands for */

static uint32_t get32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static uint16_t get16(const uint8_t *p)
{
    uint16_t v;

    memcpy(&v, p, sizeof(v));
    return v;
}

static int refuse(const char **why, const char *text)
{
    *why = text;
    return -EINVAL;
}

int bzimage_payload(const void *image, size_t size, const void **payload, size_t *payload_size,
                    const char **why)
{
    const uint8_t *p = image;
    uint64_t start, len;

    *payload = image;
    *payload_size = size;
    if (size < SECTOR)
        return refuse(why, "the kernel image is too short to be one");
    if (unpack_detect(image, size) != UNPACK_none || !memcmp(p, "\177ELF", 4))
        return 0;
    if (size < HEADER_END || get16(p + BOOT_FLAG) != BOOT_FLAG_VALUE ||
        get32(p + HEADER_MAGIC) != HEADER_MAGIC_VALUE)
        return refuse(why,
                      "neither a bzImage nor an ELF file nor one compressed in a known format");
    if (get16(p + PROTOCOL_VERSION) < PROTOCOL_WITH_PAYLOAD)
        return refuse(why, "bzImage: boot protocol older than 2.08 (Linux before 2.6.26)");
    start = ((p[SETUP_SECTS] ? p[SETUP_SECTS] : SETUP_SECTS_OLD) + 1) * (uint64_t)SECTOR +
            get32(p + PAYLOAD_OFFSET);
    len = get32(p + PAYLOAD_LENGTH);
    if (start > size || len > size - start)
        return refuse(why, "bzImage: the payload lies outside of the file (truncated?)");
    if (len == 0)
        return refuse(why, "bzImage: it has no payload");
    *payload = p + start;
    *payload_size = len;
    return 0;
}
