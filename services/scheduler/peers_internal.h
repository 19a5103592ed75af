/* What peers.c and placement_messages.c share: an instance, and what was sent to its executor. */
#pragma once

#include <uthash.h>

#include "peers.h"

#define ID_TEXT 40
#define SESSION_TEXT 72

typedef struct peer {
    char id[ID_TEXT];
    int64_t ce_id;
    ob_instance_state state;
    ob_seal_trust trust;
    char session[SESSION_TEXT]; /* "" = it has not registered since this leader began */
    int64_t seq, sent_at_ms;    /* the last message to it */
    bool heard;                 /* a heartbeat waits to be compared */
    int64_t heard_epoch, heard_seq;
    char heard_digest[17];
    int mismatches; /* heartbeats in a row that differ */
    bool sync_owed, drained_owed, seen;
    int64_t synced_at_ms;
    json_t *held; /* parts of a registration so far; NULL: none is under way */
    char held_session[SESSION_TEXT];
    int64_t held_parts, held_next;
    size_t *orders; /* of this round, as indices into the effects */
    size_t n_orders, cap_orders;
    UT_hash_handle hh;
} peer;

/* A run whose description cannot be sent; it never started. */
typedef struct refused_run {
    char instance[ID_TEXT];
    ob_run_ref run;
} refused_run;

struct peers {
    peer *all;
    refused_run *refused; /* since the last commit */
    size_t n_refused, cap_refused;
    size_t n_sync_owed; /* may be more than there are */
    bool any_heard;
    json_t *leaving; /* salts by ids of instances that have ended: their executors get "leave" */
};

peer *peers_find(const peers *p, const char *id);
void peers_refuse(peers *p, const char *id, const ob_run_ref *run);
