/* See engine_world.h. */
#include "engine_world.h"

#include <stdlib.h>

#include "ob/error.h"

void world_init(world *w)
{
    *w = (world){ .e = engine_new(), .db = engine_db_new(), .now_ms = 1000000, .next_id = 1 };
}

void world_done(world *w)
{
    engine_free(w->e);
    engine_db_free(w->db);
    engine_effects_done(&w->effects);
}

int world_new(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    world_init(w);
    *state = w;
    return 0;
}

int world_free(void **state)
{
    world_done(*state);
    free(*state);
    return 0;
}

ob_uuid world_id(uint64_t n)
{
    ob_uuid id = { 0 };
    for (int i = 0; i < 8; i++)
        id.b[15 - i] = (uint8_t)(n >> (8 * i));
    return id;
}

void world_ce(world *w, int64_t id, int32_t max_vcpus, ob_resources shape)
{
    char name[16] = { 'c', 'e', (char)('0' + id % 10) };
    engine_put_ce(w->e, &(engine_ce){ .id = id,
                                      .name = name,
                                      .cluster = "cluster",
                                      .enabled = true,
                                      .valid = true,
                                      .max_vcpus = max_vcpus,
                                      .shapes = &shape,
                                      .n_shapes = 1 });
}

void world_unmanaged(world *w, int64_t id, int32_t max_vcpus)
{
    engine_put_ce(w->e, &(engine_ce){ .id = id,
                                      .name = "own",
                                      .cluster = "c",
                                      .enabled = true,
                                      .valid = true,
                                      .unmanaged = true,
                                      .max_vcpus = max_vcpus });
}

void world_queue(world *w, int64_t id, int32_t priority, int64_t ce1, int64_t ce2)
{
    engine_put_queue(w->e, &(engine_queue){ .id = id,
                                            .name = "queue",
                                            .priority = priority,
                                            .enabled = true,
                                            .ces = { ce1, ce2 },
                                            .n_ces = ce2 ? 2 : 1 });
}

void world_instance(world *w, const char *id, int64_t ce, ob_resources size, ob_instance_state s)
{
    engine_put_instance(
        w->e, &(engine_instance){
                  .id = id, .ce_id = ce, .size = size, .vcpus = size.mcpu / 1000, .state = s });
}

static ob_uuid submit(world *w, engine_submission s)
{
    s.id = world_id(w->next_id++);
    s.created_at_ms = w->now_ms;
    engine_db_accept(w->db, &s);
    engine_submit(w->e, &s);
    return s.id;
}

ob_uuid world_submit(world *w, int64_t queue, int32_t array_size, ob_resources need)
{
    return submit(w,
                  (engine_submission){ .queue_id = queue, .array_size = array_size, .need = need });
}

ob_uuid world_submit_terms(world *w, int32_t array_size, ob_resources need, engine_terms terms)
{
    return submit(w, (engine_submission){
                         .queue_id = 1, .array_size = array_size, .need = need, .terms = terms });
}

ob_uuid world_submit_after(
    world *w, int64_t queue, int32_t array_size, const engine_dependency *deps, size_t n)
{
    engine_dependency copy[ENGINE_MAX_DEPENDENCIES];
    for (size_t i = 0; i < n; i++) {
        copy[i] = deps[i];
        if (deps[i].type == OB_DEP_SEQUENTIAL)
            copy[i].id = world_id(w->next_id);
        else
            engine_db_ended(w->db, &copy[i]);
    }
    ob_uuid id = submit(w, (engine_submission){ .queue_id = queue,
                                                .array_size = array_size,
                                                .need = NEED(1, 100),
                                                .deps = copy,
                                                .n_deps = n });
    for (size_t i = 0; i < n; i++)
        free((void *)copy[i].failed);
    return id;
}

void world_decide(world *w)
{
    w->now_ms += 1000;
    w->steady_ms += 1000;
    engine_db_clock(w->db, w->steady_ms);
    engine_clock(w->e, w->steady_ms);
    engine_effects_clear(&w->effects);
    engine_round(w->e, w->now_ms, &w->effects);
}

void world_apply(world *w)
{
    engine_db_apply(w->db, &w->effects);
    engine_db_check(w->db);
    engine_db_check_figures(w->db, w->e);
}

void world_round(world *w)
{
    world_decide(w);
    world_apply(w);
}

void world_stop(world *w, ob_uuid id, int32_t index, bool terminate, const char *reason)
{
    engine_stop(w->e, &(ob_job_ref){ .id = id, .index = index }, terminate, reason);
}

engine_run_report world_run(const world *w, ob_uuid id, int32_t index, engine_run_state state)
{
    db_row row = engine_db_row(w->db, &id, index);
    return (engine_run_report){ .run = { .id = id, .index = index, .run = row.run },
                                .state = state };
}

const char *world_where(const world *w, ob_uuid id, int32_t index)
{
    static char where[24];
    db_row row = engine_db_row(w->db, &id, index);
    memcpy(where, row.instance_id, sizeof(where));
    return where;
}

void world_running(world *w, ob_uuid id, int32_t index)
{
    engine_run_report r = world_run(w, id, index, RUN_RUNNING);
    r.started_at_ms = w->now_ms;
    engine_report(w->e, world_where(w, id, index), &r);
}

void world_exit(world *w, ob_uuid id, int32_t index, int32_t code)
{
    engine_run_report r = world_run(w, id, index, RUN_EXITED);
    r.started = true;
    r.started_at_ms = w->now_ms;
    r.stopped_at_ms = w->now_ms + 500;
    r.has_exit_code = true;
    r.exit_code = code;
    engine_report(w->e, world_where(w, id, index), &r);
}

void world_reload(world *w)
{
    engine_free(w->e);
    w->e = engine_new();
    engine_clock(w->e, w->steady_ms);
    engine_db_load(w->db, w->e);
}

int world_orders(const world *w, int kind)
{
    int n = 0;
    for (size_t i = 0; i < w->effects.n_orders; i++)
        n += (int)w->effects.orders[i].kind == kind;
    return n;
}

const effect_order *world_order(const world *w, int kind, ob_uuid id, int32_t index)
{
    for (size_t i = 0; i < w->effects.n_orders; i++) {
        const effect_order *o = &w->effects.orders[i];
        if ((int)o->kind == kind && o->run.index == index && ob_uuid_cmp(&o->run.id, &id) == 0)
            return o;
    }
    return NULL;
}

const effect_demand *world_demand(const world *w, int64_t ce)
{
    for (size_t i = 0; i < w->effects.n_demand; i++)
        if (w->effects.demand[i].ce_id == ce)
            return &w->effects.demand[i];
    return NULL;
}
