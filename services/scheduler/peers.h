/* The executors known to the leader: for each instance the session, the last sequence number and
 * pending messages. Thread: the loop's. */
#pragma once

#include "scheduler.h"

#define PEERS_HELD_MAX 65536 /* runs of an instance */

peers *peers_new(void);
void peers_free(peers *p);
/* Starts a new epoch: no session is known, sequences begin at 1, and every executor must
 * register. */
void peers_restart(peers *p);

/* An instance as its row says. */
void peers_put(peers *p,
               const char *id,
               int64_t ce_id,
               ob_instance_state state,
               const char *salt,
               const char *token_hash);
void peers_drop(peers *p, const char *id);
/* Marks all; those that are not put again are dropped, and fn is called for each. */
void peers_unsee(peers *p);
void peers_drop_unseen(peers *p, void (*fn)(const char *id, void *arg), void *arg);
bool peers_known(const peers *p, const char *id);

/* By its key, may a message of this instance count (ob_seal_accepts)? */
bool peers_accept(peers *p, const char *id, const json_t *msg);
/* Has it, or a later one, counted already (ob_seal_repeats)? */
bool peers_repeat(peers *p, const char *id, json_t *msg);
/* Is a registration of this leader's time? Its sender has then seen this epoch. If not, the
 * instance is asked to register. */
bool peers_fresh(peers *p, const char *id, int64_t seen_epoch, int64_t epoch);
/* An executor registered with this session, which is now the current one. */
void peers_registered(peers *p, const char *id, const char *session);
/* Part 'part' of 'parts' of a registering executor's list. Returns the whole list (new) with the
 * last part; NULL: parts are missing, or do not match earlier ones. */
json_t *peers_gather(
    peers *p, const char *id, const char *session, json_t *held, int64_t part, int64_t parts);
/* Is this the instance's current session? If not, the instance is asked to register (at most once
 * in a while) */
bool peers_current(peers *p, const char *id, const char *session);
/* The content of a heartbeat. */
void peers_heard(peers *p, const char *id, int64_t epoch, int64_t seq, const char *digest);
/* Compares the heartbeats with the engine's runs; executors that differ twice are asked to
 * register. */
void peers_compare(scheduler *s);
/* All executors are asked to register again. */
void peers_sync_all(peers *p);
/* A doorbell named this instance: if it is draining and empty, 'drained' is sent again. */
void peers_ask_drained(peers *p, const char *id);
/* Its row has ended: its executor gets "leave", for what it still has is nobody's. salt: of its
 * key; NULL: it has none. */
void peers_leave(peers *p, const char *id, const char *salt);
