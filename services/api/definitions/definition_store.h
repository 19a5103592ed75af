/* Job definitions in PostgreSQL. */
#pragma once

#include "definitions_sql.h"
#include "request/operation.h"

/* Registers the next revision, inside store_tx: registrations of one name wait for each other. */
int definition_insert(
    api_request *req, const char *name, const char *body, int *ret_revision, ob_error *err);
/* revision 0: the latest, active_only: the latest ACTIVE. No row: not there. Columns:
 * DEF_COL_*, as of definition_list. */
int definition_find(api_request *req,
                    const char *name,
                    int revision,
                    bool active_only,
                    PGresult **ret,
                    ob_error *err);
/* Newest first, ids below 'before' (0: all). name, active: NULL and -1 = any. */
int definition_list(api_request *req,
                    const char *name,
                    int active,
                    int64_t before,
                    int limit,
                    PGresult **ret,
                    ob_error *err);
/* Errors: -ENOENT. */
int definition_deactivate(api_request *req, const char *name, int revision, ob_error *err);
