/* The socket that clients connect to, which outlives the program that serves it. */
#pragma once

#include <civetweb.h>

#include "ob/error.h"

/* The socket at this address and port: the one that this process was started with (LISTEN_FDS, as
 * systemd hands sockets over), if it is that, else a new one. It does not wait, and children do not
 * get it. Errors: -EADDRINUSE, -errno. Start-up code. */
int listener_open(const char *address, int port, int *ret_fd, ob_error *err);

/* What the server is told to listen on, in place of which listener_give puts the real thing. */
#define LISTENER_PLACE "127.0.0.1:0"
/* From now on 'mg' accepts from 'fd', which stays the caller's. Errors: -errno. */
int listener_give(struct mg_context *mg, int fd, int *ret_place, ob_error *err);
/* From now on it accepts nothing; what waits, or comes, waits for whoever has the socket next. */
void listener_take_back(int place);

/* Begins the program that 'path' names (NULL: this one, with its 'argv') in place of this one, with
 * the socket. Returns only when that fails. */
void listener_exec(int fd, const char *path, char **argv);
