/* The loop of a service of which one process leads: it stands by, takes the lock, waits for Kafka,
 * loads, takes turns, and gives the lock up. The service gives its own work as functions. The lock,
 * the epoch and the fence are ob/leader.h's. One owner thread, which calls all functions. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ob/bus.h"
#include "ob/leader.h"
#include "ob/probe.h"

#define OB_LEAD_TURN_MS (OB_LEADER_TRY_MS - 50) /* the longest wait between turns */
#define OB_LEAD_SILENCE_MS 10000                /* then Kafka is silent for us */
#define OB_LEAD_EXIT_DEPOSED 3 /* exit code: the supervisor starts the process as a standby */

#define OB_LEAD_SENDS_MAX 4

/* A topic that the leader sends to. The producer is told of it before the first message, which
 * would wait a second for that. */
typedef struct ob_lead_topic {
    const char *name;
    int32_t *ret_partitions; /* NULL: not wanted */
} ob_lead_topic;

typedef struct ob_lead_config {
    const char *role; /* the name in texts and probes */
    ob_leader *leader;
    ob_bus *bus;
    ob_probe *probe;                        /* the service passes it what arrives (ob_probe_take) */
    const char *const *follows;             /* topics read from their end; NULL ends the list */
    ob_lead_topic sends[OB_LEAD_SENDS_MAX]; /* an empty one ends the list before */
    ob_point probe_point;
    int64_t probe_every_ms;
    int messages_a_turn; /* at most */
    int retry_ms;        /* wait after a turn that failed */
    int max_failures;    /* turns that fail in a row before the lock is given up; 0: no limit */

    /* Reads what PostgreSQL says; positions in Kafka are resolved, so nothing falls between.
     * Returns 0: this process leads from now on. Errors: those of ob_leader_commit, and others; the
     * lock is given up. A long one calls ob_leader_keep between its steps. */
    int (*load)(void *arg, ob_error *err);
    /* Acts on what has arrived and on what is due. *ret_wait_ms: how long to wait for the next turn
     * when nothing arrives, at most OB_LEAD_TURN_MS, which it is before. Errors: as load; on a
     * living connection the turn was undone, 'failed' is called, and the next turn comes. */
    int (*turn)(void *arg, int64_t now_ms, int *ret_wait_ms, ob_error *err);
    /* After a turn that failed: memory may differ from the tables. Errors: as turn; it counts as
     * another failure. */
    int (*failed)(void *arg, ob_error *err);
    /* Leading has ended, and so has the connection: forgets all that belonged to it. */
    void (*forget)(void *arg);
    /* The lock is held, but Kafka's positions cannot be resolved yet. May be NULL. */
    void (*waiting)(void *arg);
    /* Once a second: posts the service's own health and figures. */
    void (*health)(void *arg, bool leads);
    void *arg;
} ob_lead_config;

typedef struct ob_lead ob_lead;

ob_lead *ob_lead_new(const ob_lead_config *config); /* copied; what it points to is borrowed */
void ob_lead_free(ob_lead *lead);
/* Stands by and leads, in turn, until the service is to stop. Returns the process's exit code: 0,
 * or OB_LEAD_EXIT_DEPOSED. */
int ob_lead_run(ob_lead *lead);
/* For the handler of bus events: logs it, and counts partitions again if positions were lost. */
void ob_lead_bus_event(ob_lead *lead, ob_bus_event event);
