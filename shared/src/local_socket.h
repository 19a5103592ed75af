/* A unix socket on which a small thread answers one client after another. For health.c and
 * metrics_socket.c. */
#pragma once

#include "ob/error.h"

typedef struct local_socket local_socket;

/* Listens at <dir>/<name>, which only the owner may connect to, and calls 'answer' for each client;
 * 'answer' does not close. What a killed predecessor left there is replaced. If root runs the
 * service, the socket belongs to the folder's owner. Errors: -ENAMETOOLONG, -errno. */
int local_socket_start(
    const char *dir, const char *name, void (*answer)(int fd), local_socket **ret, ob_error *err);
/* Ends the thread and removes the socket. NULL: nothing. */
void local_socket_stop(local_socket *s);

/* Sends all of it, unless the client is slow. */
void local_socket_send(int fd, const char *text, size_t len);
