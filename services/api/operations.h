/* All operations of the API. */
#pragma once

#include "request/operation.h"

/* The operation after 'op' (NULL: the first); NULL: there are no more. */
const api_operation *api_operation_next(const api_operation *op);
/* NULL: no such operation. */
const api_operation *api_operation_named(const char *name);
const api_operation *api_operation_find(api_protocol protocol, const char *method, const char *key);

/* Statements prepared on each connection of the pool; ends with NULL. */
extern const ob_db_stmt *const api_stmt_tables[];
