/* See compare.h. Owns the connections to both, and what is known of numbers that may differ. */
#include "unit.h"

#include "compare.h"
#include "pg_internal.h"

/* ---- Connections ---- */

const declared *declared_find(const declared *of, const char *name)
{
    for (; of->name; of++)
        if (strcmp(of->name, name) == 0)
            return of;
    fail_msg("no statement %s is declared", name);
    return NULL;
}

static ob_db_stmt *stmts_of(const declared *of)
{
    size_t n = 0;
    ob_db_stmt *stmts = NULL;
    for (; of->name; of++) {
        stmts = ob_realloc(stmts, (n + 2) * sizeof(*stmts));
        if (strcmp(of->table, "none") != 0)
            stmts[n++] = (ob_db_stmt){ .name = of->name, .sql = of->sql };
        stmts[n] = (ob_db_stmt){ 0 };
    }
    return stmts;
}

static void prepare(pair *p, const ob_db_stmt *stmts)
{
    assert_int_equal(real_side.prepare(p->real, stmts, NULL), 0);
    assert_int_equal(sim_side.prepare(p->sim, stmts, NULL), 0);
}

void pair_open(pair *p, const char *conninfo)
{
    char application[64];
    (void)snprintf(application, sizeof(application), "openbatch-%s", p->service);
    assert_int_equal(real_side.connect(conninfo, application, &p->real, NULL), 0);
    assert_int_equal(sim_side.connect(conninfo, application, &p->sim, NULL), 0);
    p->own = stmts_of(p->declarations);
    p->shared = stmts_of(shared_declarations);
    prepare(p, p->own);
    prepare(p, p->shared);
}

void pair_close(pair *p)
{
    real_side.free(p->real);
    sim_side.free(p->sim);
    free(p->own);
    free(p->shared);
    *p = (pair){ .service = p->service, .declarations = p->declarations };
}

/* ---- Results ---- */

/* jobs' kinds: numbers of two kinds, which must stand for each other. */
static struct {
    char real[24], sim[24];
} kinds[256];
static size_t n_kinds;

void compare_forget(void)
{
    n_kinds = 0;
}

static void compare_kinds(const char *what, const char *real, const char *sim)
{
    for (size_t i = 0; i < n_kinds; i++) {
        bool same = strcmp(kinds[i].real, real) == 0;
        if (same != (strcmp(kinds[i].sim, sim) == 0))
            fail_msg("%s: kinds %s and %s", what, real, sim);
        if (same)
            return;
    }
    assert_true(n_kinds < ARRAY_SIZE(kinds));
    (void)snprintf(kinds[n_kinds].real, sizeof(kinds->real), "%s", real);
    (void)snprintf(kinds[n_kinds++].sim, sizeof(kinds->sim), "%s", sim);
}

/* The column of jobs' kinds; -1: none. (The inbox has kinds of its own.) */
static int kind_column(const PGresult *res)
{
    return PQfnumber(res, "dep_types") < 0 ? -1 : PQfnumber(res, "kind");
}

/* A row as text. Numbers that may differ are only there or not. */
static char *row_text(const PGresult *res, int row)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    for (int i = 0; i < PQnfields(res); i++) {
        const char *value = ob_col(res, row, i);
        bool varies = i == kind_column(res) || strcmp(PQfname(res, i), "running_for_ms") == 0;
        (void)fprintf(f, "%s%s", i ? "|" : "", !value ? "NULL" : varies ? "some" : value);
    }
    (void)fclose(f);
    return text;
}

static int cmp_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char **rows_text(const PGresult *res, bool ordered)
{
    int n = PQntuples(res);
    char **rows = ob_calloc((size_t)n + 1, sizeof(char *));
    for (int i = 0; i < n; i++)
        rows[i] = row_text(res, i);
    if (!ordered)
        qsort(rows, (size_t)n, sizeof(char *), cmp_text);
    return rows;
}

