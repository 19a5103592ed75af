/* Prepares every statement of a service in a migrated database: the server's parameters and columns
 * must match the declarations in the SQL file. Linked once for each service, with its
 * declared.c. */
#include "unit.h"

#include "declared.h"
#include "migrated.h"
#include "ob/db.h"

static own_server server;
static char conninfo[128];
static ob_db *db;

static int start(void **state)
{
    (void)state;
    if (!own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, NULL), 0);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    ob_db_free(db);
    own_server_stop(&server);
    return 0;
}

/* The types of a prepared statement's parameters, as PostgreSQL writes them: "uuid[], integer". */
static char *types_known(const char *name)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, name);
    assert_int_equal(ob_db_sql(db,
                               "SELECT array_to_string(parameter_types, ', ')"
                               " FROM pg_prepared_statements WHERE name = $1",
                               &p, &res, NULL),
                     0);
    assert_int_equal(PQntuples(res), 1);
    return ob_strdup(ob_col(res, 0, 0));
}

/* What is declared, as PostgreSQL writes it. */
static char *types_declared(const char *types)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    ob_param_text(&p, types);
    assert_int_equal(
        ob_db_sql(db,
                  "SELECT coalesce(string_agg(t::regtype::text, ', ' ORDER BY n), '')"
                  " FROM string_to_table($1, ', ') WITH ORDINALITY AS l(t, n) WHERE t <> ''",
                  &p, &res, NULL),
        0);
    return ob_strdup(ob_col(res, 0, 0));
}

static void check_columns(const declared *d, const PGresult *described)
{
    char seen[2048] = "";
    for (int i = 0; i < PQnfields(described); i++) {
        size_t len = strlen(seen);
        (void)snprintf(seen + len, sizeof(seen) - len, "%s%s", i ? "," : "", PQfname(described, i));
    }
    if (d->columns && strcmp(seen, d->columns) != 0)
        fail_msg("%s returns %s, and declares %s", d->name, seen, d->columns);
}

static void statements_are_what_they_declare(void **state)
{
    (void)state;
    if (!db)
        skip();
    int n = 0;
    for (const declared *d = declarations; d->name; d++, n++) {
        ob_error err = { 0 };
        ob_db_stmt stmt[] = { { d->name, d->sql, false }, { 0 } };
        if (ob_db_prepare(db, stmt, &err) < 0)
            fail_msg("%s: %s", d->name, err.text);
        ob_cleanup(ob_freep) char *have = types_known(d->name);
        ob_cleanup(ob_freep) char *want = types_declared(d->params);
        if (strcmp(have, want) != 0)
            fail_msg("%s takes %s, and declares %s", d->name, have, want);
        ob_cleanup(ob_pq_clearp) PGresult *described = PQdescribePrepared(ob_db_raw(db), d->name);
        assert_int_equal(PQresultStatus(described), PGRES_COMMAND_OK);
        check_columns(d, described);
    }
    assert_true(n > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(statements_are_what_they_declare) };
    return cmocka_run_group_tests(tests, start, stop);
}
