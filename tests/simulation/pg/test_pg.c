/* The simulated PostgreSQL implements every statement of the product, as it is declared; and does
 * with commits, faults and locks what sim_pg.h says. */
#include "unit.h"

#include "compare.h"
#include "ob/db.h"
#include "pg_internal.h"

/* ---- Every statement ---- */

static char letter_of(const char *type)
{
    char letter = strncmp(type, "uuid", 4) == 0    ? 'u'
                  : strncmp(type, "text", 4) == 0  ? 't'
                  : strncmp(type, "bytea", 5) == 0 ? 'b'
                                                   : 'i';
    return strchr(type, '[') ? (char)(letter - 'a' + 'A') : letter;
}

static void check_statement(const char *service, const declared *d)
{
    char application[64], letters[OB_PARAMS_MAX + 1] = "", types[1024];
    (void)snprintf(application, sizeof(application), "openbatch-%s", service);
    const pg_statement *s = pg_statement_find(application, d->name);
    if (!s)
        fail_msg("%s: %s has no implementation in tests/simulation/pg", service, d->name);
    (void)snprintf(types, sizeof(types), "%s", d->params);
    char *rest = types;
    for (char *type; *types && (type = strsep(&rest, ","));)
        letters[strlen(letters)] = letter_of(type + (*type == ' '));
    if (strcmp(letters, s->types) != 0)
        fail_msg("%s: %s takes %s; simulated: %s", service, d->name, letters, s->types);
    if (d->columns && (!s->columns || strcmp(d->columns, s->columns) != 0))
        fail_msg("%s: %s returns %s; simulated: %s", service, d->name, d->columns, s->columns);
}

/* table: NULL: all of the service's. */
static size_t check_service(const char *service, const declared *of, const char *table)
{
    size_t n = 0;
    for (; of->name; of++)
        if (table ? strcmp(of->table, table) == 0 : strcmp(of->table, "none") != 0) {
            check_statement(service, of);
            n++;
        }
    return n;
}

static void every_statement_is_implemented(void **state)
{
    (void)state;
    size_t n = check_service("scheduler", scheduler_declarations, NULL) +
               check_service("scaler", scaler_declarations, NULL) +
               check_service("shared", shared_declarations, NULL) +
               check_service("api", api_declarations, "log_intake");
    size_t implemented = 0;
    while (pg_statement_at(implemented))
        implemented++;
    assert_int_equal(implemented, n); /* none is left of a statement that is gone */
}

/* ---- A world of one process, whose time stands still but for waiting ---- */

#define LATENCY_US 100

static int64_t time_us;
static sim_pg_moment fault_at;
static sim_pg_fault fault;
static int who; /* the process that runs */
static size_t n_commits, n_changes;
static void (*meanwhile)(void); /* runs once, while a lock is waited for */

static int64_t now_us(void *arg)
{
    (void)arg;
    return time_us;
}

static int process(void *arg)
{
    (void)arg;
    return who;
}

static void wait_us(int64_t us, void *arg)
{
    (void)arg;
    time_us += us;
    if (us <= LATENCY_US)
        return;
    void (*f)(void) = meanwhile;
    meanwhile = NULL;
    if (f)
        f();
}

static sim_pg_fault at(const sim_pg_call *call, void *arg)
{
    (void)arg;
    return call->moment == fault_at ? fault : SIM_PG_FINE;
}

static void committed(const sim_pg_commit *commit, void *arg)
{
    (void)arg;
    n_commits++;
    n_changes += commit->n;
}

static ob_db *db, *other;

static int open_world(void **state)
{
    (void)state;
    static const sim_pg_hooks hooks = { .now_us = now_us,
                                        .process = process,
                                        .wait = wait_us,
                                        .at = at,
                                        .committed = committed,
                                        .latency_us = LATENCY_US };
    time_us = 1000000000;
    fault = SIM_PG_FINE;
    who = 1;
    n_commits = n_changes = 0;
    meanwhile = NULL;
    sim_pg_open(&hooks);
    assert_int_equal(ob_db_connect("", "openbatch-scheduler", &db, NULL), 0);
    who = 2;
    assert_int_equal(ob_db_connect("", "openbatch-scheduler", &other, NULL), 0);
    who = 1;
    return 0;
}