static void compare_columns(const char *what, const PGresult *real, const PGresult *sim)
{
    if (PQresultStatus(real) != PQresultStatus(sim) || PQnfields(real) != PQnfields(sim))
        fail_msg("%s: status %d, %d columns; simulated: status %d, %d columns", what,
                 PQresultStatus(real), PQnfields(real), PQresultStatus(sim), PQnfields(sim));
    for (int i = 0; i < PQnfields(real); i++)
        if (strcmp(PQfname(real, i), PQfname(sim, i)) != 0)
            fail_msg("%s: column %s; simulated: %s", what, PQfname(real, i), PQfname(sim, i));
    if (PQntuples(real) != PQntuples(sim))
        fail_msg("%s: %d rows; simulated: %d", what, PQntuples(real), PQntuples(sim));
}

void compare_results(const char *what, bool ordered, const PGresult *real, const PGresult *sim)
{
    compare_columns(what, real, sim);
    int n = PQntuples(real), kind = kind_column(real);
    char **a = rows_text(real, ordered), **b = rows_text(sim, ordered);
    for (int i = 0; i < n; i++) {
        if (strcmp(a[i], b[i]) != 0)
            fail_msg("%s: row %d: %s\nsimulated: %s", what, i, a[i], b[i]);
        /* Results with kinds have an order. */
        if (kind >= 0 && !PQgetisnull(real, i, kind))
            compare_kinds(what, PQgetvalue(real, i, kind), PQgetvalue(sim, i, kind));
        free(a[i]);
        free(b[i]);
    }
    free(a);
    free(b);
}

/* Does the statement say in which order its rows come? */
static bool is_ordered(const char *sql)
{
    int depth = 0;
    for (const char *at = sql; *at; at++) {
        depth += (*at == '(') - (*at == ')');
        if (depth == 0 && strncmp(at, " ORDER BY ", strlen(" ORDER BY ")) == 0)
            return true;
    }
    return false;
}

/* ---- Statements ---- */

/* It takes its rows in the order of a join, so which of two rows that are refused comes first is
 * not said: one without a value, or one whose key comes a second time. */
#define UNORDERED "status_put"

static bool is_refusal_of_a_row(const char *sqlstate)
{
    return strcmp(sqlstate, "23502") == 0 || strcmp(sqlstate, "21000") == 0;
}

static void compare_errors(const char *what, bool unordered, const pair *p, int real, int sim)
{
    const char *a = real_side.sqlstate(p->real), *b = sim_side.sqlstate(p->sim);
    bool same =
        strcmp(a, b) == 0 || (unordered && is_refusal_of_a_row(a) && is_refusal_of_a_row(b));
    if (real != sim || !same)
        fail_msg("%s: %d %s; simulated: %d %s", what, real, a, sim, b);
}

static int touched(const PGresult *res)
{
    return PQntuples(res) > 0 ? PQntuples(res) : atoi(PQcmdTuples((PGresult *)(uintptr_t)res));
}

static int exec(const db_side *side,
                ob_db *db,
                const declared *d,
                const char *sql,
                const ob_params *params,
                PGresult **ret)
{
    if (d)
        return side->exec(db, d->name, params, ret, NULL);
    return strcmp(sql, "COMMIT") == 0 ? side->commit(db, OB_POINT_SCHEDULER_ROUND, NULL)
                                      : side->sql(db, sql, params, ret, NULL);
}

int pair_exec(pair *p, const declared *d, const char *sql, const ob_params *params)
{
    ob_cleanup(ob_pq_clearp) PGresult *real = NULL;
    ob_cleanup(ob_pq_clearp) PGresult *sim = NULL;
    const char *what = d ? d->name : sql;
    int r = exec(&real_side, p->real, d, sql, params, &real);
    int s = exec(&sim_side, p->sim, d, sql, params, &sim);
    compare_errors(what, strcmp(what, UNORDERED) == 0, p, r, s);
    if (r < 0 || !real)
        return r < 0 ? -1 : 0;
    compare_results(what, d && is_ordered(d->sql), real, sim);
    return touched(real);
}

static int pipeline(const db_side *side,
                    ob_db *db,
                    const declared *const *stmts,
                    const ob_params *params,
                    size_t n,
                    bool commits,
                    PGresult **ret)
{
    ob_error err;
    assert_int_equal(side->pipe_begin(db, &err), 0);
    assert_int_equal(side->pipe_sql(db, "BEGIN", &err), 0);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(side->pipe_add(db, stmts[i]->name, &params[i], &err), 0);
    if (commits)
        return side->pipe_commit(db, OB_POINT_SCHEDULER_ROUND, 0, ret, n + 1, &err);
    assert_int_equal(side->pipe_sql(db, "ROLLBACK", &err), 0);
    return side->pipe_sync(db, 0, ret, n + 1, &err);
}

