/* Rows of environments, queues and instances, as input for the engine. Values in a form that our
 * services do not write count as absent. Decides nothing and stores nothing. Thread: the loop's. */
#include "topology_rows.h"

#include <string.h>

#include "ob/json.h"
#include "scheduler_store.h"

#define SHAPES_MAX 1024
#define SHORTAGES_MAX 4096

/* ---- Environments ---- */

/* [mcpu, memMiB, gpus] */
static ob_resources resources_of(const json_t *triple)
{
    return (ob_resources){
        .mcpu = (int32_t)json_integer_value(json_array_get(triple, 0)),
        .mem_mib = (int32_t)json_integer_value(json_array_get(triple, 1)),
        .gpus = (int32_t)json_integer_value(json_array_get(triple, 2)),
    };
}

static json_t *parse(const char *json)
{
    json_t *value = NULL;
    if (json)
        (void)ob_json_parse(json, strlen(json), &value, NULL);
    return value;
}

static size_t read_shapes(const json_t *array, ob_resources *out)
{
    size_t n = 0;
    for (; n < json_array_size(array) && n < SHAPES_MAX; n++)
        out[n] = resources_of(json_array_get(array, n));
    return n;
}

/* {"<why>": [need, ...], ...}; the reasons are borrowed. */
static size_t read_shortages(json_t *object, engine_shortage *out)
{
    const char *why;
    json_t *needs;
    size_t n = 0;
    json_object_foreach(object, why, needs)
    {
        for (size_t i = 0; i < json_array_size(needs) && n < SHORTAGES_MAX; i++)
            out[n++] =
                (engine_shortage){ .need = resources_of(json_array_get(needs, i)), .reason = why };
    }
    return n;
}

void ce_row_read(const PGresult *res, int row, ce_row *ret)
{
    static ob_resources shapes[SHAPES_MAX];
    static engine_shortage shortages[SHORTAGES_MAX];
    ret->shapes = parse(ob_col(res, row, CE_SHAPES));
    ret->shortages = parse(ob_col(res, row, CE_LACKING));
    ret->ce = (engine_ce){
        .id = ob_col_int(res, row, CE_ID, 0),
        .name = ob_col(res, row, CE_NAME),
        .cluster = ob_col(res, row, CE_CLUSTER),
        .enabled = ob_col_bool(res, row, CE_ENABLED),
        .valid = ob_col_bool(res, row, CE_VALID),
        .max_vcpus = (int32_t)ob_col_int(res, row, CE_MAX_VCPUS, 0),
        .shapes = shapes,
        .n_shapes = read_shapes(ret->shapes, shapes),
        .shortages = shortages,
        .n_shortages = read_shortages(ret->shortages, shortages),
        .exact = ob_col_bool(res, row, CE_EXACT),
        .unmanaged = ob_col_bool(res, row, CE_UNMANAGED),
        .share_vcpus = (int32_t)ob_col_int(res, row, CE_SHARE_VCPUS, 0),
    };
}

void ce_row_done(ce_row *r)
{
    json_decref(r->shapes);
    json_decref(r->shortages);
}

/* ---- Queues ---- */

/* ce_ids as PostgreSQL writes an array: {1,2}. */
size_t queue_row_ces(const PGresult *res, int row, int64_t ret[ENGINE_MAX_CES])
{
    size_t n = 0;
    const char *text = ob_col(res, row, QUEUE_CE_IDS);
    const char *at = text ? strchr(text, '{') : NULL;
    while (at && *at != '\0' && *at != '}' && at[1] != '}' && n < ENGINE_MAX_CES) {
        char *end;
        ret[n++] = strtoll(at + 1, &end, 10);
        at = end;
    }
    return n;
}

void queue_row_read(const PGresult *res, int row, queue_row *ret)
{
    ret->queue = (engine_queue){
        .id = ob_col_int(res, row, QUEUE_ID, 0),
        .name = ob_col(res, row, QUEUE_NAME),
        .priority = (int32_t)ob_col_int(res, row, QUEUE_PRIORITY, 0),
        .enabled = ob_col_bool(res, row, QUEUE_ENABLED),
        .deleting = ob_col_bool(res, row, QUEUE_DELETING),
    };
    ret->queue.n_ces = queue_row_ces(res, row, ret->queue.ces);
    policy_parse(ob_col(res, row, QUEUE_POLICY), ob_col(res, row, QUEUE_TIME_LIMITS), &ret->policy);
    ret->queue.policy = ob_col_bool(res, row, QUEUE_FAIR) ? &ret->policy.policy : NULL;
    ret->queue.limits = ret->policy.limits;
    ret->queue.n_limits = ret->policy.n_limits;
}

void queue_row_done(queue_row *r)
{
    policy_done(&r->policy);
}

/* ---- Instances ---- */

engine_instance instance_row_read(const PGresult *res, int row)
{
    return (engine_instance){
        .id = ob_col(res, row, INSTANCE_ID),
        .ce_id = ob_col_int(res, row, INSTANCE_CE_ID, 0),
        .size = {
            .mcpu = (int32_t)ob_col_int(res, row, INSTANCE_MCPU, 0),
            .mem_mib = (int32_t)ob_col_int(res, row, INSTANCE_MEM_MIB, 0),
            .gpus = (int32_t)ob_col_int(res, row, INSTANCE_GPUS, 0),
        },
        .vcpus = (int32_t)ob_col_int(res, row, INSTANCE_VCPUS, 0),
        .state = (ob_instance_state)ob_col_int(res, row, INSTANCE_STATE, 0),
    };
}
