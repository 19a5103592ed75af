/* Bodies of all operations: checks, names, and handlers as far as they go without PostgreSQL.
 * Covers: services/api/request/fields.c services/api/request/names.c
 * services/api/definitions/container_check.c services/api/definitions/definition_check.c
 * services/api/environments/environment_check.c services/api/queues/queue_rules.c
 * services/api/queues/sched_policy_check.c services/api/jobs/job_check.c
 * services/api/jobs/job_filter.c services/api/logs/op_filter_log_events.c
 * services/api/logs/op_get_log_events.c */
#include "fuzz.h"

#include "api_alone.h"
#include "body.h"
#include "ob/json.h"
#include "operations.h"
#include "request/names.h"

#define BODY_MAX 8192

/* "<operation>\n<body>" */
static const api_operation *operation_of(const char *text, const char **ret_body)
{
    size_t len = strcspn(text, "\n");
    ob_cleanup(ob_freep) char *name = ob_strf("%.*s", (int)len, text);
    *ret_body = text + len + (text[len] == '\n');
    return api_operation_named(name);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, NULL);
    const char *body_text;
    const api_operation *op = operation_of(text, &body_text);
    if (!op || seed % 5 == 0)
        return LLVMFuzzerMutate(data, size, max);
    json_auto_t *body = ob_json_read_text(body_text);
    if (!json_is_object(body)) {
        json_decref(body);
        body = json_object();
    }
    body_mutate(op->fields, body, seed);
    ob_cleanup(ob_freep) char *changed = json_dumps(body, JSON_COMPACT);
    ob_cleanup(ob_freep) char *out = ob_strf("%s\n%s", op->name, changed ? changed : "{}");
    size_t len = strlen(out);
    if (len > max)
        return LLVMFuzzerMutate(data, size, max);
    memcpy(data, out, len);
    return len;
}

/* What was taken is taken again, also without what fields_copy leaves out. */
static void check_taken(const api_operation *op, json_t *body)
{
    static api_reply rep;
    json_auto_t *again = json_deep_copy(body), *copy = fields_copy(op->fields, body);
    FUZZ_CHECK(api_operation_check(op, again, "id", &rep) == 0);
    FUZZ_CHECK(json_equal(again, body));
    FUZZ_CHECK(fields_check(op->fields, copy, "id", &rep) == 0);
    api_reply_done(&rep);
}

static void check_names(const api_request *req)
{
    for (size_t i = 0; i < req->n_names; i++) {
        const api_name *n = &req->names[i];
        FUZZ_CHECK(n->text && (!n->name || strstr(n->text, n->name)));
        FUZZ_CHECK(names_at(req, n->member, n->at));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, NULL);
    const char *body_text;
    const api_operation *op = operation_of(text, &body_text);
    json_auto_t *body = NULL;
    if (!op || !op->fields || strlen(body_text) > BODY_MAX ||
        ob_json_parse_as(body_text, strlen(body_text), OB_JSON_BRIEF, &body, NULL) < 0 ||
        !json_is_object(body))
        return 0;
    static api_reply rep;
    int r = api_operation_check_size(op, strlen(body_text), "id", &rep);
    if (r == 0)
        r = api_operation_check(op, body, "id", &rep);
    if (r == 0) {
        check_taken(op, body);
        api_request req = api_alone_request(op, body, body_text);
        check_names(&req);
        r = op->handler ? op->handler(&req, &rep) : 0;
        names_done(&req);
        req_db_release(&req);
    }
    api_alone_check_reply(r, &rep);
    api_reply_done(&rep);
    return 0;
}
