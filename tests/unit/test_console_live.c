/* Tabs that listen, on librdkafka's mock cluster: what they hear, how often, and that nothing is
 * read for nobody. */
#include "bus_mock.h"

#include "live.h"
#include "ob/clock.h"
#include "ob/topics.h"

#define QUEUE "arn:aws:batch:us-east-1:123456789012:job-queue/q"
#define WAIT_MS 20000

static char no_user[] = "", no_file[] = "";
static live *l;
static ob_bus *speaker;
static seen ignored;

static int begin(void **state)
{
    ob_error err = { 0 };
    assert_int_equal(set_up(state), 0);
    static char servers[256];
    (void)snprintf(servers, sizeof servers, "%s", rd_kafka_mock_cluster_bootstraps(cluster));
    const ob_config_common common = { .kafka = servers,
                                      .kafka_user = no_user,
                                      .kafka_password_file = no_file,
                                      .kafka_settings = no_file,
                                      .kafka_pid_file = no_file,
                                      .kafka_partitions = 1 };
    make_topic(OB_TOPIC_JOB_STATE, 1);
    memset(&ignored, 0, sizeof ignored);
    speaker = open_bus(&ignored, NULL);
    if (live_start(&common, 2, &l, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int end(void **state)
{
    live_free(l);
    ob_bus_free(speaker);
    return tear_down(state);
}

static live_tab *join(void)
{
    char queues[1][CHANGE_QUEUE_TEXT] = { QUEUE };
    live_tab *tab = live_join(l, 0);
    if (tab)
        live_hear(tab, queues, 1);
    return tab;
}

/* Waits for this word; others before it are passed over. */
static void wait_word(live_tab *tab, live_word wanted, ob_buf *out)
{
    int64_t until_ms = ob_mono_ms() + WAIT_MS;
    for (;;) {
        ob_buf_clear(out);
        live_word word = live_next(tab, until_ms, out);
        if (word == wanted)
            return;
        assert_int_not_equal(word, LIVE_END);
        assert_true(ob_mono_ms() < until_ms);
    }
}

static void change(int n)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("{\"detail-type\":\"Batch Job State Change\",\"detail\":{\"jobQueue\":\"%s\","
                "\"jobId\":\"0199a1b2-0000-7000-8000-%012d\",\"status\":\"RUNNING\"}}",
                QUEUE, n);
    say(speaker, OB_TOPIC_JOB_STATE, "k", text, NULL);
    poll_for(speaker, 10);
}

static void a_tab_hears_what_happens_after_it_is_told_that_it_listens(void **state)
{
    (void)state;
    ob_buf out = { 0 };
    live_tab *tab = join();
    wait_word(tab, LIVE_UP, &out);
    change(1);
    wait_word(tab, LIVE_CHANGES, &out);
    assert_non_null(strstr(out.at, "\"RUNNING\":1"));
    assert_non_null(strstr(out.at, "0199a1b2-0000-7000-8000-000000000001"));
    live_leave(tab);
    ob_buf_done(&out);
}

static void a_tab_of_events_hears_what_was_before_once(void **state)
{
    (void)state;
    ob_buf out = { 0 };
    char queues[1][CHANGE_QUEUE_TEXT] = { QUEUE };
    live_tab *first = join();
    wait_word(first, LIVE_UP, &out);
    change(1);
    wait_word(first, LIVE_CHANGES, &out);
    live_tab *tab = live_join(l, CHANGE_KINDS_ALL);
    wait_word(tab, LIVE_DOWN, &out); /* nothing of before while its rights are not known */
    live_hear(tab, queues, 1);
    wait_word(tab, LIVE_UP, &out);
    wait_word(tab, LIVE_CHANGES, &out);
    assert_non_null(strstr(out.at, "\"events\":[[0,"));
    live_hear(tab, NULL, 0);
    wait_word(tab, LIVE_DOWN, &out);
    live_hear(tab, queues, 1);
    wait_word(tab, LIVE_UP, &out);
    change(2);
    wait_word(tab, LIVE_CHANGES, &out);
    assert_non_null(strstr(out.at, "\"events\":[[1,"));
    assert_null(strstr(out.at, "[0,"));
    live_leave(tab);
    live_leave(first);
    ob_buf_done(&out);
}

static void it_hears_at_most_four_times_a_second(void **state)
{
    (void)state;
    ob_buf out = { 0 };
    live_tab *tab = join();
    wait_word(tab, LIVE_UP, &out);
    int64_t began_ms = ob_mono_ms();
    int messages = 0;
    for (int n = 0; ob_mono_ms() - began_ms < 2000; n++) {
        change(n);
        ob_buf_clear(&out);
        if (live_next(tab, ob_mono_ms(), &out) == LIVE_CHANGES)
            messages++;
    }
    assert_in_range(messages, 1, 9);
    live_leave(tab);
    ob_buf_done(&out);
}

static void there_are_only_so_many_tabs(void **state)
{
    (void)state;
    live_tab *one = join(), *two = join();
    assert_non_null(one);
    assert_non_null(two);
    assert_null(join());
    live_leave(two);
    live_tab *three = join();
    assert_non_null(three);
    live_leave(one);
    live_leave(three);
}

static void without_kafka_a_tab_is_told_and_hears_again_later(void **state)
{
    (void)state;
    ob_buf out = { 0 };
    live_tab *tab = join();
    wait_word(tab, LIVE_UP, &out);
    (void)rd_kafka_mock_broker_set_down(cluster, 1);
    wait_word(tab, LIVE_DOWN, &out);
    (void)rd_kafka_mock_broker_set_up(cluster, 1);
    wait_word(tab, LIVE_UP, &out);
    change(7);
    wait_word(tab, LIVE_CHANGES, &out);
    live_leave(tab);
    ob_buf_done(&out);
}

static void a_tab_hears_of_its_queues_only_while_they_are_known(void **state)
{
    (void)state;
    ob_buf out = { 0 };
    char queues[1][CHANGE_QUEUE_TEXT] = { QUEUE };
    live_tab *tab = live_join(l, 0);
    wait_word(tab, LIVE_DOWN, &out);
    live_hear(tab, queues, 1);
    wait_word(tab, LIVE_UP, &out);
    live_hear(tab, queues, 1);
    assert_int_equal(live_next(tab, ob_mono_ms() + 300, &out), LIVE_NOTHING);
    live_hear(tab, queues, 0);
    assert_int_equal(live_next(tab, ob_mono_ms(), &out), LIVE_UP);
    change(3);
    assert_int_equal(live_next(tab, ob_mono_ms() + 1000, &out), LIVE_NOTHING);
    live_hear(tab, NULL, 0);
    assert_int_equal(live_next(tab, ob_mono_ms(), &out), LIVE_DOWN);
    live_leave(tab);
    ob_buf_done(&out);
}

static void at_the_end_tabs_are_let_go(void **state)
{
    (void)state;
    ob_buf out = { 0 };
    live_tab *tab = join();
    wait_word(tab, LIVE_UP, &out);
    live_end(l);
    assert_int_equal(live_next(tab, ob_mono_ms() + WAIT_MS, &out), LIVE_END);
    assert_null(join());
    live_leave(tab);
    ob_buf_done(&out);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(a_tab_hears_what_happens_after_it_is_told_that_it_listens),
        TEST(a_tab_of_events_hears_what_was_before_once),
        TEST(it_hears_at_most_four_times_a_second),
        TEST(there_are_only_so_many_tabs),
        TEST(without_kafka_a_tab_is_told_and_hears_again_later),
        TEST(a_tab_hears_of_its_queues_only_while_they_are_known),
        TEST(at_the_end_tabs_are_let_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
