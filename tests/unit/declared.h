/* A service's declarations of its statements: see tools/embed_queries.py, which makes
 * declared.c. */
#pragma once

#include <stddef.h>

typedef struct declared {
    const char *table, *name;
    const char *params;  /* types, "uuid[], int" */
    const char *columns; /* "job_id,idx"; NULL: none is read */
    const char *sql;
} declared;
extern const declared declarations[]; /* the last has no name */
