/* GetComputeEnvironmentUsage (OpenBatch's own: docs/access.md): how much an environment was used
 * over time, as the scaler wrote it. Thread: an HTTP worker. */
#include "environment.h"
#include "environment_operations.h"
#include "request/usage_range.h"

static json_t *point(const PGresult *rows, int row)
{
    static const struct {
        const char *name;
        int column;
        bool is_mcpu;
    } members[] = { { "at", CE_USAGE_COL_AT_MS, false },
                    { "usedvCpus", CE_USAGE_COL_MCPU, true },
                    { "maxUsedvCpus", CE_USAGE_COL_MOST_MCPU, true },
                    { "provisionedvCpus", CE_USAGE_COL_PROVISIONED_MCPU, true },
                    { "desiredvCpus", CE_USAGE_COL_DESIRED_VCPUS, false },
                    { "maxvCpus", CE_USAGE_COL_MAX_VCPUS, false },
                    { "instances", CE_USAGE_COL_INSTANCES, false } };
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(members); i++) {
        int64_t n = ob_col_int(rows, row, members[i].column, 0);
        (void)json_object_set_new(out, members[i].name,
                                  members[i].is_mcpu ? usage_vcpus(n) : json_integer(n));
    }
    return out;
}

int op_get_compute_environment_usage(api_request *req, api_reply *rep)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    usage_range range;
    int r = usage_range_read(req, &range, rep);
    if (r == 0)
        r = environment_looked_at(req, &e, rep);
    if (r < 0)
        return r;
    return usage_range_answer(req, e.id, &range, STMT_CE_USAGE, point, rep);
}