static int close_world(void **state)
{
    (void)state;
    sim_pg_close();
    return 0;
}

static int put_status(ob_db *on, int64_t queue_id)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int64_array(&p, &queue_id, 1);
    ob_param_int64_array(&p, &(int64_t){ 1 }, 1);
    return ob_db_write(on, OB_POINT_SCHEDULER_ROUND, "queue_status_put", &p, NULL, NULL);
}

static void fail_next(sim_pg_moment moment, sim_pg_fault what)
{
    fault_at = moment;
    fault = what;
}

/* ---- Commits and faults ---- */

static void commits_are_seen_and_reported(void **state)
{
    (void)state;
    assert_int_equal(put_status(db, 1), 0);
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 1);
    assert_int_equal(n_commits, 1);
    assert_int_equal(n_changes, 1);
    assert_int_equal(ob_db_sql(db, "BEGIN", NULL, NULL, NULL), 0);
    assert_int_equal(put_status(db, 2), 0);
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 1);
    assert_int_equal(ob_db_sql(db, "ROLLBACK", NULL, NULL, NULL), 0);
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 1);
    assert_int_equal(n_commits, 1);
}

static void a_connection_lost_before_the_commit_leaves_nothing(void **state)
{
    (void)state;
    static const sim_pg_moment moments[] = { SIM_PG_SEND, SIM_PG_COMMIT };
    for (size_t i = 0; i < ARRAY_SIZE(moments); i++) {
        fail_next(moments[i], SIM_PG_BROKEN);
        assert_int_equal(put_status(db, 1), -EIO);
        assert_false(ob_db_ok(db));
        assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 0);
        fault = SIM_PG_FINE;
        assert_int_equal(ob_db_reconnect(db, NULL), 0);
    }
}

static void a_connection_lost_behind_the_commit_leaves_all(void **state)
{
    (void)state;
    fail_next(SIM_PG_ANSWER, SIM_PG_BROKEN);
    assert_int_equal(put_status(db, 1), -EIO);
    assert_false(ob_db_ok(db));
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 1);
}

static void an_answer_that_does_not_come_takes_as_long_as_the_caller_waits(void **state)
{
    (void)state;
    ob_db_set_timeout(db, 3000);
    int64_t begun_us = time_us;
    fail_next(SIM_PG_ANSWER, SIM_PG_TIMEOUT);
    assert_int_equal(put_status(db, 1), -ETIMEDOUT);
    assert_true(time_us - begun_us >= 3000000);
    assert_false(ob_db_ok(db));
}

static void a_refused_commit_leaves_the_connection(void **state)
{
    (void)state;
    fail_next(SIM_PG_COMMIT, SIM_PG_DEADLOCK);
    assert_int_equal(put_status(db, 1), -EAGAIN);
    assert_string_equal(ob_db_sqlstate(db), "40P01");
    fault = SIM_PG_FINE;
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 0);
    assert_int_equal(put_status(db, 1), 0);
}

static void an_error_in_a_pipeline_undoes_it(void **state)
{
    (void)state;
    ob_cleanup(ob_params_done) ob_params put = { 0 };
    ob_cleanup(ob_params_done) ob_params fence = { 0 };
    ob_param_int64_array(&put, &(int64_t){ 1 }, 1);
    ob_param_int64_array(&put, &(int64_t){ 1 }, 1);
    ob_param_text(&fence, "scheduler");
    ob_param_int(&fence, 7);
    ob_param_int(&fence, 1);
    ob_error err;
    assert_int_equal(ob_db_pipe_begin(db, &err), 0);
    assert_int_equal(ob_db_pipe_sql(db, "BEGIN", &err), 0);
    assert_int_equal(ob_db_pipe_add(db, "queue_status_put", &put, &err), 0);
    assert_int_equal(ob_db_pipe_add(db, "leader_fence", &fence, &err), 0);
    assert_int_equal(ob_db_pipe_commit(db, OB_POINT_SCHEDULER_ROUND, 0, NULL, 0, &err), -EPROTO);
    assert_string_equal(ob_db_sqlstate(db), "OB001");
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 0);
    assert_int_equal(put_status(db, 1), 0);
}

