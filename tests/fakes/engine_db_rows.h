/* The rows of engine_db, for its own files. */
#pragma once

#include <uthash.h>

#include "engine_db.h"

#define STORY 64

typedef struct key {
    ob_uuid id;
    int32_t index;
} key;

typedef struct record { /* one job, parent or child of which anything was told */
    key key;
    bool live, done;
    db_row row;
    char placed_on[24]; /* placement row, "" = none */
    int32_t placed_run;
    int64_t placed_at_ms;
    int64_t running_at_ms; /* steady */
    ob_job_state told;     /* by the last event */
    int64_t published_at_ms;
    int64_t child_stopped_at_ms; /* of an array: when a child stopped last */
    char story[STORY];
    size_t story_n;
    int starts;
    effect_attempt attempts[10];
    size_t n_attempts;
    UT_hash_handle hh;
} record;

typedef struct share_row {
    struct {
        int64_t queue_id;
        char share[32];
    } key;
    effect_share row;
    UT_hash_handle hh;
} share_row;

typedef struct front_row {
    int64_t queue_id; /* key */
    engine_front *front;
    size_t n;
    UT_hash_handle hh;
} front_row;

typedef struct counts_row {
    effect_counts row; /* the key first */
    bool fresh;        /* written by the last round */
    UT_hash_handle hh;
} counts_row;

typedef struct accepted {
    ob_uuid id; /* key */
    engine_submission s;
    engine_dependency deps[ENGINE_MAX_DEPENDENCIES];
    bool ended;
    UT_hash_handle hh;
} accepted;

typedef struct reason {
    struct {
        int64_t queue_id;
        ob_resources need;
        int32_t priority;
        char share[32];
    } key;
    char *text;
    int64_t since_ms;
    UT_hash_handle hh;
} reason;

struct engine_db {
    accepted *accepted;
    record *records;
    reason *reasons;
    share_row *shares;
    front_row *fronts;
    counts_row *counts;
    size_t n_events, n_unended;
    int64_t steady_ms;
};

/* NULL: nothing was told of it. */
record *engine_db_find(const engine_db *db, const ob_uuid *id, int32_t index);
/* Fails the test when there is none. */
accepted *engine_db_submission(const engine_db *db, const ob_uuid *id);
