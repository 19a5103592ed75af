/* The socket that clients connect to; it outlives the program that serves it. */
#pragma once

#include <civetweb.h>

#include "ob/error.h"

/* The socket at this address and port: the one that this process was started with (LISTEN_FDS, as
 * systemd passes sockets), if it matches, otherwise a new one. It is non-blocking, and child
 * processes do not inherit it. Errors: -EADDRINUSE, -errno. Start-up code. */
int listener_open(const char *address, int port, int *ret_fd, ob_error *err);

/* The address that the server is given to listen on; listener_give replaces it by the real
 * socket. */
#define LISTENER_PLACE "127.0.0.1:0"
/* From now on 'mg' accepts from 'fd', which the caller still owns. Errors: -errno. */
int listener_give(struct mg_context *mg, int fd, int *ret_place, ob_error *err);
/* From now on it accepts nothing; waiting and new connections wait for the next owner of the
 * socket. */
void listener_take_back(int place);

/* Replaces this program by the one at 'path' (NULL: this one, with its 'argv'), which gets the
 * socket. Returns only on failure. */
void listener_exec(int fd, const char *path, char **argv);
