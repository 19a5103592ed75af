/* What the scheduler counts of queues, and what its log says of them: from rounds of the engine
 * alone. */
#include "unit.h"

#include <fcntl.h>

#include "event_lag.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "ob/log.h"
#include "ob/message.h"
#include "publisher.h"
#include "queue_metrics.h"
#include "recover.h"
#include "round_news.h"
#include "scheduler_metrics.h"

#define QUEUE 7

static scheduler s;
static int64_t now_ms = 1000000;

uint64_t publisher_count(publisher *p)
{
    (void)p;
    return 0;
}

int64_t recover_engine_ms(const scheduler *of)
{
    (void)of;
    return now_ms;
}

static void put_queue(int64_t id, const char *name)
{
    engine_put_queue(
        s.engine,
        &(engine_queue){
            .id = id, .name = name, .priority = 1, .enabled = true, .ces = { 1 }, .n_ces = 1 });
}

static int begin(void **state)
{
    static const ob_resources shape = { .mcpu = 4000, .mem_mib = 1000 };
    ob_metrics_register(scheduler_metrics, SCHED_METRIC_COUNT);
    s.engine = engine_new();
    engine_put_ce(s.engine, &(engine_ce){ .id = 1,
                                          .name = "ce",
                                          .cluster = "c",
                                          .enabled = true,
                                          .valid = true,
                                          .max_vcpus = 4,
                                          .shapes = &shape,
                                          .n_shapes = 1 });
    put_queue(QUEUE, "night");
    engine_put_instance(
        s.engine,
        &(engine_instance){
            .id = "i-1", .ce_id = 1, .size = shape, .vcpus = 4, .state = OB_INSTANCE_ACTIVE });
    return 0;
}

static int end(void **state)
{
    engine_free(s.engine);
    s.engine = NULL;
    engine_effects_done(&s.effects);
    queue_metrics_forget();
    news_forget();
    ob_metrics_stop();
    return 0;
}

static void make_round(void)
{
    now_ms += 1000;
    engine_effects_clear(&s.effects);
    engine_round(s.engine, now_ms, &s.effects);
    queue_metrics_count(&s);
}

static ob_uuid submit(int n, int32_t array_size, int32_t mcpu, int32_t attempts)
{
    char text[OB_UUID_TEXT];
    ob_uuid id;
    (void)snprintf(text, sizeof(text), "01900000-0000-7000-8000-%012d", n);
    assert_true(ob_uuid_parse(text, strlen(text), &id));
    engine_submit(s.engine, &(engine_submission){ .id = id,
                                                  .queue_id = QUEUE,
                                                  .array_size = array_size,
                                                  .need = { .mcpu = mcpu, .mem_mib = 100 },
                                                  .terms = { .attempts = attempts },
                                                  .created_at_ms = now_ms });
    return id;
}

static void report(ob_uuid id, int32_t run, engine_run_state state, int32_t code)
{
    engine_run_report r = { .run = { .id = id, .index = -1, .run = run },
                            .state = state,
                            .started = true,
                            .started_at_ms = now_ms,
                            .stopped_at_ms = now_ms + 500,
                            .has_exit_code = true,
                            .exit_code = code };
    engine_report(s.engine, "i-1", &r);
}

static void assert_shows(const char *line, bool yes)
{
    ob_buf out = { 0 };
    ob_cleanup(ob_freep) char *whole = ob_strf("\n%s\n", line);
    ob_metrics_show(OB_PAGE_METRICS, &out);
    if ((strstr(out.at, whole) != NULL) != yes)
        fail_msg("%s: %s in\n%s", line, yes ? "not" : "is", out.at);
    ob_buf_done(&out);
}

static void ends_and_retries_are_counted_by_what_they_were(void **state)
{
    ob_uuid good = submit(1, 0, 1000, 1), bad = submit(2, 0, 1000, 2);
    make_round();
    report(good, 1, RUN_EXITED, 0);
    report(bad, 1, RUN_EXITED, 1);
    make_round();
    report(bad, 2, RUN_EXITED, 1);
    make_round();
    assert_shows("openbatch_job_ends_total{queue=\"night\",result=\"succeeded\"} 1", true);
    assert_shows("openbatch_job_ends_total{queue=\"night\",result=\"failed\"} 1", true);
    assert_shows("openbatch_job_retries_total{queue=\"night\",cause=\"exit\"} 1", true);
    assert_shows("openbatch_job_transitions_total{queue=\"night\",state=\"STARTING\"} 3", true);
    assert_shows("openbatch_job_wait_seconds_count{queue=\"night\"} 3", true);
    assert_shows("openbatch_job_run_seconds_sum{queue=\"night\"} 1.5", true);
}

