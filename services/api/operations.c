/* Joins the folders' tables of operations and of statements. Data; read-only after the start. */
#include "operations.h"

#include <string.h>

#include "access_sql.h"
#include "auth/key_operations.h"
#include "auth/session_operations.h"
#include "definitions/definition_operations.h"
#include "definitions_sql.h"
#include "environments/environment_operations.h"
#include "environments_sql.h"
#include "job_list_sql.h"
#include "jobs/job_operations.h"
#include "jobs_sql.h"
#include "keys_sql.h"
#include "logs/log_operations.h"
#include "logs_sql.h"
#include "metrics/system_operations.h"
#include "once_sql.h"
#include "policies_sql.h"
#include "queues/policy_operations.h"
#include "queues/queue_operations.h"
#include "queues_sql.h"
#include "scopes_sql.h"
#include "system_sql.h"
#include "tags/tag_operations.h"
#include "tags_sql.h"
#include "unsupported.h"

static const api_operation *const tables[] = {
    environment_operations, queue_operations,  policy_operations,      tag_operations,
    definition_operations,  job_operations,    log_operations,         key_operations,
    session_operations,     system_operations, unsupported_operations,
};

const api_operation *api_operation_next(const api_operation *op)
{
    bool found = !op;
    for (size_t i = 0; i < ARRAY_SIZE(tables); i++)
        for (const api_operation *at = tables[i]; at->key; at++) {
            if (found)
                return at;
            found = at == op;
        }
    return NULL;
}

const api_operation *api_operation_named(const char *name)
{
    const api_operation *op = NULL;
    while ((op = api_operation_next(op)))
        if (strcmp(op->name, name) == 0)
            return op;
    return NULL;
}

static bool is_key(const api_operation *op, const char *key)
{
    return op->in_path ? strncmp(op->key, key, strlen(op->key)) == 0 : strcmp(op->key, key) == 0;
}

const api_operation *api_operation_find(api_protocol protocol, const char *method, const char *key)
{
    for (size_t i = 0; i < ARRAY_SIZE(tables);
         i++) /* for each request: not by api_operation_next */
        for (const api_operation *op = tables[i]; op->key; op++)
            if (op->protocol == protocol && is_key(op, key) &&
                strcmp(op->method ? op->method : "POST", method) == 0)
                return op;
    return NULL;
}

const ob_db_stmt *const api_stmt_tables[] = {
    access_stmts, definitions_stmts, environments_stmts, job_list_stmts, jobs_stmts,
    keys_stmts,   logs_stmts,        once_stmts,         policies_stmts, queues_stmts,
    scopes_stmts, system_stmts,      tags_stmts,         NULL,
};
