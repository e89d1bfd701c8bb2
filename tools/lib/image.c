/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads kernel files with the loader that the hypervisor uses for domain 0 (hv/boot). */
#include <hospes/image.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <hospes/kernel_cache.h>

#define RATIO_MAX 64u           /* no kernel shrinks to less */

int file_image_open(struct file_image *f, const char *path, const char *what, struct error *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    *f = (struct file_image){ 0 };
    if (fd < 0)
        return error_set(e, errno, "builder", NULL, "%s %s: %s", what, path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || !st.st_size || st.st_size > IMAGE_MAX_BYTES) {
        close(fd);
        return error_set(e, EINVAL, "builder", NULL,
                         "%s %s: not a file of 1 byte to 512 MiB", what, path);
    }
    f->data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    if (f->data == MAP_FAILED) {
        f->data = NULL;
        return error_set(e, errno, "builder", NULL, "%s %s: %s", what, path, strerror(errno));
    }
    f->size = (size_t)st.st_size;
    f->device = st.st_dev;
    f->inode = st.st_ino;
    f->changed = (uint64_t)st.st_ctim.tv_sec * 1000000000u + (uint64_t)st.st_ctim.tv_nsec;
    return 0;
}

void file_image_close(struct file_image *f)
{
    if (f->data)
        munmap(f->data, f->size);
    *f = (struct file_image){ 0 };
}

static void *anonymous(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);

    return p == MAP_FAILED ? NULL : p;
}

/* Memory that is not touched costs nothing: where the format does not tell the size, the room is
 * the most there can be. */
static int unpack_kernel(struct kernel_image *k, const void *payload, size_t size, size_t *out,
                         const char *path, struct error *e)
{
    size_t said = unpack_size(payload, size), room = said ? said : size * RATIO_MAX;
    const char *why = "out of memory";
    int rc = -ENOMEM;

    k->unpacked = kernel_cache_find(&k->file, out);
    if (k->unpacked) {
        k->unpacked_room = *out;
        return 0;
    }
    if (room > IMAGE_MAX_BYTES)
        room = IMAGE_MAX_BYTES;
    k->unpacked = anonymous(room);
    k->unpacked_room = room;
    if (k->unpacked)
        rc = unpack(payload, size, k->unpacked, room, out, &why);
    if (rc)
        return error_set(e, -rc, "builder", NULL, "kernel %s: %s", path, why);
    kernel_cache_keep(&k->file, k->unpacked, *out);
    return 0;
}

int kernel_image_open(struct kernel_image *k, const char *path, struct error *e)
{
    const void *payload;
    const char *why = "";
    size_t size;

    memset(k, 0, sizeof(*k));
    if (file_image_open(&k->file, path, "kernel", e))
        return -1;
    if (bzimage_payload(k->file.data, k->file.size, &payload, &size, &why))
        return error_set(e, EINVAL, "builder", NULL, "kernel %s: %s", path, why);
    if (unpack_detect(payload, size) != UNPACK_none) {
        if (unpack_kernel(k, payload, size, &size, path, e))
            return -1;
        payload = k->unpacked;
    }
    if (elf_parse(&k->elf, payload, size, &why))
        return error_set(e, EINVAL, "builder", NULL, "kernel %s: %s", path, why);
    return 0;
}

void kernel_image_close(struct kernel_image *k)
{
    if (k->unpacked)
        munmap(k->unpacked, k->unpacked_room);
    file_image_close(&k->file);
    memset(k, 0, sizeof(*k));
}