#define PIPELINE_MAX 16

int pair_pipeline(
    pair *p, const declared *const *stmts, const ob_params *params, size_t n, bool commits)
{
    PGresult *real[PIPELINE_MAX] = { 0 }, *sim[PIPELINE_MAX] = { 0 };
    assert_true(n + 1 <= PIPELINE_MAX);
    int r = pipeline(&real_side, p->real, stmts, params, n, commits, real);
    int s = pipeline(&sim_side, p->sim, stmts, params, n, commits, sim);
    bool unordered = false;
    for (size_t i = 0; i < n; i++)
        unordered |= strcmp(stmts[i]->name, UNORDERED) == 0;
    compare_errors(n > 0 ? stmts[n - 1]->name : "pipeline", unordered, p, r, s);
    for (size_t i = 0; i < n + 1; i++) {
        if (r == 0 && i > 0)
            compare_results(stmts[i - 1]->name, is_ordered(stmts[i - 1]->sql), real[i], sim[i]);
        PQclear(real[i]);
        PQclear(sim[i]);
    }
    return r < 0 ? -1 : 0;
}

/* ---- Tables ---- */

static PGresult *real_table(ob_db *real, const pg_table_info *info)
{
    char sql[2048];
    size_t len = (size_t)snprintf(sql, sizeof(sql), "SELECT ");
    for (size_t i = 0; i < info->n_columns; i++)
        len += (size_t)snprintf(
            sql + len, sizeof(sql) - len, "%s%s%s AS %s", i ? ", " : "", info->columns[i].name,
            info->columns[i].type == PG_TYPE_TIME ? " IS NOT NULL" : "", info->columns[i].name);
    len += (size_t)snprintf(sql + len, sizeof(sql) - len, " FROM %s ORDER BY", info->name);
    for (size_t i = 0; i < info->n_key; i++)
        len += (size_t)snprintf(sql + len, sizeof(sql) - len, "%s %s", i ? "," : "",
                                info->columns[i].name);
    PGresult *res = NULL;
    ob_error err = { 0 };
    if (real_side.sql(real, sql, NULL, &res, &err) < 0)
        fail_msg("%s: %s", info->name, err.text);
    return res;
}

static void put_column(pg_run *run, const void *row, const pg_column *c)
{
    const char *at = (const char *)row + c->offset;
    switch (c->type) {
    case PG_TYPE_INT:
        pg_put_int(run, *(const int64_t *)at);
        break;
    case PG_TYPE_BOOL:
        pg_put_bool(run, *(const int64_t *)at);
        break;
    case PG_TYPE_TIME:
        pg_put_bool(run, *(const int64_t *)at != PG_NULL);
        break;
    case PG_TYPE_TEXT:
        pg_put_text(run, *(const char *const *)at);
        break;
    case PG_TYPE_UUID:
        pg_put_uuid(run, (const ob_uuid *)at);
        break;
    }
}

static PGresult *sim_table(pg_table table)
{
    const pg_table_info *info = &pg_table_infos[table];
    char names[1024];
    size_t len = 0, at = 0;
    for (size_t i = 0; i < info->n_columns; i++)
        len += (size_t)snprintf(names + len, sizeof(names) - len, "%s%s", i ? "," : "",
                                info->columns[i].name);
    pg_out out;
    pg_run run = { .out = &out };
    pg_out_begin(&out, names);
    for (const void *row; (row = sim_pg_next(table, &at));) {
        pg_out_row(&run);
        for (size_t i = 0; i < info->n_columns; i++)
            put_column(&run, row, &info->columns[i]);
    }
    return out.result;
}

void compare_tables(ob_db *real)
{
    for (pg_table t = 0; t < PG_TABLE_COUNT; t++) {
        ob_cleanup(ob_pq_clearp) PGresult *a = real_table(real, &pg_table_infos[t]);
        ob_cleanup(ob_pq_clearp) PGresult *b = sim_table(t);
        compare_results(pg_table_infos[t].name, true, a, b);
    }
}
