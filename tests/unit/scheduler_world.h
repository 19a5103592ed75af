/* A scheduler without its loop and database, on a broker in memory, for tests of its messages. */
#pragma once

#include "bus_mock.h"

#include "ob/message.h"
#include "ob/seal.h"
#include "ob/topics.h"
#include "scheduler.h"

#define INSTANCE "i-0123456789abcdef0"
#define WORLD_CE 7
#define RECEIVED_MAX 64

typedef struct world {
    scheduler s;
    ob_seal own; /* of the executor; empty: it is of an earlier version */
    json_t *received[RECEIVED_MAX];
    size_t lengths[RECEIVED_MAX];
    int n;
} world;

/* It reads 'topic'. */
void world_begin(world *w, const char *topic);
void world_end(world *w);
void world_put_instance(world *w, const char *id, ob_instance_state state);

/* Until n messages have come, and no more. */
void world_receive(world *w, int n);

ob_uuid world_job_id(int n);
/* To INSTANCE, for a run of that job. */
void world_order(world *w, int kind, int job);
void world_orders_done(world *w);

/* Rows of the statement "specs": jobs 1 to n, each with so many bytes of environment. */
PGresult *world_specs(int n, const size_t *bytes);

/* Takes a message as it came from Kafka. */
void world_take(world *w, const char *data, size_t len);

/* Takes 'msg', as an executor sent it. */
void world_hear(world *w, json_t *msg);
json_t *world_said(const char *type, const char *session);
void world_registered(world *w, const char *session, int part, int parts);
bool world_is_current(world *w, const char *session);