static void a_killed_process_leaves_what_it_has_committed(void **state)
{
    (void)state;
    assert_int_equal(put_status(db, 1), 0);
    assert_int_equal(ob_db_sql(db, "BEGIN", NULL, NULL, NULL), 0);
    assert_int_equal(put_status(db, 2), 0);
    sim_pg_end_process(1);
    assert_int_equal(sim_pg_count(PG_QUEUE_STATUS), 1);
    assert_int_equal(put_status(other, 2), 0); /* its locks are gone, too */
}

static void a_server_that_is_away_forgets_sessions(void **state)
{
    (void)state;
    ob_db *late;
    sim_pg_away(true);
    assert_int_equal(put_status(db, 1), -EIO);
    assert_int_equal(ob_db_connect("", "openbatch-scheduler", &late, NULL), -EIO);
    sim_pg_away(false);
    assert_int_equal(ob_db_reconnect(db, NULL), 0);
    assert_int_equal(put_status(db, 1), 0);
}

/* ---- Locks ---- */

static void commit_the_other(void)
{
    assert_int_equal(ob_db_commit(other, OB_POINT_SCHEDULER_ROUND, NULL), 0);
}

static void a_writer_waits_for_another_transaction(void **state)
{
    (void)state;
    assert_int_equal(ob_db_sql(other, "BEGIN", NULL, NULL, NULL), 0);
    assert_int_equal(put_status(other, 1), 0);
    assert_int_equal(ob_db_sql(db, "BEGIN", NULL, NULL, NULL), 0);
    assert_int_equal(ob_db_sql(db, "SET lock_timeout = '2s'", NULL, NULL, NULL), 0);
    int64_t begun_us = time_us;
    assert_int_equal(put_status(db, 1), -EAGAIN);
    assert_string_equal(ob_db_sqlstate(db), "55P03");
    assert_true(time_us - begun_us >= 2000000);
    assert_int_equal(ob_db_sql(db, "ROLLBACK", NULL, NULL, NULL), 0);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int64_array(&p, &(int64_t){ 1 }, 1);
    ob_param_int64_array(&p, &(int64_t){ 1 }, 1);
    assert_int_equal(ob_db_pipe_begin(db, NULL), 0);
    assert_int_equal(ob_db_pipe_add(db, "queue_status_put", &p, NULL), 0);
    meanwhile = commit_the_other;
    assert_int_equal(ob_db_pipe_sync(db, 0, NULL, 0, NULL), 0);
}

static void the_other_waits_too(void)
{
    assert_int_equal(put_status(other, 1), -EAGAIN);
    assert_string_equal(ob_db_sqlstate(other), "40P01");
    assert_int_equal(ob_db_sql(other, "ROLLBACK", NULL, NULL, NULL), 0);
}

static void one_of_those_who_wait_for_each_other_is_refused(void **state)
{
    (void)state;
    assert_int_equal(ob_db_sql(other, "BEGIN", NULL, NULL, NULL), 0);
    assert_int_equal(put_status(other, 2), 0);
    assert_int_equal(ob_db_sql(db, "BEGIN", NULL, NULL, NULL), 0);
    assert_int_equal(put_status(db, 1), 0);
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_int64_array(&p, &(int64_t){ 2 }, 1);
    ob_param_int64_array(&p, &(int64_t){ 1 }, 1);
    assert_int_equal(ob_db_pipe_begin(db, NULL), 0);
    assert_int_equal(ob_db_pipe_add(db, "queue_status_put", &p, NULL), 0);
    meanwhile = the_other_waits_too;
    assert_int_equal(ob_db_pipe_sync(db, 0, NULL, 0, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_is_implemented),
#define WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
        WORLD(commits_are_seen_and_reported),
        WORLD(a_connection_lost_before_the_commit_leaves_nothing),
        WORLD(a_connection_lost_behind_the_commit_leaves_all),
        WORLD(an_answer_that_does_not_come_takes_as_long_as_the_caller_waits),
        WORLD(a_refused_commit_leaves_the_connection),
        WORLD(an_error_in_a_pipeline_undoes_it),
        WORLD(a_killed_process_leaves_what_it_has_committed),
        WORLD(a_server_that_is_away_forgets_sessions),
        WORLD(a_writer_waits_for_another_transaction),
        WORLD(one_of_those_who_wait_for_each_other_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
