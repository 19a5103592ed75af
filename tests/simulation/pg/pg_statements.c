/* All statements, and which one a connection means by a name. */
#include <string.h>

#include "ob/mem.h"
#include "pg_internal.h"

static const pg_statement *const files[] = {
    pg_leader_statements,      pg_round_statements,    pg_queue_statements,
    pg_inbox_statements,       pg_ended_statements,    pg_topology_statements,
    pg_environment_statements, pg_instance_statements, pg_retention_statements,
    pg_log_statements,         pg_stop_statements,     pg_trace_statements,
};

const pg_statement *pg_statement_at(size_t i)
{
    for (size_t f = 0; f < ARRAY_SIZE(files); f++)
        for (const pg_statement *s = files[f]; s->name; s++)
            if (i-- == 0)
                return s;
    return NULL;
}

/* "openbatch-scheduler publisher" is the scheduler. */
static bool is_of(const char *service, const char *application)
{
    static const char before[] = "openbatch-";
    size_t len = strlen(service);
    if (strcmp(service, "shared") == 0)
        return true;
    if (strncmp(application, before, strlen(before)) != 0)
        return false;
    application += strlen(before);
    return strncmp(application, service, len) == 0 && !(application[len] >= 'a');
}

const pg_statement *pg_statement_find(const char *application, const char *name)
{
    for (size_t f = 0; f < ARRAY_SIZE(files); f++)
        for (const pg_statement *s = files[f]; s->name; s++)
            if (strcmp(s->name, name) == 0 && is_of(s->service, application))
                return s;
    return NULL;
}
