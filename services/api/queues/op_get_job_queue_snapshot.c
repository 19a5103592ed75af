/* GetJobQueueSnapshot: the front of a queue and what its jobs use, as last written by the
 * scheduler. Without a snapshot no job has ever waited. Thread: an HTTP worker. */
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/message.h"
#include "queue_operations.h"
#include "queue_store.h"
#include "request/resolve.h"

/* [{"capacityUnit": "VCPU", "quantity": ...}] of thousandths of a vCPU; Kubernetes calls it cpu. */
static json_t *usage_json(const api_queue *queue, json_int_t mcpu)
{
    return json_pack("[{s:s, s:f}]", "capacityUnit", queue->eks ? "cpu" : "VCPU", "quantity",
                     (double)mcpu / 1000);
}

/* From [[job id or id:index, since when (ms)], ...]. */
static json_t *front_json(const api_request *req, const json_t *front)
{
    json_t *out = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(front, i, entry)
    {
        char arn[API_ARN_MAX];
        const char *ref = json_string_value(json_array_get(entry, 0));
        if (ref == NULL)
            continue;
        arn_job(arn, req->region, req->account, ref);
        json_array_append_new(out, json_pack("{s:s, s:I}", "jobArn", arn, "earliestTimeAtPosition",
                                             json_integer_value(json_array_get(entry, 1))));
    }
    return out;
}

/* From {"shares": [[shareIdentifier, mcpu in use], ...], "activeShares": n}. */
static json_t *shares_json(const api_queue *queue, const json_t *snapshot)
{
    json_t *top = json_array();
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(snapshot, "shares"), i, entry)
    {
        json_t *share = json_array_get(entry, 0);
        json_int_t mcpu = json_integer_value(json_array_get(entry, 1));
        json_array_append_new(top, json_pack("{s:O, s:o}", "shareIdentifier", share,
                                             "capacityUsage", usage_json(queue, mcpu)));
    }
    return json_pack("{s:I, s:o}", "activeShareCount",
                     (json_int_t)ob_json_int(snapshot, "activeShares", 0), "topCapacityUtilization",
                     top);
}

int op_get_job_queue_snapshot(api_request *req, api_reply *rep)
{
    api_queue queue;
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    int r = resolve_queue(req, &queue, rep);
    if (r == 0)
        r = queue_snapshot(req->db, queue.id, &rows, &rep->err);
    if (r < 0)
        return r;
    bool found = PQntuples(rows) > 0;
    json_auto_t *snapshot =
        found ? ob_json_read_text(ob_col(rows, 0, SNAPSHOT_COL_BODY)) : json_object();
    json_int_t at_ms = found ? ob_col_int(rows, 0, SNAPSHOT_COL_UPDATED_AT_MS, 0) : ob_wall_ms();
    json_t *used =
        json_pack("{s:o, s:I}", "totalCapacityUsage",
                  usage_json(&queue, ob_json_int(snapshot, "mcpu", 0)), "lastUpdatedAt", at_ms);
    if (queue.fair_share)
        json_object_set_new(used, "fairshareUtilization", shares_json(&queue, snapshot));
    rep->body = json_pack("{s:{s:o, s:I}, s:o}", "frontOfQueue", "jobs",
                          front_json(req, json_object_get(snapshot, "front")), "lastUpdatedAt",
                          at_ms, "queueUtilization", used);
    return 0;
}
