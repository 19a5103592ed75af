/* What the stores of resources have in common. Holds no state. Thread: the request's. */
#include "store.h"

#include <stdio.h>

#include "ob/json.h"
#include "scopes_sql.h"

void store_param_bool(ob_params *p, bool value)
{
    ob_param_text(p, value ? "t" : "f");
}

void store_param_optional_int(ob_params *p, const json_t *value)
{
    if (json_is_integer(value))
        ob_param_int(p, json_integer_value(value));
    else
        ob_param_text(p, NULL);
}

int store_tx(api_request *req,
             ob_point point,
             api_reply *rep,
             int (*body)(api_request *, api_reply *, void *),
             void *arg)
{
    int r = req_sql(req, "BEGIN", &rep->err);
    if (r < 0)
        return r;
    r = body(req, rep, arg);
    if (r == 0)
        r = ob_db_commit(req->db, point, &rep->err);
    if (r < 0)
        (void)req_sql(req, "ROLLBACK", NULL);
    return r;
}

int store_list(api_request *req,
               const char *named,
               const char *page,
               const store_selection *which,
               PGresult **ret,
               ob_error *err)
{
    SCOPED(p, req);
    if (which->names) {
        ob_param_text_array(&p, which->names, which->n);
    } else {
        ob_param_int(&p, which->after);
        ob_param_int(&p, which->limit);
    }
    return req_exec(req, which->names ? named : page, &p, ret, err);
}

int store_serialize(api_request *req, ob_error *err)
{
    SCOPED(p, req);
    return req_exec(req, STMT_REGION_SERIAL, &p, NULL, err);
}

int store_exec_named(api_request *req, const char *stmt, const char *name, ob_error *err)
{
    SCOPED(p, req);
    ob_param_text(&p, name);
    return req_exec(req, stmt, &p, NULL, err);
}

int store_insert(api_request *req, const char *stmt, const ob_params *p, ob_error *err)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    int r = req_exec(req, stmt, p, &res, err);
    if (r == 0 && PQntuples(res) == 0)
        r = ob_fail(err, EEXIST, "Object already exists");
    return r;
}

int store_read_body(const char *text, json_t **ret, ob_error *err)
{
    *ret = ob_json_read_text(text);
    return *ret ? 0 : ob_fail(err, EIO, "a stored body is damaged");
}

void store_copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text ? text : "");
}
