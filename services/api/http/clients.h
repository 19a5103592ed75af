/* The connections of clients, and the time for which each may make its thread wait. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct http_conns http_conns;
typedef struct http_conn http_conn;

/* port: where the server listens; threads: how many connections it can serve at a time. */
int conns_new(int port, int threads, http_conns **ret, ob_error *err);
/* Does this process have a client connection, with a thread or waiting for one? */
bool conns_are_open(http_conns *c);
/* All connections must have been removed. */
void conns_free(http_conns *c);

/* A connection has got a thread. Remove *ret before its socket is closed. Any thread, as for all
 * functions below. */
http_conn *conns_add(http_conns *c);
/* Its first request shows its address; before that it cannot be cut. */
void conn_from(http_conns *c, http_conn *one, const char *remote_addr, int remote_port);
void conns_remove(http_conns *c, http_conn *one);

/* How many have a thread; *ret_waiting: of them, how many make theirs wait. */
size_t conns_count(http_conns *c, size_t *ret_waiting);

/* From now on its thread waits for the client, at most limit_ms. Then the connection is cut; sooner
 * when threads are scarce. */
void conn_waits(http_conns *c, http_conn *one, int limit_ms);
/* From now on its thread works. */
void conn_works(http_conns *c, http_conn *one);

/* Has the client gone, so that nobody can read an answer? If a client has closed its connection,
 * this is known only after something was sent to it. So a client that has ended its own sending
 * (which may be all that it has done) is sent a "100 Continue", which has no effect. Ask again
 * later, because the result needs time to arrive. */
bool conn_is_left(http_conns *c, const http_conn *one);

/* True if every thread has a connection and this one has had its turn. */
bool conn_had_its_turn(http_conns *c, const http_conn *one);
