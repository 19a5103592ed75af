/* The publisher, with a broker in memory and a database of its own: an event that is too large
 * blocks no other, a job's events are whole however they are read, many come together and one that
 * comes alone at once, a publisher without progress reports it, one whose producer failed for good
 * goes on, and none holds up the end of its process. */
#include "bus_mock.h"

#include "migrated.h"
#include "ob/clock.h"
#include "ob/db.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "own_server.h"
#include "publisher.h"

#define JOB "01900000-0000-7000-8000-00000000000"
#define EVENT_MAX (256 * 1024)
#define LOOK_MS 5000 /* so often it looks by itself */
#define INIT_PRODUCER_ID 22
#define HEARD_MAX 4096
#define ROWS 1102       /* of events: it reads 500 at a time */
#define LARGE_PART 5000 /* more than it keeps of a job for the next rows */
#define MANY 60         /* rows: a busy time */
#define GATHER_MS 100   /* in it, events wait for others */
#define TRIES 20        /* this machine may be slow */
#define LATER_N 4000    /* of the rows that are added below */

static own_server server;
static ob_db *db;
static ob_bus *reader;
static publisher *it;

typedef struct heard {
    int n;
    size_t longest;
    json_t *details[HEARD_MAX];
} heard;
static heard told;

static void on_told(const ob_bus_msg *msg, void *arg)
{
    (void)arg;
    json_auto_t *event = json_loadb(msg->data, msg->len, 0, NULL);
    assert_non_null(event);
    assert_true(told.n < HEARD_MAX);
    told.longest = msg->len > told.longest ? msg->len : told.longest;
    told.details[told.n++] = json_incref(json_object_get(event, "detail"));
}

static void sql(const char *text)
{
    ob_error err = { 0 };
    if (ob_db_sql(db, text, NULL, NULL, &err) < 0)
        fail_msg("%s: %s", err.text, text);
}

static int start(void **state)
{
    static char conninfo[128];
    ob_error err = { 0 };
    if (set_up(state) != 0 || !own_postgres_start(&server))
        return 0;
    (void)snprintf(conninfo, sizeof(conninfo), "host=%s user=postgres dbname=postgres", server.dir);
    migrate(conninfo, SQL_DIR);
    assert_int_equal(ob_db_connect(conninfo, "test", &db, &err), 0);
    for (const ob_topic *t = ob_topics; t->name; t++)
        make_topic(t->name, 1);
    char *kafka = (char *)(uintptr_t)rd_kafka_mock_cluster_bootstraps(cluster);
    const ob_bus_config bus = {
        .servers = kafka, .client_id = "test", .partitions = 1, .on_msg = on_told
    };
    const scheduler_config config = { .common = { .kafka = kafka, .kafka_partitions = 1 },
                                      .pg = conninfo };
    if (ob_bus_new(&bus, &reader, &err) < 0 || publisher_new(&config, &it, &err) < 0)
        fail_msg("%s", err.text);
    /* Kafka whose access rules are not there yet: the producer's first request fails for good, and
     * so does that of the one after it. */
    rd_kafka_mock_push_request_errors(cluster, INIT_PRODUCER_ID, 2,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    assign(reader, OB_TOPIC_JOB_STATE);
    sql("UPDATE leader SET epoch = 5 WHERE role = 'scheduler'");
    publisher_lead(it, 5);
    return 0;
}

static int stop(void **state)
{
    for (int i = 0; i < told.n; i++)
        json_decref(told.details[i]);
    publisher_free(it);
    ob_bus_free(reader);
    ob_db_free(db);
    if (server.pid)
        own_server_stop(&server);
    return tear_down(state);
}

/* Job n with this environment and these tags, as SQL. */
static void add_job(int n, const char *environment, const char *tags)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("INSERT INTO job (account, region, id, queue_id, definition, name, mcpu, mem_mib,"
                " created_at_ms, detail) VALUES ('1', 'r', '" JOB "%d', 1, 'd', 'n', 1000, 64, 0,"
                " '{\"jobArn\":\"arn:aws:batch:r:1:job/" JOB "%d\",\"jobId\":\"" JOB "%d\","
                "\"jobName\":\"n\",\"tags\":{\"t\":\"' || %s || '\"},\"container\":{\"environment\""
                ":[{\"name\":\"A\",\"value\":\"' || %s || '\"}]}}')",
                n, n, n, tags, environment);
    sql(text);
}

