/* See usage_range.h. Owns nothing. Any thread. */
#include "usage_range.h"

#include "ob/clock.h"
#include "ob/message.h"

#define POINTS_USUAL 500
#define RANGE_USUAL_MS 3600000
#define STEP_LEAST_MS 1000

int usage_range_read(const api_request *req, usage_range *ret, api_reply *rep)
{
    int64_t points = ob_json_int(req->body, "maxPoints", POINTS_USUAL);
    ret->to_ms = ob_json_int(req->body, "endTime", ob_wall_ms());
    ret->from_ms = ob_json_int(req->body, "startTime", ret->to_ms - RANGE_USUAL_MS);
    if (ret->from_ms >= ret->to_ms)
        return api_client_error(rep, "startTime must be before endTime");
    ret->step_ms = (ret->to_ms - ret->from_ms + points - 1) / points;
    if (ret->step_ms < STEP_LEAST_MS)
        ret->step_ms = STEP_LEAST_MS;
    return 0;
}

int usage_range_answer(api_request *req,
                       int64_t id,
                       const usage_range *range,
                       const char *stmt,
                       json_t *(*point)(const PGresult *rows, int row),
                       api_reply *rep)
{
    ob_cleanup(ob_pq_clearp) PGresult *rows = NULL;
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, id);
    ob_param_int(&p, range->from_ms);
    ob_param_int(&p, range->to_ms);
    ob_param_int(&p, range->step_ms);
    int r = req_exec(req, stmt, &p, &rows, &rep->err);
    if (r < 0)
        return r;
    req_db_release(req);
    json_t *points = json_array();
    for (int row = 0; row < PQntuples(rows); row++)
        (void)json_array_append_new(points, point(rows, row));
    rep->body =
        json_pack("{s:o, s:I, s:I, s:I}", "points", points, "startTime", (json_int_t)range->from_ms,
                  "endTime", (json_int_t)range->to_ms, "step", (json_int_t)range->step_ms);
    return 0;
}

json_t *usage_vcpus(int64_t mcpu)
{
    return json_real((double)mcpu / 1000);
}
