/* The executors that the leader knows: of each instance the session, the last sequence number, what
 * is owed to it. Thread: the loop's. */
#pragma once

#include "scheduler.h"

#define PEERS_HELD_MAX 65536 /* runs of an instance */

peers *peers_new(void);
void peers_free(peers *p);
/* A new epoch: no session is known, sequences begin at 1, everyone owes a registration. */
void peers_restart(peers *p);

/* An instance as its row says. */
void peers_put(
    peers *p, const char *id, int64_t ce_id, ob_instance_state state, const char *token_hash);
void peers_drop(peers *p, const char *id);
/* Marks all; those that are not put again are dropped, fn tells of each. */
void peers_unsee(peers *p);
void peers_drop_unseen(peers *p, void (*fn)(const char *id, void *arg), void *arg);
bool peers_known(const peers *p, const char *id);

/* Is 'token' (SHA-256, compared with the instance's token_hash) this instance's? */
bool peers_token_ok(const peers *p, const char *id, const char *token);
/* An executor registered with this session: it is the current one now. */
void peers_registered(peers *p, const char *id, const char *session);
/* Part 'part' of 'parts' of what a registering executor holds. Returns the whole list (new) with
 * the last part; NULL: some are to come, or do not fit what came before. */
json_t *peers_gather(
    peers *p, const char *id, const char *session, json_t *held, int64_t part, int64_t parts);
/* Is this the instance's current session? If not, it is asked to register (at most once a while).
 */
bool peers_current(peers *p, const char *id, const char *session);
/* What a heartbeat says it has. */
void peers_heard(peers *p, const char *id, int64_t epoch, int64_t seq, const char *digest);
/* Compares what was heard with what the engine wants; those that differ twice are asked to
 * register. */
void peers_compare(scheduler *s);
/* Everyone is asked to register anew. */
void peers_sync_all(peers *p);
/* A doorbell named this instance: if it is draining and empty, 'drained' is said again. */
void peers_ask_drained(peers *p, const char *id);
/* Its row has ended: its executor gets "leave", for what it still has is nobody's. */
void peers_leave(peers *p, const char *id);
