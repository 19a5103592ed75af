/* Checks a request with its operation and takes a connection for it. Owns nothing. */
#include "operation.h"

const char *api_service(api_protocol protocol)
{
    static const char *const services[] = {
        [API_BATCH] = "batch", [API_LOGS] = "logs", [API_ADMIN] = "openbatch", [API_STS] = "sts"
    };
    return services[protocol];
}

int api_operation_check_size(const api_operation *op,
                             size_t body_len,
                             const char *request_id,
                             api_reply *rep)
{
    if (op->body_max == 0 || body_len <= op->body_max)
        return 0;
    return api_client_error_long(rep, request_id, "%s size must be less than %zu KiB, got %zu KiB",
                                 op->body_name, op->body_max / 1024, (body_len + 1023) / 1024);
}

int api_operation_check(const api_operation *op,
                        json_t *body,
                        const char *request_id,
                        api_reply *rep)
{
    if (!op->handler)
        return api_client_error(rep, "%s is not supported by OpenBatch yet.", op->name);
    const char *long_form = op->plain ? NULL : request_id;
    int r = op->fields ? fields_check(op->fields, body, long_form, rep) : 0;
    return r == 0 && op->check ? op->check(body, &(const api_field_where){ "", long_form, rep })
                               : r;
}

int req_db(api_request *req, ob_error *err)
{
    return req->db ? 0 : db_pool_take(req->ctx->pool, &req->db, err);
}

void req_db_release(api_request *req)
{
    db_pool_give(req->ctx->pool, req->db);
    req->db = NULL;
}

int req_exec(api_request *req, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_exec(req->db, stmt, p, ret, err);
}

int req_write(api_request *req,
              ob_point point,
              const char *stmt,
              const ob_params *p,
              PGresult **ret,
              ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_write(req->db, point, stmt, p, ret, err);
}

int req_sql(api_request *req, const char *sql, ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_sql(req->db, sql, NULL, NULL, err);
}
