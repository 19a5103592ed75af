/* A small world around the engine for tests: its database, short names, one round at a time. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "engine_db.h"

typedef struct world {
    engine *e;
    engine_effects effects; /* of the last round */
    engine_db *db;
    int64_t now_ms;
    int64_t steady_ms; /* never set back */
    uint64_t next_id;
} world;

int world_new(void **state); /* cmocka set-up and tear-down */
int world_free(void **state);
void world_init(world *w);
void world_done(world *w);

/* The n-th job id, ordered by n. */
ob_uuid world_id(uint64_t n);
#define NEED(vcpus_, mem_) ((ob_resources){ .mcpu = (vcpus_)*1000, .mem_mib = (mem_) })

/* An enabled, valid environment with one shape. */
void world_ce(world *w, int64_t id, int32_t max_vcpus, ob_resources shape);
/* "own", of type UNMANAGED. max_vcpus: that its jobs may use at a time; 0: there is no maximum. */
void world_unmanaged(world *w, int64_t id, int32_t max_vcpus);
void world_queue(world *w, int64_t id, int32_t priority, int64_t ce1, int64_t ce2);
void world_instance(world *w, const char *id, int64_t ce, ob_resources size, ob_instance_state s);
/* Accepts and submits; array_size 0: a single job. */
ob_uuid world_submit(world *w, int64_t queue, int32_t array_size, ob_resources need);
/* Into queue 1. terms.on_exit must live as long as the world. */
ob_uuid world_submit_terms(world *w, int32_t array_size, ob_resources need, engine_terms terms);
/* Needs 1 vCPU. Of what has ended the database tells; the id of a SEQUENTIAL one is filled in. */
ob_uuid world_submit_after(
    world *w, int64_t queue, int32_t array_size, const engine_dependency *deps, size_t n);
#define AFTER(...)                                                                                 \
    (engine_dependency[])                                                                          \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }
/* One round, 1 s after the last: applied and checked. */
void world_round(world *w);
/* Its two halves: the effects, and their transaction. */
void world_decide(world *w);
void world_apply(world *w);
void world_stop(world *w, ob_uuid id, int32_t index, bool terminate, const char *reason);

/* Reports of the run that is current by the database. */
engine_run_report world_run(const world *w, ob_uuid id, int32_t index, engine_run_state state);
void world_running(world *w, ob_uuid id, int32_t index);
void world_exit(world *w, ob_uuid id, int32_t index, int32_t code);
const char *world_where(const world *w, ob_uuid id, int32_t index); /* instance id */
/* Throws the engine away and loads a new one; topology has to be put again. */
void world_reload(world *w);

/* What was told last round. */
int world_orders(const world *w, int kind);
const effect_order *world_order(const world *w, int kind, ob_uuid id, int32_t index);
const effect_demand *world_demand(const world *w, int64_t ce);
static inline ob_job_state world_state(const world *w, ob_uuid id, int32_t index)
{
    return engine_db_row(w->db, &id, index).state;
}
#define assert_state(w, id, index, want)                                                           \
    assert_string_equal(ob_job_state_name(world_state((w), (id), (index))), ob_job_state_name(want))
#define assert_story(w, id, index, want)                                                           \
    do {                                                                                           \
        ob_uuid id_ = (id);                                                                        \
        assert_string_equal(engine_db_story((w)->db, &id_, (index)), (want));                      \
    } while (0)