static void the_children_of_an_array_count_one_by_one_and_the_array_does_not(void **state)
{
    ob_uuid id = submit(1, 50, 4000, 1);
    make_round();
    assert_shows("openbatch_job_transitions_total{queue=\"night\",state=\"RUNNABLE\"} 50", true);
    engine_stop(s.engine, &(ob_job_ref){ .id = id, .index = -1 }, true, "enough");
    make_round();
    engine_run_report r = { .run = { .id = id, .index = 0, .run = 1 },
                            .state = RUN_EXITED,
                            .started = true };
    engine_report(s.engine, "i-1", &r);
    make_round();
    assert_shows("openbatch_job_ends_total{queue=\"night\",result=\"terminated\"} 50", true);
}

static void figures_are_set_as_a_whole(void **state)
{
    (void)submit(1, 0, 3000, 1);
    (void)submit(2, 0, 2000, 1);
    (void)submit(3, 4, 1000, 1);
    make_round();
    queue_metrics_post(&s, ob_mono_ms());
    assert_shows("openbatch_jobs{queue=\"night\",state=\"STARTING\"} 1", true);
    assert_shows("openbatch_jobs{queue=\"night\",state=\"PENDING\"} 1", true); /* the array */
    assert_shows("openbatch_array_children{queue=\"night\",state=\"STARTING\"} 1", true);
    assert_shows("openbatch_array_children{queue=\"night\",state=\"RUNNABLE\"} 3", true);
    assert_shows("openbatch_queue_used_vcpus{queue=\"night\"} 4", true);
    assert_shows("openbatch_queue_waiting_vcpus{queue=\"night\"} 5", true);
    assert_shows("openbatch_queue_waiting_memory_bytes{queue=\"night\"} 419430400", true);
    assert_shows("openbatch_queue_blocked{queue=\"night\",reason=\"\"} 0", true);
    queue_metrics_post(&s, ob_mono_ms()); /* again: nothing adds up */
    assert_shows("openbatch_queue_used_vcpus{queue=\"night\"} 4", true);
    queue_metrics_forget();
    assert_shows("openbatch_queue_used_vcpus{queue=\"night\"} 4", false);
}

static void queues_of_one_name_are_counted_together(void **state)
{
    put_queue(8, "night");
    (void)submit(1, 0, 1000, 1);
    make_round();
    queue_metrics_post(&s, ob_mono_ms());
    assert_shows("openbatch_jobs{queue=\"night\",state=\"STARTING\"} 1", true);
    engine_drop_queue(s.engine, 8);
    make_round();
    queue_metrics_post(&s, ob_mono_ms());
    assert_shows("openbatch_job_transitions_total{queue=\"night\",state=\"STARTING\"} 1", true);
}

static void the_series_of_a_queue_go_with_it(void **state)
{
    ob_uuid id = submit(1, 0, 1000, 1);
    make_round();
    queue_metrics_post(&s, ob_mono_ms());
    report(id, 1, RUN_EXITED, 0);
    make_round();
    engine_drop_queue(s.engine, QUEUE);
    make_round();
    queue_metrics_post(&s, ob_mono_ms());
    ob_buf out = { 0 };
    ob_metrics_show(OB_PAGE_METRICS, &out);
    assert_null(strstr(out.at, "night"));
    ob_buf_done(&out);
}

/* ---- the lag --------------------------------------------------------------------------------- */

static void the_lag_is_what_is_committed_and_not_published(void **state)
{
    event_lag lag = { 0 };
    assert_int_equal(event_lag_after(&lag, 5), 0);
    event_lag_add(&lag, 6, 3);
    event_lag_add(&lag, 7, 0);
    event_lag_add(&lag, 8, 10);
    assert_int_equal(event_lag_after(&lag, 5), 13);
    assert_int_equal(event_lag_after(&lag, 6), 10);
    assert_int_equal(event_lag_after(&lag, 0), 10); /* it publishes all again */
    assert_int_equal(event_lag_after(&lag, 8), 0);
    for (int64_t round = 9; round < 300000; round++) {
        event_lag_add(&lag, round, 2);
        assert_int_equal(event_lag_after(&lag, round - 20), 2 * (round - 8 < 20 ? round - 8 : 20));
    }
    event_lag_clear(&lag);
    for (int64_t round = 0; round < 250000; round++)
        event_lag_add(&lag, round, 1);
    assert_int_equal(event_lag_after(&lag, -1), 250000);
    assert_int_equal(event_lag_after(&lag, 250000), 0);
    event_lag_add(&lag, 250001, 7);
    assert_int_equal(event_lag_after(&lag, 250000), 7);
    assert_int_equal(event_lag_after(&lag, 250001), 0);
    event_lag_clear(&lag);
}

