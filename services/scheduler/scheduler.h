/* Shared by the scheduler's files: its configuration and its state. Everything here belongs to the
 * loop thread; the publisher has its own (publisher.h). */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "commit.h"
#include "engine/engine.h"
#include "event_lag.h"
#include "ob/bus.h"
#include "ob/config.h"
#include "ob/lead.h"
#include "ob/seal.h"

#define SCHEDULER_NAME "scheduler"

typedef struct scheduler_config {
    ob_config_common common;
    char *pg;
    char *seal_key_file;
    int64_t job_retention_s; /* 0: for ever */
    char *otlp_endpoint;     /* empty: no traces */
    char *otlp_headers;
    char *otel_service;
} scheduler_config;

typedef struct peers peers;         /* peers.h */
typedef struct topology topology;   /* topology.h */
typedef struct publisher publisher; /* publisher.h */
typedef struct retention retention; /* retention.h */
typedef struct tracer tracer;       /* tracer.h */

/* Times of the last rounds that did something. */
#define ROUND_WINDOW 200
typedef struct round_times {
    uint64_t count;                  /* rounds that did something, since the start of the process */
    uint32_t whole_us[ROUND_WINDOW]; /* from the decision to the acknowledged commit */
    uint32_t engine_us[ROUND_WINDOW]; /* of it, the engine */
} round_times;

/* Inbox rows read for the round that is being made. */
typedef struct inbox {
    bool rung;           /* a doorbell arrived, or rows are left: check before the round */
    int64_t swept_at_ms; /* monotonic */
    int64_t *seqs;       /* fed to the engine; the round's transaction deletes them */
    size_t n, cap;
} inbox;

/* Requests to stop all that match, as far as they are not finished. */
typedef struct mass_stops {
    bool stale;             /* they must be read */
    bool unsure;            /* those that have not begun may be known to nobody */
    struct mass_stop *open; /* the oldest first; one at a time is carried out */
    size_t n_open;
    int64_t *begun; /* named by inbox rows of the round that is being made */
    size_t n_begun, cap_begun;
    bool stepped; /* that round has a step of the first one */
    stop_step step;
} mass_stops;

typedef struct scheduler {
    scheduler_config config;
    ob_leader *leader; /* lock, epoch and every round */
    ob_lead *lead;     /* the loop */
    ob_db *db;         /* its connection, while leading */
    ob_bus *bus;
    ob_seal seal;
    engine *engine; /* NULL while not leading */
    engine_effects effects;
    int64_t engine_ahead_ms; /* of the engine's time to the steady clock */
    int64_t epoch;
    int32_t partitions; /* of batch.placements, according to the broker */
    peers *peers;
    topology *topology;
    publisher *publisher;
    retention *retention;
    inbox inbox;
    mass_stops stops;
    json_t
        *reports; /* executors' messages since the last commit, to be fed again after a failure */
    size_t reports_fed; /* how many of them the engine has seen */
    round_times times;
    event_lag lag;
    ob_probe probe;
    bool fence_owed;     /* FENCE must be written to every placements partition */
    bool reconcile_owed; /* positions were lost: reconcile now */
    int64_t reconciled_at_ms, demand_at_ms; /* monotonic */
    uint64_t withdrawn,
        reloads; /* since the start: rounds that lost a placement because an instance was no longer
                    ACTIVE; rounds that failed and were decided again */
    uint64_t ignored_messages;
    uint64_t forged_messages, repeated_messages; /* refused because of who sent them, or when */
} scheduler;