/* It has ended, for this reason, as SQL. */
static void add_event(int n, int job, const char *reason)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state,"
                " container_reason, reason) VALUES (1, %d, 5, '" JOB "%d', -1, -1, 6, %s, %s)",
                n, job, reason, reason);
    sql(text);
}

static void one_whose_producers_failed_for_good_goes_on(void **state)
{
    (void)state;
    if (!db)
        skip();
    sql("INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state)"
        " VALUES (0, 1, 5, '" JOB "9', -1, -1, 6)");
    add_job(9, "'v'", "'x'");
    publisher_kick(it);
    poll_until(reader, &told.n, 1);
    assert_string_equal(ob_json_str(told.details[0], "jobId", ""), JOB "9");
    json_decref(told.details[0]);
    told = (heard){ 0 };
}

static const json_t *container_of(int i)
{
    return json_object_get(told.details[i], "container");
}

static void an_event_that_is_too_large_holds_nobody_up(void **state)
{
    (void)state;
    if (!db)
        skip();
    uint64_t skipped = publisher_skipped(it);
    add_job(1, "'v'", "'x'");
    add_job(2, "repeat('v', 600000)", "'x'");
    add_job(3, "'v'", "repeat('x', 600000)");
    add_event(1, 1, "repeat('y', 2000000)");
    add_event(2, 2, "'planted'");
    add_event(3, 3, "'planted'");
    add_event(4, 1, "'last'");
    publisher_kick(it);
    poll_until(reader, &told.n, 3);
    poll_for(reader, 300);
    assert_int_equal(told.n, 3);
    assert_true(told.longest <= EVENT_MAX);
    assert_int_equal(publisher_skipped(it) - skipped, 1);
    assert_int_equal(strlen(ob_json_str(container_of(0), "reason", "")), 255);
    assert_int_equal(strlen(ob_json_str(told.details[0], "statusReason", "")), 1024);
    /* Without its largest part. */
    assert_string_equal(ob_json_str(told.details[1], "jobId", ""), JOB "2");
    assert_int_equal(json_array_size(json_object_get(container_of(1), "environment")), 0);
    assert_string_equal(ob_json_str(told.details[2], "statusReason", ""), "last");
    assert_int_equal(json_array_size(json_object_get(container_of(2), "environment")), 1);
}

/* Events of a small job, of a large one, of an array and of a job that retention has deleted, in
 * turns, and more than are read at a time. */