/* ---- the log --------------------------------------------------------------------------------- */

static char path[40];
static int saved_stderr;

static int begin_log(void **state)
{
    (void)snprintf(path, sizeof(path), "/tmp/ob-test-news-XXXXXX");
    int fd = mkstemp(path);
    saved_stderr = dup(STDERR_FILENO);
    (void)fcntl(fd, F_SETFL, O_APPEND);
    (void)dup2(fd, STDERR_FILENO);
    ob_log_init("tester", OB_LOG_INFO);
    (void)close(fd);
    return begin(state);
}

static int end_log(void **state)
{
    (void)dup2(saved_stderr, STDERR_FILENO);
    (void)close(saved_stderr);
    ob_log_init("tester", OB_LOG_INFO);
    return unlink(path) + end(state);
}

/* The lines of this event that were written since the start. */
static json_t *lines(const char *event)
{
    static char line[65536];
    json_t *found = json_array();
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        json_auto_t *one = ob_json_read_text(line);
        if (one && strcmp(ob_json_str(one, "event", ""), event) == 0)
            (void)json_array_append(found, one);
    }
    (void)fclose(f);
    return found;
}

static void a_queue_that_is_blocked_is_logged_once(void **state)
{
    ob_uuid id = submit(1, 0, 64000, 1);
    for (int i = 0; i < 20; i++) {
        make_round();
        news_post(&s, now_ms);
    }
    json_auto_t *blocked = lines("queue.blocked"), *none = lines("queue.unblocked");
    assert_int_equal(json_array_size(blocked), 1);
    assert_int_equal(json_array_size(none), 0);
    const json_t *line = json_array_get(blocked, 0);
    assert_string_equal(ob_json_str(line, "queue", ""), "night");
    assert_non_null(strstr(ob_json_str(line, "reason", ""), "MISCONFIGURATION:"));
    engine_stop(s.engine, &(ob_job_ref){ .id = id, .index = -1 }, true, "enough");
    make_round();
    news_post(&s, now_ms);
    json_auto_t *unblocked = lines("queue.unblocked");
    assert_int_equal(json_array_size(unblocked), 1);
    assert_true(ob_json_int(json_array_get(unblocked, 0), "seconds", 0) > 0);
}

static void slow_rounds_are_logged_and_a_minute_sums_up(void **state)
{
    news_post(&s, now_ms);
    (void)submit(1, 0, 1000, 1);
    make_round();
    news_round(&s, NEWS_SLOW_US, 5); /* not more than that */
    news_round(&s, NEWS_SLOW_US + 1, 7);
    news_round(&s, NEWS_SLOW_US + 2, 6); /* too soon for another line */
    json_auto_t *slow = lines("round.slowed"), *soon = lines("minute.ended");
    assert_int_equal(json_array_size(slow), 1);
    assert_int_equal(ob_json_int(json_array_get(slow, 0), "us", 0), NEWS_SLOW_US + 1);
    assert_int_equal(json_array_size(soon), 0);
    news_post(&s, now_ms + 59000);
    news_post(&s, now_ms + 60000);
    json_auto_t *summed = lines("minute.ended");
    assert_int_equal(json_array_size(summed), 1);
    const json_t *line = json_array_get(summed, 0);
    assert_int_equal(ob_json_int(line, "rounds", 0), 3);
    assert_int_equal(ob_json_int(line, "slowRounds", 0), 2);
    assert_int_equal(ob_json_int(line, "longestUs", 0), NEWS_SLOW_US + 2);
    assert_int_equal(ob_json_int(line, "longestEngineUs", 0), 7);
    assert_int_equal(ob_json_int(line, "started", 0), 3); /* the same round, three times */
    assert_int_equal(ob_json_int(line, "placed", 0), 1);
    news_post(&s, now_ms + 120000); /* nothing happened: no line */
    json_auto_t *later = lines("minute.ended");
    assert_int_equal(json_array_size(later), 1);
}

#define COUNT_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
#define LOG_TEST(name) cmocka_unit_test_setup_teardown(name, begin_log, end_log)

int main(void)
{
    const struct CMUnitTest tests[] = {
        COUNT_TEST(ends_and_retries_are_counted_by_what_they_were),
        COUNT_TEST(the_children_of_an_array_count_one_by_one_and_the_array_does_not),
        COUNT_TEST(figures_are_set_as_a_whole),
        COUNT_TEST(queues_of_one_name_are_counted_together),
        COUNT_TEST(the_series_of_a_queue_go_with_it),
        cmocka_unit_test(the_lag_is_what_is_committed_and_not_published),
        LOG_TEST(a_queue_that_is_blocked_is_logged_once),
        LOG_TEST(slow_rounds_are_logged_and_a_minute_sums_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
