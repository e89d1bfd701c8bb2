/* SPDX-License-Identifier: BSD-2-Clause */
/* The few string functions that a freestanding C program needs. Contracts are the C library's. */
#ifndef GUEST_STR_H
#define GUEST_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *to, const void *from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *a, const void *b, size_t length);
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t length);
const char *strstr(const char *text, const char *part);

/* Value of "key=" in the space-separated @line as a number (decimal or 0x), or @otherwise. */
unsigned long line_number(const char *line, const char *key, unsigned long otherwise);
/* Copy the value of "key=" (up to the next space) to @value; false when there is none. */
bool line_text(const char *line, const char *key, char *value, size_t size);

#endif