static void a_job_s_events_are_whole_on_both_sides_of_what_is_read_at_once(void **state)
{
    (void)state;
    if (!db)
        skip();
    static const char *const job_of[] = { JOB "4", JOB "5", JOB "6:0", JOB "6:1", JOB "6:2" };
    static const size_t env_of[] = { 1, LARGE_PART, 2, 2, 2 };
    int before = told.n, all = 5 * (ROWS / 4) + 2;
    ob_cleanup(ob_freep) char *large = ob_strf("repeat('w', %d)", LARGE_PART);
    ob_cleanup(ob_freep) char *events = ob_strf(
        "INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state, reason)"
        " SELECT 1, 1000 + i, 5, ('" JOB
        "' || (4 + i %% 4))::uuid, CASE i %% 4 WHEN 2 THEN 0 ELSE -1"
        " END, CASE i %% 4 WHEN 2 THEN 2 ELSE -1 END, 2, i::text FROM generate_series(0, %d) i",
        ROWS - 1);
    add_job(4, "'v'", "'x'");
    add_job(5, large, "'x'");
    add_job(6, "'ab'", "'x'");
    sql("UPDATE job SET array_size = 3 WHERE id = '" JOB "6'");
    sql(events);
    publisher_kick(it);
    poll_until(reader, &told.n, before + all);
    poll_for(reader, 300);
    assert_int_equal(told.n, before + all);
    for (int i = 0; i < all; i++) {
        char number[16];
        int of = i % 5;
        const json_t *told_of = told.details[before + i];
        const json_t *env =
            json_array_get(json_object_get(container_of(before + i), "environment"), 0);
        (void)snprintf(number, sizeof(number), "%d", i / 5 * 4 + (of < 2 ? of : 2));
        assert_string_equal(ob_json_str(told_of, "jobId", ""), job_of[of]);
        assert_string_equal(ob_json_str(told_of, "statusReason", ""), number);
        assert_int_equal(strlen(ob_json_str(env, "value", "")), env_of[of]);
        assert_string_equal(ob_json_str(json_object_get(told_of, "tags"), "resourceArn", ""),
                            ob_json_str(told_of, "jobArn", "-"));
    }
}

/* Its attempts are deleted next, so an event of it could not be whole. */
static void a_job_that_retention_deletes_is_told_no_more(void **state)
{
    (void)state;
    if (!db)
        skip();
    int before = told.n;
    add_job(7, "'v'", "'x'");
    add_event(LATER_N, 7, "'first'");
    publisher_kick(it);
    poll_until(reader, &told.n, before + 1);
    sql("DELETE FROM job WHERE id = '" JOB "7'");
    poll_for(reader, LOOK_MS + 1000);
    add_event(LATER_N + 1, 7, "'second'");
    add_event(LATER_N + 2, 1, "'of another'");
    publisher_kick(it);
    poll_until(reader, &told.n, before + 2);
    poll_for(reader, 300);
    assert_int_equal(told.n, before + 2);
    assert_string_equal(ob_json_str(told.details[before], "statusReason", ""), "first");
    assert_string_equal(ob_json_str(told.details[before + 1], "statusReason", ""), "of another");
}

/* Until the publisher has told of the row n; the reader would add waits of its own. */
static void until_told(int n)
{
    for (;;) {
        ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
        assert_int_equal(ob_db_sql(db, "SELECT n FROM publisher", NULL, &res, NULL), 0);
        if (ob_col_int(res, 0, 0, 0) >= n)
            return;
        usleep(1000);
    }
}

/* How long it takes to tell an event that comes so long after many. */
static int64_t told_after_many_ms(int64_t rest_ms)
{
    static int n = LATER_N + 10;
    ob_cleanup(ob_freep) char *many =
        ob_strf("INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi, state)"
                " SELECT 1, %d + i, 5, '" JOB "1', -1, -1, 2 FROM generate_series(1, %d) i",
                n, MANY);
    n += MANY + 1;
    sql(many);
    publisher_kick(it);
    until_told(n - 1);
    usleep((useconds_t)rest_ms * 1000);
    add_event(n, 1, "'alone'");
    int64_t begun_ms = ob_mono_ms();
    publisher_kick(it);
    until_told(n++);
    return ob_mono_ms() - begun_ms;
}

static void events_gather_only_while_there_are_many(void **state)
{
    (void)state;
    if (!db)
        skip();
    int64_t most_ms = 0, least_ms = INT64_MAX;
    int told_before = told.n, tries = 0;
    for (int i = 0; i < TRIES && most_ms < GATHER_MS; i++, tries++) {
        int64_t ms = told_after_many_ms(0);
        most_ms = ms > most_ms ? ms : most_ms;
    }
    for (int i = 0; i < TRIES && least_ms >= GATHER_MS; i++, tries++) {
        int64_t ms = told_after_many_ms(3 * GATHER_MS);
        least_ms = ms < least_ms ? ms : least_ms;
    }
    poll_until(reader, &told.n, told_before + tries * (MANY + 1));
    assert_true(most_ms >= GATHER_MS);
    assert_true(least_ms < GATHER_MS);
}

