/* Which text is plain SQL, and which error a SQLSTATE becomes. Owns nothing. Any thread. */
#include "db_rules.h"

#include <string.h>

bool db_is_sql(const char *text)
{
    return strchr(text, ' ') || strcmp(text, "BEGIN") == 0 || strcmp(text, COMMIT) == 0 ||
           strcmp(text, "ROLLBACK") == 0;
}

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

int db_error(const char *sqlstate, const char *what, const char *text, ob_error *err)
{
    /* A conflict with another transaction: a serialization failure, a deadlock, a lock that was not
     * released. */
    if (strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 ||
        strcmp(sqlstate, "55P03") == 0)
        return ob_fail_retry(err, EAGAIN, "PostgreSQL: %s: %s", what, text);
    if (strcmp(sqlstate, "23505") == 0)
        return ob_fail(err, EEXIST, "PostgreSQL: %s: %s", what, text);
    /* Out of resources, a statement that was cancelled. */
    if (starts_with(sqlstate, "53") || strcmp(sqlstate, "57014") == 0)
        return ob_fail_retry(err, EPROTO, "PostgreSQL: %s: %s", what, text);
    return ob_fail(err, EPROTO, "PostgreSQL: %s: %s", what, text);
}
