/* GetJobQueueUsage (OpenBatch's own: docs/access.md): how much a queue was used over time, as the
 * scheduler wrote it. Thread: an HTTP worker. */
#include "queue_operations.h"
#include "queue_store.h"
#include "request/resolve.h"
#include "request/usage_range.h"

static json_t *point(const PGresult *rows, int row)
{
    static const struct {
        const char *name;
        int column;
    } counts[] = { { "at", QUEUE_USAGE_COL_AT_MS },
                   { "placed", QUEUE_USAGE_COL_PLACED },
                   { "runnable", QUEUE_USAGE_COL_WAITING },
                   { "maxRunnable", QUEUE_USAGE_COL_MOST_WAITING },
                   { "succeeded", QUEUE_USAGE_COL_SUCCEEDED },
                   { "failed", QUEUE_USAGE_COL_FAILED } };
    json_t *out = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(counts); i++)
        (void)json_object_set_new(out, counts[i].name,
                                  json_integer(ob_col_int(rows, row, counts[i].column, 0)));
    (void)json_object_set_new(out, "usedvCpus",
                              usage_vcpus(ob_col_int(rows, row, QUEUE_USAGE_COL_MCPU, 0)));
    (void)json_object_set_new(out, "maxUsedvCpus",
                              usage_vcpus(ob_col_int(rows, row, QUEUE_USAGE_COL_MOST_MCPU, 0)));
    return out;
}

int op_get_job_queue_usage(api_request *req, api_reply *rep)
{
    api_queue queue = { 0 };
    usage_range range;
    int r = usage_range_read(req, &range, rep);
    if (r == 0)
        r = resolve_queue(req, &queue, rep);
    if (r < 0)
        return r;
    return usage_range_answer(req, queue.id, &range, STMT_QUEUE_USAGE, point, rep);
}
