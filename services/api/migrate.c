/* Applies the numbered migrations of sql/, forward only. Owns table schema_migration. Invariant: an
 * applied migration never changes; its checksum is compared at each start. Start-up code, one
 * thread. */
#include "migrate.h"

#include <stdio.h>
#include <string.h>

#include "ob/digest.h"
#include "ob/hex.h"
#include "ob/rows.h"

enum { MIGRATION_VERSION, MIGRATION_NAME, MIGRATION_CHECKSUM }; /* columns */

static void checksum(const char *text, char out[65])
{
    uint8_t hash[OB_SHA256_BYTES];
    ob_sha256(text, strlen(text), hash);
    ob_hex(hash, sizeof hash, out);
}

static int apply(ob_db *db, const migration *m, const char *sum, ob_error *err)
{
    int r = ob_db_sql(db, "BEGIN", NULL, NULL, err);
    if (r == 0)
        r = ob_db_sql(db, m->sql, NULL, NULL, err);
    if (r == 0) {
        ob_params p = { 0 };
        ob_param_int(&p, m->version);
        ob_param_text(&p, m->name);
        ob_param_text(&p, sum);
        r = ob_db_sql(db,
                      "INSERT INTO schema_migration (version, name, checksum) VALUES ($1, $2, $3)",
                      &p, NULL, err);
        ob_params_done(&p);
    }
    if (r == 0)
        r = ob_db_commit(db, OB_POINT_API_MIGRATION, err);
    if (r < 0) {
        (void)ob_db_sql(db, "ROLLBACK", NULL, NULL, NULL);
        ob_error_context(err, "migration %04d_%s", m->version, m->name);
    }
    return r;
}

static int apply_missing(ob_db *db, const migration *all, int *ret_applied, ob_error *err)
{
    int r = ob_db_sql(
        db,
        "CREATE TABLE IF NOT EXISTS schema_migration (version int PRIMARY KEY, name text NOT NULL,"
        " checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())",
        NULL, NULL, err);
    if (r < 0)
        return r;
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    r = ob_db_sql(db, "SELECT version, name, checksum FROM schema_migration ORDER BY version", NULL,
                  &res, err);
    if (r < 0)
        return r;
    int done = PQntuples(res);
    for (int i = 0; all[i].version || i < done; i++) {
        if (!all[i].version)
            return ob_fail(err, EINVAL,
                           "the database was made by a newer version: it has migration %s",
                           ob_col(res, i, MIGRATION_NAME));
        char sum[65];
        checksum(all[i].sql, sum);
        if (i < done) {
            if (ob_col_int(res, i, MIGRATION_VERSION, 0) != all[i].version ||
                strcmp(ob_col(res, i, MIGRATION_CHECKSUM), sum) != 0)
                return ob_fail(err, EINVAL,
                               "migration %04d_%s in the database differs from this version's",
                               all[i].version, all[i].name);
            continue;
        }
        r = apply(db, &all[i], sum, err);
        if (r < 0)
            return r;
        (*ret_applied)++;
    }
    return 0;
}

/* The other apis that start meanwhile wait. */
static int lock(ob_db *db, const char *sql, ob_error *err)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int(&p, OB_LOCK_MIGRATING);
    return ob_db_sql(db, sql, &p, NULL, err);
}

int migrate(ob_db *db, const migration *all, int *ret_applied, ob_error *err)
{
    *ret_applied = 0;
    int r = lock(db, "SELECT pg_advisory_lock($1)", err);
    if (r < 0)
        return r;
    r = apply_missing(db, all, ret_applied, err);
    (void)lock(db, "SELECT pg_advisory_unlock($1)", NULL);
    return r;
}
