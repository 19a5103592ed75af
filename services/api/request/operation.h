/* What an operation of the API is, and what it sees: the process, the request, the reply.
 * Everything an op_*.c needs is included from here. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>

#include "access_rule.h"
#include "db_pool.h"
#include "errors.h"
#include "fields.h"
#include "ob/bus.h"
#include "ob/config.h"
#include "ob/db.h"
#include "ob/error.h"
#include "ob/host_path.h"
#include "ob/permit.h"

typedef struct api_config {
    ob_config_common common; /* first: see ob/config.h */
    char *listen;
    int64_t port;
    int64_t threads;
    int64_t db_connections;
    char *pg;
    char *master_key_file;
    char *root_key_file;
    char *privileged, *host_mounts, *devices;
    char *instance_types;
    int64_t log_retention_s; /* 0: for ever */
    int64_t job_retention_s;
    char *disks;
} api_config;

typedef struct api_keys api_keys;
struct api_key;
struct known;
struct disks;

/* Process-wide; made by main.c, read by all threads. */
typedef struct api_ctx {
    const api_config *config;
    ob_permits permits;   /* what operators let containers have of the host */
    ob_host_guard *guard; /* folders of the host that no container gets */
    ob_bus *bus; /* producer of doorbells; main.c's bell thread polls it. Consumers make their own
                    ob_bus */
    api_keys *keys;        /* access keys, decrypted on demand; has its own lock */
    db_pool *pool;         /* the connections of requests; has its own lock */
    struct known *known;   /* what submissions lately named; has its own lock */
    struct disks *disks;   /* those that the copy needs; asked from any thread */
    uint8_t token_key[32]; /* seals paging tokens; derived from the master key */
    atomic_bool ready;     /* the schema is there; until then every operation is answered 503 */
} api_ctx;

struct api_operation;

typedef struct api_request {
    const struct api_operation *op;
    const char *operation; /* "SubmitJob" */
    const char *account;   /* the access key's */
    const char *region;    /* the credential scope's */
    const char *key_id;
    const struct api_key *key; /* who asks (keys.h) */
    int definition_revision;   /* of a definition named without one: the only one that the key was
                                  found to have a right to (-1: none was there); 0: any */
    const char *invocation_id; /* amz-sdk-invocation-id, NULL: none (dispatch.c) */
    bool first_try;            /* amz-sdk-request says so: there can be no earlier one */
    const char *request_id;    /* x-amzn-RequestId of the answer */
    json_t *body;          /* an object; borrowed. Checked against the operation's fields already */
    const char *body_text; /* as sent (not NUL-terminated at body_len; it is followed by one NUL) */
    size_t body_len;
    api_ctx *ctx;
    struct api_name *names; /* what the body's texts name (names.h); owned */
    size_t n_names;
    ob_db *db; /* NULL until req_db */
} api_request;

/* Threads are many, connections few: a request takes one when it first needs it, and has it in
 * req->db, with the statements of api_stmt_tables prepared, until req_db_release, at the latest the
 * answer. A handler that waits for anything but the database gives it back before. Errors: as
 * db_pool_take. */
int req_db(api_request *req, ob_error *err);
void req_db_release(api_request *req);
/* ob_db_exec and ob_db_sql with the request's connection, taken when it has none. */
int req_exec(api_request *req, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err);
int req_sql(api_request *req, const char *sql, ob_error *err);

/* Returns 0 with rep->body or rep->raw filled (both absent: {} is answered), or a negative errno:
 * then the reply is rep->code (see errors.h) or, with no code, what rep->err says: retriable =
 * 503, else 500 ServerException. So `r = req_exec(req, ..., &rep->err); if (r < 0) return r;`
 * is all a handler does about a broken database. -EAGAIN without a code (a transaction that
 * PostgreSQL gave up for another) calls the handler again, three times in all: a handler has no
 * effect outside its transaction before the commit. Thread: an HTTP worker. */
typedef int (*api_handler)(api_request *req, api_reply *rep);

typedef enum api_protocol {
    API_BATCH, /* rest-json: POST <key> */
    API_LOGS,  /* JSON 1.1: POST /, X-Amz-Target: <key> */
    API_ADMIN, /* as API_BATCH; OpenBatch's own operations, signed for the service "openbatch" */
} api_protocol;

typedef struct api_operation {
    api_protocol protocol;
    const char *key;         /* path, or X-Amz-Target; "/v1/tags/" is how the path begins */
    const char *name;        /* "SubmitJob" */
    api_handler handler;     /* NULL: not built; clients are told so */
    const api_field *fields; /* members of the request */
    const char *method;      /* NULL: POST */
    const char *in_path;     /* the member that stands behind 'key' in the path; with it come the
                                lists of the query string */
    const char *why;         /* a note for docs/compatibility.md */
    /* What members must be to each other; called with members that passed 'fields'. May be NULL. */
    int (*check)(const json_t *body, const api_field_where *where);
    /* A request of more bytes is refused before it is read; 0: the server's own limit. */
    size_t body_max;
    const char *body_name;
    const access_rule *access; /* what it touches; NULL: only the root key may call it */
    const access_fact *facts;  /* ends with key == NULL; NULL: none */
    bool heavy; /* its answer may be long: a key has a few of them at a time (heavy_reads.h) */
    bool plain; /* validation errors come without AWS's wrapper "Error executing request, Exception
                   : ..." */
} api_operation;

/* Refuses a body that is too large for the operation. */
int api_operation_check_size(const api_operation *op,
                             size_t body_len,
                             const char *request_id,
                             api_reply *rep);

/* Holds a request's body against the operation's members and its check. Errors: as fields_check. */
int api_operation_check(const api_operation *op,
                        json_t *body,
                        const char *request_id,
                        api_reply *rep);

/* Rings a doorbell: never waits, never fails (the inbox is swept anyway). Any thread. */
void api_ring(api_ctx *ctx, const char *topic, const char *data, size_t len);
/* Rings batch.commands. */
void api_ring_command(api_ctx *ctx);
