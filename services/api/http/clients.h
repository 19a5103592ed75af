/* The connections of clients, and how long each may make its thread wait. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct http_conns http_conns;
typedef struct http_conn http_conn;

/* port: where the server listens; threads: how many connections it can serve at a time. */
int conns_new(int port, int threads, http_conns **ret, ob_error *err);
/* Has this process a connection of a client, with a thread or waiting for one? */
bool conns_are_open(http_conns *c);
/* All connections must have been removed. */
void conns_free(http_conns *c);

/* A connection has got a thread. *ret is to be removed before its socket is closed. Any thread, as
 * all that follow. */
http_conn *conns_add(http_conns *c);
/* Its first request tells where it comes from; before, it cannot be cut. */
void conn_from(http_conns *c, http_conn *one, const char *remote_addr, int remote_port);
void conns_remove(http_conns *c, http_conn *one);

/* From now on its thread waits for the client, at most limit_ms: then the connection is cut; sooner
 * when threads are scarce. */
void conn_waits(http_conns *c, http_conn *one, int limit_ms);
/* From now on its thread works. */
void conn_works(http_conns *c, http_conn *one);

/* Is nobody there any more to take an answer? Of one who has closed and reads no more this is known
 * only once something was sent to him: who says that he sends nothing more (that may be all he
 * means) is sent a "100 Continue", which says nothing. Asked again, for the news travels. */
bool conn_is_left(http_conns *c, const http_conn *one);

/* Every thread has a connection: has this one had its turn? */
bool conn_had_its_turn(http_conns *c, const http_conn *one);
