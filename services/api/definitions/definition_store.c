/* Owns the table job_definition. Thread: the request's. */
#include "definition_store.h"

#include "ob/clock.h"
#include "request/store.h"

int definition_insert(
    api_request *req, const char *name, const char *body, int *ret_revision, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    int r = req_exec(req, STMT_DEFINITION_SERIAL, &p, NULL, err);
    if (r < 0)
        return r;
    ob_param_text(&p, body);
    ob_param_int(&p, ob_wall_ms());
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    r = req_exec(req, STMT_DEFINITION_INSERT, &p, &res, err);
    if (r == 0)
        *ret_revision = (int)ob_col_int(res, 0, NEW_DEFINITION_COL_REVISION, 0);
    return r;
}

int definition_find(api_request *req,
                    const char *name,
                    int revision,
                    bool active_only,
                    PGresult **ret,
                    ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    if (revision)
        ob_param_int(&p, revision);
    else
        store_param_bool(&p, active_only);
    return req_exec(req, revision ? STMT_DEFINITION_EXACT : STMT_DEFINITION_LATEST, &p, ret, err);
}

int definition_list(api_request *req,
                    const char *name,
                    int active,
                    int64_t before,
                    int limit,
                    PGresult **ret,
                    ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_param_int(&p, active);
    ob_param_int(&p, before);
    ob_param_int(&p, limit);
    return req_exec(req, STMT_DEFINITION_PAGE, &p, ret, err);
}

int definition_deactivate(api_request *req, const char *name, int revision, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    ob_param_int(&p, revision);
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_write(req, OB_POINT_API_DEFINITION_OFF, STMT_DEFINITION_OFF, &p, &res, err);
    if (r == 0 && PQntuples(res) == 0)
        r = ob_fail(err, ENOENT, "no job definition %s:%d", name, revision);
    return r;
}
