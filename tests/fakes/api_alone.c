/* See api_alone.h. */
#include "api_alone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/keys.h"
#include "disks.h"
#include "jobs/submit.h"
#include "ob/json.h"
#include "ob/text.h"
#include "request/db_pool.h"
#include "request/name_cache.h"
#include "request/names.h"

#define CHECK(holds)                                                                               \
    ((holds) ? (void)0 : (fprintf(stderr, "%s: does not hold: %s\n", __FILE__, #holds), abort()))

/* ---- instead of the database ---- */

static char no_db;

__typeof__(db_pool_take) __wrap_db_pool_take;
__typeof__(db_pool_give) __wrap_db_pool_give;
__typeof__(ob_db_ok) __wrap_ob_db_ok;
__typeof__(ob_db_commit) __wrap_ob_db_commit;
__typeof__(ob_db_exec) __wrap_ob_db_exec;
__typeof__(ob_db_write) __wrap_ob_db_write;
__typeof__(ob_db_sql) __wrap_ob_db_sql;
__typeof__(submit_wait) __wrap_submit_wait;
__typeof__(api_ring) __wrap_api_ring;
__typeof__(disks_are_full) __wrap_disks_are_full;

int __wrap_db_pool_take(db_pool *pool, ob_db **ret, ob_error *err)
{
    (void)pool, (void)err;
    *ret = (ob_db *)(void *)&no_db;
    return 0;
}

void __wrap_db_pool_give(db_pool *pool, ob_db *db)
{
    (void)pool, (void)db;
}

bool __wrap_ob_db_ok(ob_db *db)
{
    (void)db;
    return true;
}

static void check_params(const ob_params *p)
{
    for (int i = 0; p && i < p->n; i++)
        if (p->values[i] && p->formats[i] == 0)
            CHECK(ob_text_is_utf8(p->values[i], strlen(p->values[i])));
}

int __wrap_ob_db_exec(
    ob_db *db, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    (void)db, (void)stmt, (void)err;
    check_params(p);
    if (ret)
        *ret = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
    return 0;
}

int __wrap_ob_db_sql(ob_db *db, const char *sql, const ob_params *p, PGresult **ret, ob_error *err)
{
    return __wrap_ob_db_exec(db, sql, p, ret, err);
}

int __wrap_ob_db_write(
    ob_db *db, ob_point point, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    (void)point;
    return __wrap_ob_db_exec(db, stmt, p, ret, err);
}

int __wrap_ob_db_commit(ob_db *db, ob_point point, ob_error *err)
{
    (void)db, (void)point, (void)err;
    return 0;
}

int __wrap_submit_wait(submitter *s, const submission *job, ob_uuid *ret_id, ob_error *err)
{
    (void)s, (void)err;
    *ret_id = job->id;
    return 0;
}

/* ---- instead of Kafka and the host ---- */

void __wrap_api_ring(api_ctx *ctx, const char *topic, const char *data, size_t len)
{
    (void)ctx, (void)topic, (void)data, (void)len;
}

bool __wrap_disks_are_full(const disks *all)
{
    (void)all;
    return false;
}

/* ---- a request ---- */

api_ctx *api_alone(void)
{
    static api_config config;
    static api_ctx ctx = { .config = &config };
    if (!ctx.known) {
        char path[] = "/tmp/ob-fuzz-key-XXXXXX";
        int fd = mkstemp(path);
        FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
        CHECK(file && fprintf(file, "%064d\n", 1) == 65 && fclose(file) == 0);
        CHECK(keys_new(path, &ctx.keys, NULL) == 0);
        (void)remove(path);
        ctx.known = known_new();
        atomic_store(&ctx.ready, true);
    }
    return &ctx;
}

api_request api_alone_request(const api_operation *op, json_t *body, const char *text)
{
    static const api_key root = { .root = true, .key_id = "AKIDEXAMPLE" };
    api_request req = { .op = op,
                        .operation = op->name,
                        .account = "123456789012",
                        .region = "us-east-1",
                        .key_id = root.key_id,
                        .key = &root,
                        .request_id = "018f0000-0000-7000-8000-000000000001",
                        .body = body,
                        .body_text = text,
                        .body_len = strlen(text),
                        .ctx = api_alone() };
    names_read(&req);
    return req;
}

void api_alone_check_reply(int r, const api_reply *rep)
{
    static const char *const codes[] = {
        "AccessDeniedException",     "ClientException",
        "InvalidParameterException", "MalformedPolicyDocumentException",
        "NoSuchEntityException",     "RequestEntityTooLargeException",
        "ResourceNotFoundException", "SerializationException",
        "ServerException",           "UnknownOperationException",
        "ValidationError",           "ValidationException",
    };
    if (!rep->code) { /* an answer, or a failure that dispatch.c words */
        CHECK(r == 0 || rep->err.text[0]);
        if (rep->raw) {
            json_auto_t *body = ob_json_read(rep->raw, rep->raw_len);
            CHECK(body);
        }
        ob_cleanup(ob_freep) char *text = rep->body ? json_dumps(rep->body, JSON_COMPACT) : NULL;
        CHECK(!rep->body || text);
        return;
    }
    bool is_known = false;
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        is_known = is_known || strcmp(codes[i], rep->code) == 0;
    CHECK(r < 0 && is_known && rep->message[0] && rep->status >= 400);
    CHECK(ob_text_is_utf8(rep->message, strlen(rep->message)));
    json_auto_t *body = api_error_body(rep, false);
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    json_auto_t *again = ob_json_read_text(text);
    CHECK(json_is_string(json_object_get(again, "message")));
}
