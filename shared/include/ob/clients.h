/* The connections of clients, and the time for which each may make its thread wait. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"

typedef struct ob_conns ob_conns;
typedef struct ob_conn ob_conn;

/* So many were cut. why: "stranger" (no request was known), "scarce" (threads were) or "slow" (its
 * limit had passed). In a thread of the list's own. */
typedef void ob_conns_cut_fn(const char *why, int n);

/* port: where the server listens; threads: how many connections it can serve at a time; on_cut: may
 * be NULL. */
int ob_conns_new(int port, int threads, ob_conns_cut_fn *on_cut, ob_conns **ret, ob_error *err);
/* Does this process have a client connection, with a thread or waiting for one? */
bool ob_conns_are_open(ob_conns *c);
/* All connections must have been removed. */
void ob_conns_free(ob_conns *c);

/* A connection has got a thread. Remove *ret before its socket is closed. Any thread, as for all
 * functions below. */
ob_conn *ob_conns_add(ob_conns *c);
/* Its first request shows its address; before that it cannot be cut. */
void ob_conn_from(ob_conns *c, ob_conn *one, const char *remote_addr, int remote_port);
void ob_conns_remove(ob_conns *c, ob_conn *one);

/* How many have a thread; *ret_waiting: of them, how many make theirs wait. */
size_t ob_conns_count(ob_conns *c, size_t *ret_waiting);

/* From now on its thread waits for the client, at most limit_ms. Then the connection is cut; sooner
 * when threads are scarce. */
void ob_conn_waits(ob_conns *c, ob_conn *one, int limit_ms);
/* From now on its thread works. */
void ob_conn_works(ob_conns *c, ob_conn *one);

/* Has the client gone, so that nobody can read an answer? If a client has closed its connection,
 * this is known only after something was sent to it. So a client that has ended its own sending
 * (which may be all that it has done) is sent a "100 Continue", which has no effect. Ask again
 * later, because the result needs time to arrive. */
bool ob_conn_is_left(ob_conns *c, const ob_conn *one);

/* True if every thread has a connection and this one has had its turn. */
bool ob_conn_had_its_turn(ob_conns *c, const ob_conn *one);
