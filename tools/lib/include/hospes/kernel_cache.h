/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel that was unpacked last, kept for the next guest: unpacking is most of a creation. */
#ifndef HOSPES_KERNEL_CACHE_H
#define HOSPES_KERNEL_CACHE_H

#include <hospes/image.h>

#define KERNEL_CACHE "/run/hospes/kernels"

/* A private mapping of what packed holds, *size bytes, or NULL: it is not there. For munmap(). */
void *kernel_cache_find(const struct file_image *packed, size_t *size);
/* Keeps data in place of what was kept before. Nothing is kept when domain 0 has less free memory
 * than a few times that, and failures are no matter. */
void kernel_cache_keep(const struct file_image *packed, const void *data, size_t size);

#endif
