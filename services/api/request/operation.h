/* An operation of the API and its context: the process, the request, the reply. Everything that an
 * op_*.c needs is included from here. */
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
#include "ob/seal.h"

typedef struct api_config {
    ob_config_common common; /* first: see ob/config.h */
    char *listen;
    int64_t port;
    int64_t threads;
    int64_t db_connections;
    char *pg;
    char *master_key_file;
    char *seal_key_file;
    char *root_key_file;
    char *metrics_token_file;
    char *privileged, *host_mounts, *devices;
    char *instance_types;
    int64_t log_retention_s; /* 0: for ever */
    int64_t log_limit;       /* bytes of a run's output; 0: all */
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
    ob_permits permits;   /* the operator's permits for containers */
    ob_host_guard *guard; /* folders of the host that no container may use */
    ob_bus *bus; /* producer of doorbells, polled by the doorbell thread. Consumers create their own
                    ob_bus */
    api_keys *keys;          /* access keys, decrypted on demand; has its own lock */
    db_pool *pool;           /* the connections of requests; has its own lock */
    struct known *known;     /* cache of recently submitted names; has its own lock */
    struct disks *disks;     /* the disks that the copy needs; any thread may use it */
    uint8_t token_key[32];   /* seals paging tokens; derived from the master key */
    uint8_t session_key[32]; /* seals the tokens of sessions; derived from the master key */
    ob_seal seal;            /* keys of instances and join tokens */
    atomic_bool
        ready; /* the schema is up to date; until then every operation is answered with 503 */
} api_ctx;

struct api_operation;

typedef struct api_request {
    const struct api_operation *op;
    const char *operation;     /* "SubmitJob" */
    const char *account;       /* the access key's */
    const char *region;        /* the credential scope's */
    const char *key_id;        /* of the caller's key, also if the caller is a session of it */
    const struct api_key *key; /* the caller's key or session (keys.h) */
    int definition_revision;   /* the revision for a definition named without one: the only one that
                                  the key may use (-1: there was none); 0: any */
    const char *invocation_id; /* amz-sdk-invocation-id, NULL: none (dispatch.c) */
    const char *traceparent;   /* as sent, not checked; NULL: none */
    bool first_try;            /* according to amz-sdk-request, so there can be no earlier try */
    const char *request_id;    /* x-amzn-RequestId of the answer */
    json_t *body;          /* an object; borrowed. Checked against the operation's fields already */
    const char *body_text; /* as sent (not NUL-terminated at body_len; it is followed by one NUL) */
    size_t body_len;
    api_ctx *ctx;
    struct api_name *names; /* the resources that the body names (names.h); owned */
    size_t n_names;
    ob_db *db; /* NULL until req_db */
} api_request;

/* There are more threads than connections, so a request takes one when it first needs it. It has it
 * in req->db, with the statements of api_stmt_tables prepared, until req_db_release, at the latest
 * until the answer. A handler that waits for anything but the database gives it back first. Errors:
 * as db_pool_take. */
int req_db(api_request *req, ob_error *err);
void req_db_release(api_request *req);
/* ob_db_exec and ob_db_sql on the request's connection; take one if it has none. */
int req_exec(api_request *req, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err);
int req_sql(api_request *req, const char *sql, ob_error *err);
/* ob_db_write on it. */
int req_write(api_request *req,
              ob_point point,
              const char *stmt,
              const ob_params *p,
              PGresult **ret,
              ob_error *err);

/* Returns 0 with rep->body or rep->raw filled (if both are absent, the answer is {}), or a negative
 * errno. Then the reply is rep->code (see errors.h) or, without a code, follows from rep->err: 503
 * if retriable, else 500 ServerException. So `r = req_exec(req, ..., &rep->err); if (r < 0) return
 * r;` is all that a handler needs for a broken database. After -EAGAIN without a code (PostgreSQL
 * gave up the transaction for another one) the handler is called again, up to three times in all: a
 * handler has no effect outside its transaction before the commit. Thread: an HTTP worker. */
typedef int (*api_handler)(api_request *req, api_reply *rep);

typedef enum api_protocol {
    API_BATCH, /* rest-json: POST <key> */
    API_LOGS,  /* JSON 1.1: POST /, X-Amz-Target: <key> */
    API_ADMIN, /* as API_BATCH; OpenBatch's own operations, signed for the service "openbatch" */
    API_STS,   /* AWS's query protocol: POST /, a form with Action=<key>; the answer is XML */
} api_protocol;

/* May a session (auth/session_token.h) call it? */
typedef enum api_sessions {
    SESSIONS_MAY,
    SESSIONS_MAY_IF_THEY_MANAGE_KEYS,
    SESSIONS_MAY_NOT,
} api_sessions;

/* What the log says of an operation (http/audit.h), besides refusals. */
typedef enum api_audit {
    AUDIT_EACH,   /* a line for each call: it changes something */
    AUDIT_COUNT,  /* how often each key called it */
    AUDIT_NOTHING /* it changes nothing */
} api_audit;

typedef struct api_operation {
    api_protocol protocol;
    const char *key;     /* path, X-Amz-Target, or Action; "/v1/tags/" is a prefix of the path */
    const char *name;    /* "SubmitJob" */
    api_handler handler; /* NULL: not built; the answer says so */
    const api_field *fields; /* members of the request */
    const char *method;      /* NULL: POST */
    const char *in_path; /* the member after 'key' in the path; the query string then has lists */
    const char *why;     /* a note for docs/compatibility.md */
    /* Checks rules between members; called with members that passed 'fields'. May be NULL. */
    int (*check)(const json_t *body, const api_field_where *where);
    /* A request of more bytes is refused before it is read; 0: the server's own limit. */
    size_t body_max;
    const char *body_name;
    const access_rule *access; /* what it touches; NULL: only the root key may call it */
    const access_fact *facts;  /* ends with key == NULL; NULL: none */
    api_sessions sessions;
    api_audit audit;
    const char *made; /* the answer's member that names what was made ("a.b": within another) */
    bool heavy; /* its answer may be long: a key may run a few of them at a time (heavy_reads.h) */
    bool plain; /* validation errors come without AWS's wrapper "Error executing request, Exception
                   : ..." */
} api_operation;

/* The name of the service for which its requests are signed; actions of policies begin with it. */
const char *api_service(api_protocol protocol);

/* Refuses a body that is too large for the operation. */
int api_operation_check_size(const api_operation *op,
                             size_t body_len,
                             const char *request_id,
                             api_reply *rep);

/* Checks a request's body with the operation's members and its check. Errors: as fields_check. */
int api_operation_check(const api_operation *op,
                        json_t *body,
                        const char *request_id,
                        api_reply *rep);

/* Rings a doorbell: never waits, never fails (the inbox is swept anyway). Any thread. */
void api_ring(api_ctx *ctx, const char *topic, const char *data, size_t len);
/* Rings batch.commands. */
void api_ring_command(api_ctx *ctx);