/* How long the end of a publisher takes; failing: it finds no database, so it pauses for 500 ms. */
static int64_t end_ms(bool failing)
{
    ob_error err = { 0 };
    publisher *other = NULL;
    char *kafka = (char *)(uintptr_t)rd_kafka_mock_cluster_bootstraps(cluster);
    const scheduler_config config = { .common = { .kafka = kafka, .kafka_partitions = 1 },
                                      .pg = (char *)(uintptr_t) "host=/nonexistent" };
    if (publisher_new(&config, &other, &err) < 0)
        fail_msg("%s", err.text);
    if (failing)
        publisher_lead(other, 5);
    poll_for(reader, 150);
    int64_t begun_ms = ob_mono_ms();
    publisher_free(other);
    return ob_mono_ms() - begun_ms;
}

static void a_publisher_that_pauses_ends_at_once(void **state)
{
    (void)state;
    if (!db)
        skip();
    int64_t least_ms = INT64_MAX;
    for (int i = 0; i < TRIES && least_ms >= 200; i++) {
        int64_t idle_ms = end_ms(false), ms = end_ms(true) - idle_ms;
        least_ms = ms < least_ms ? ms : least_ms;
    }
    assert_true(least_ms < 200);
}

static void a_publisher_that_does_not_move_shows_it(void **state)
{
    (void)state;
    if (!db)
        skip();
    int before = told.n;
    int64_t most_ms = 0;
    sql("BEGIN");
    sql("LOCK TABLE publisher IN ACCESS EXCLUSIVE MODE");
    ob_db *other = NULL;
    ob_cleanup(ob_freep) char *conninfo =
        ob_strf("host=%s user=postgres dbname=postgres", server.dir);
    assert_int_equal(ob_db_connect(conninfo, "other", &other, NULL), 0);
    assert_int_equal(ob_db_sql(other,
                               "INSERT INTO job_event (round, n, at_ms, job_id, idx_lo, idx_hi,"
                               " state) VALUES (2, 1, 5, '" JOB "1', -1, -1, 6)",
                               NULL, NULL, NULL),
                     0);
    publisher_kick(it);
    for (int64_t until_ms = ob_mono_ms() + 4 * LOOK_MS;
         most_ms < 2 * LOOK_MS && ob_mono_ms() < until_ms;) {
        poll_for(reader, 100);
        most_ms = publisher_stuck_ms(it);
    }
    assert_true(most_ms >= 2 * LOOK_MS);
    assert_int_equal(ob_db_commit(db, OB_POINT_API_STOP, NULL), 0);
    for (int64_t until_ms = ob_mono_ms() + 4 * LOOK_MS;
         publisher_stuck_ms(it) > LOOK_MS && ob_mono_ms() < until_ms;)
        poll_for(reader, 100);
    assert_true(publisher_stuck_ms(it) <= LOOK_MS);
    assert_true(told.n > before);
    publisher_lead(it, 0); /* who does not lead has nothing to tell */
    assert_int_equal(publisher_stuck_ms(it), 0);
    ob_db_free(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_whose_producers_failed_for_good_goes_on),
        cmocka_unit_test(an_event_that_is_too_large_holds_nobody_up),
        cmocka_unit_test(a_job_s_events_are_whole_on_both_sides_of_what_is_read_at_once),
        cmocka_unit_test(a_job_that_retention_deletes_is_told_no_more),
        cmocka_unit_test(events_gather_only_while_there_are_many),
        cmocka_unit_test(a_publisher_that_pauses_ends_at_once),
        cmocka_unit_test(a_publisher_that_does_not_move_shows_it),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
