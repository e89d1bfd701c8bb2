/* SPDX-License-Identifier: BSD-2-Clause */
/* The way to the store's daemon. */
#include <hospes/store.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Without a daemon the library takes the kernel's connection, and waits there for ever. */
static bool daemon_listens(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc = -1, code;

    snprintf(a.sun_path, sizeof(a.sun_path), "%s", xs_daemon_socket());
    if (fd >= 0)
        rc = connect(fd, (struct sockaddr *)&a, sizeof(a));
    code = errno;
    if (fd >= 0)
        close(fd);
    errno = code;
    return !rc;
}

int store_open(struct hospes *h)
{
    if (h->store)
        return 0;
    h->store = daemon_listens() ? xs_open(0) : NULL;
    if (!h->store)
        return error_set(&h->error, errno, "store",
                         "Start it: xenstored, or 'service xenstored start'.",
                         "xenstored does not answer: %s", strerror(errno));
    return 0;
}
