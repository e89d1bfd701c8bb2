/* SPDX-License-Identifier: BSD-2-Clause */
/* Any text as a guest's config file, and as a word of the command line in front of it. */
/* sources: tools/lib/cfg.c tools/lib/guest_config.c tools/lib/device_spec.c tools/lib/error.c */
#include <stdlib.h>
#include <string.h>

#include <hospes/guest_config.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void warn(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct guest_config g = { 0 };
    struct error e = { 0 };
    struct cfg cfg = { 0 };
    size_t line = size && data[0] == '!' ? strnlen((const char *)data, size) : 0;
    char *word = strndup((const char *)data, line);

    /* "!KEY=VALUE", a zero byte, the file. */
    if (word && line > 1)
        cfg_assign(&cfg, word + 1, &e);
    free(word);
    error_clear(&e);
    if (!cfg_parse(&cfg, (const char *)data + line, size - line, "f", &e))
        guest_config_from(&g, &cfg, warn, NULL, &e);
    guest_config_free(&g);
    cfg_free(&cfg);
    return 0;
}
