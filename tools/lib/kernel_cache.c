/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One file in a folder that only root can enter, named after the packed file's device, inode, size
 * and time of change: a kernel that was replaced is not found. It appears by rename(), whole.
 */
#include <hospes/kernel_cache.h>

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#define NAME_MAX_BYTES 128
#define FREE_TIMES 3u           /* memory that is to be free, in sizes of the kernel */

static void name_of(char *path, const struct file_image *packed)
{
    snprintf(path, NAME_MAX_BYTES, KERNEL_CACHE "/%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%zx",
             packed->device, packed->inode, packed->changed, packed->size);
}

void *kernel_cache_find(const struct file_image *packed, size_t *size)
{
    char path[NAME_MAX_BYTES];
    void *p = MAP_FAILED;
    struct stat st;
    int fd;

    name_of(path, packed);
    fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0)
        p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
    close(fd);
    if (p == MAP_FAILED)
        return NULL;
    *size = (size_t)st.st_size;
    return p;
}

static void remove_all(void)
{
    DIR *folder = opendir(KERNEL_CACHE);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(folder), entry->d_name, 0);
    if (folder)
        closedir(folder);
}

static int write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t n = write(fd, data, size);

        if (n <= 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

void kernel_cache_keep(const struct file_image *packed, const void *data, size_t size)
{
    char path[NAME_MAX_BYTES], partial[NAME_MAX_BYTES];
    struct sysinfo memory;
    int fd, rc;

    mkdir("/run/hospes", 0700);
    mkdir(KERNEL_CACHE, 0700);
    remove_all();
    if (sysinfo(&memory) || (uint64_t)memory.freeram * memory.mem_unit / FREE_TIMES < size)
        return;
    name_of(path, packed);
    snprintf(partial, sizeof(partial), KERNEL_CACHE "/new-%d", (int)getpid());
    fd = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return;
    rc = write_all(fd, data, size);
    rc |= close(fd);
    if (rc || rename(partial, path))
        unlink(partial);
}
