/* Rules of ob/db.h that need no connection. */
#pragma once

#include <stdbool.h>

#include "ob/error.h"

#define COMMIT "COMMIT"

/* Is it plain SQL, and not a statement's name? */
bool db_is_sql(const char *text);
/* The error of a statement that the server refused on a connection that lives. what: the
 * statement's name; text: the server's message. Returns a negative errno (ob_db_exec says which).
 */
int db_error(const char *sqlstate, const char *what, const char *text, ob_error *err);
