/* SPDX-License-Identifier: BSD-2-Clause */
/* Kernels and initial RAM disks, from files. Compressed kernels of all kinds are unpacked. */
#ifndef HOSPES_IMAGE_H
#define HOSPES_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include <hv/loader.h>

#include <hospes/error.h>

#define IMAGE_MAX_BYTES (512u << 20)

struct file_image {
    void *data;             /* private mapping of the file */
    size_t size;
    uint64_t device, inode, changed;    /* which file it was, and when it changed (ns) */
};

struct kernel_image {
    struct file_image file;
    void *unpacked;         /* mapping; NULL: the file is a plain ELF */
    size_t unpacked_room;
    struct elf_image elf;   /* reads in one of the two */
};

/* path: what is named in the message, with its errno, when it cannot be had. */
int file_image_open(struct file_image *f, const char *path, const char *what, struct error *e);
void file_image_close(struct file_image *f);
/* An ELF of 64 bits, plain or compressed, or a bzImage with one inside. */
int kernel_image_open(struct kernel_image *k, const char *path, struct error *e);
void kernel_image_close(struct kernel_image *k);

#endif
