/* See instance_view.h. Pure: any thread. */
#include "instance_view.h"

#include "environments_sql.h"
#include "ob/db.h"
#include "ob/job.h"

json_t *instance_size_json(json_int_t mcpu, json_int_t mem_mib, json_int_t gpus)
{
    return json_pack("{s:f, s:I, s:I}", "vcpus", (double)mcpu / 1000, "memory", mem_mib, "gpus",
                     gpus);
}

/* Times that there are not are left out. */
static void add_times(json_t *out, const PGresult *rows, int row)
{
    static const struct {
        const char *member;
        int column;
    } times[] = { { "launchedAt", INSTANCE_COL_LAUNCHED_AT_MS },
                  { "activeAt", INSTANCE_COL_ACTIVE_AT_MS },
                  { "drainUntil", INSTANCE_COL_DEADLINE_AT_MS },
                  { "endedAt", INSTANCE_COL_ENDED_AT_MS } };
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        int64_t at_ms = ob_col_int(rows, row, times[i].column, 0);
        if (at_ms > 0)
            (void)json_object_set_new(out, times[i].member, json_integer(at_ms));
    }
}

json_t *instance_json(const PGresult *rows, int row)
{
    ob_instance_state state =
        (ob_instance_state)ob_col_int(rows, row, INSTANCE_COL_STATE, OB_INSTANCE_LAUNCHING);
    json_t *used = instance_size_json(ob_col_int(rows, row, INSTANCE_COL_USED_MCPU, 0),
                                      ob_col_int(rows, row, INSTANCE_COL_USED_MEM_MIB, 0),
                                      ob_col_int(rows, row, INSTANCE_COL_USED_GPUS, 0));
    (void)json_object_set_new(used, "runs",
                              json_integer(ob_col_int(rows, row, INSTANCE_COL_RUNS, 0)));
    json_t *out = json_pack(
        "{s:s, s:s, s:s, s:s*, s:b, s:I, s:o, s:o}", "instanceId",
        ob_col(rows, row, INSTANCE_COL_ID), "instanceType", ob_col(rows, row, INSTANCE_COL_TYPE),
        "status", ob_instance_state_name(state), "statusReason",
        ob_col(rows, row, INSTANCE_COL_REASON), "spot", ob_col_bool(rows, row, INSTANCE_COL_SPOT),
        "vcpus", (json_int_t)ob_col_int(rows, row, INSTANCE_COL_VCPUS, 0), "capacity",
        instance_size_json(ob_col_int(rows, row, INSTANCE_COL_MCPU, 0),
                           ob_col_int(rows, row, INSTANCE_COL_MEM_MIB, 0),
                           ob_col_int(rows, row, INSTANCE_COL_GPUS, 0)),
        "used", used);
    add_times(out, rows, row);
    if (ob_col_bool(rows, row, INSTANCE_COL_DOUBTFUL))
        (void)json_object_set_new(out, "mayFail", json_true());
    return out;
}
