/* The bus with a real Kafka, its users and access rules: topics that are created, deleted and come
 * back. tests/e2e/faults/test_bus.py gives it a broker of its own by the variables
 * OPENBATCH_TEST_KAFKA (bootstrap servers) and OPENBATCH_TEST_KAFKA_SECRETS (the directory of
 * kafka-<user>.password). */
#include "unit.h"

#include <librdkafka/rdkafka.h>
#include <poll.h>

#include "ob/bus.h"
#include "ob/clock.h"
#include "ob/config.h"
#include "ob/log.h"
#include "ob/topics.h"

typedef struct seen {
    int n, reassigned;
    int last;
    int64_t sum_us;
} seen;

static void on_msg(const ob_bus_msg *msg, void *arg)
{
    seen *s = arg;
    char text[64];
    long long sent_us = 0;
    (void)snprintf(text, sizeof(text), "%.*s", (int)msg->len, msg->data);
    if (sscanf(text, "%d %lld", &s->last, &sent_us) == 2)
        s->sum_us += ob_mono_us() - sent_us;
    s->n++;
}

static void on_event(ob_bus_event event, void *arg)
{
    seen *s = arg;
    s->reassigned += event == OB_BUS_REASSIGNED;
}

static char *password_of(const char *user)
{
    ob_cleanup(ob_freep) char *path =
        ob_strf("%s/kafka-%s.password", getenv("OPENBATCH_TEST_KAFKA_SECRETS"), user);
    char *password = NULL;
    ob_error err = { 0 };
    if (ob_config_read_secret(path, &password, &err) < 0)
        fail_msg("%s", err.text);
    return password;
}

static ob_bus *open_bus(seen *s, const char *user, const char *group)
{
    ob_cleanup(ob_freep) char *password = password_of(user);
    const ob_bus_config config = {
        .servers = getenv("OPENBATCH_TEST_KAFKA"),
        .user = user,
        .password = password,
        .client_id = user,
        .group = group,
        .partitions = 2,
        .on_msg = on_msg,
        .on_event = on_event,
        .arg = s,
    };
    ob_bus *bus = NULL;
    ob_error err = { 0 };
    *s = (seen){ 0 };
    if (ob_bus_new(&config, &bus, &err) < 0)
        fail_msg("%s", err.text);
    return bus;
}

static int say(ob_bus *bus, const char *topic, int number)
{
    char text[64];
    ob_error err = { 0 };
    int n = snprintf(text, sizeof(text), "%d %lld", number, (long long)ob_mono_us());
    return ob_bus_send_clear(bus, OB_POINT_API_RING, topic, -1, NULL, 0, text, (size_t)n, NULL,
                             &err);
}

static void poll_until(ob_bus *bus, const int *count, int want)
{
    for (int64_t end = ob_mono_ms() + 60000; *count < want;) {
        if (ob_mono_ms() > end)
            fail_msg("%d instead of %d", *count, want);
        (void)ob_bus_poll(bus, 100, 1000);
    }
}

static void make_topics(ob_bus *bus)
{
    ob_error err = { 0 };
    if (ob_bus_make_topics(bus, 20000, &err) < 0)
        fail_msg("%s", err.text);
}

static void assign(ob_bus *bus, const char *const *topics)
{
    ob_error err = { 0 };
    if (ob_bus_assign_end(bus, topics, NULL, 20000, &err) < 0)
        fail_msg("%s", err.text);
}

/* Sends numbers until one of them arrives; reports lost in between are part of life. Returns ms. */
static int64_t until_it_flows(ob_bus *writer, ob_bus *reader, seen *s, const char *topic)
{
    static int number = 1000;
    int64_t start = ob_mono_ms();
    int first = number + 1; /* what was sent before may still arrive */
    do {
        if (ob_mono_ms() - start > 60000)
            fail_msg("%s does not flow", topic);
        (void)say(writer, topic, ++number);
        for (int64_t end = ob_mono_ms() + 100; s->last < first && ob_mono_ms() < end;) {
            if (writer != reader)
                (void)ob_bus_poll(writer, 0, 1000);
            (void)ob_bus_poll(reader, 20, 1000);
        }
    } while (s->last < first);
    return ob_mono_ms() - start;
}

/* As another program does it: by the admin, behind the bus's back. */
static void delete_topics(const char *const *topics)
{
    char text[256];
    ob_cleanup(ob_freep) char *password = password_of("admin");
    const char *const settings[] = { "bootstrap.servers",
                                     getenv("OPENBATCH_TEST_KAFKA"),
                                     "security.protocol",
                                     "SASL_PLAINTEXT",
                                     "sasl.mechanisms",
                                     "PLAIN",
                                     "sasl.username",
                                     "admin",
                                     "sasl.password",
                                     password,
                                     NULL };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (const char *const *c = settings; *c; c += 2)
        assert_int_equal(rd_kafka_conf_set(conf, c[0], c[1], text, sizeof(text)), RD_KAFKA_CONF_OK);
    rd_kafka_t *rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    rd_kafka_DeleteTopic_t *list[16];
    size_t n = 0;
    for (; topics[n]; n++)
        list[n] = rd_kafka_DeleteTopic_new(topics[n]);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_DeleteTopics(rk, list, n, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    assert_non_null(event);
    assert_int_equal(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_DeleteTopic_destroy_array(list, n);
    rd_kafka_destroy(rk);
}

static void topics_are_made_as_the_table_says(void **state)
{
    seen s;
    ob_bus *bus = open_bus(&s, "scheduler", NULL);
    ob_error err = { 0 };
    make_topics(bus);
    int64_t start = ob_mono_ms();
    make_topics(bus); /* nothing to do */
    assert_true(ob_mono_ms() - start < 2000);
    for (const ob_topic *t = ob_topics; t->name; t++) {
        int32_t count = 0;
        if (ob_bus_partitions(bus, t->name, 5000, &count, &err) < 0)
            fail_msg("%s", err.text);
        assert_int_equal(count, ob_topic_partitions(t, 2));
    }
    ob_bus_free(bus);
}

static void who_may_not_make_topics_is_not_stopped_by_it(void **state)
{
    seen s;
    ob_bus *bus = open_bus(&s, "executor", NULL);
    make_topics(bus);
    const char *const topics[] = { OB_TOPIC_PLACEMENTS, NULL };
    assign(bus, topics);
    ob_error err = { 0 };
    const char *const foreign[] = { OB_TOPIC_INSTANCES, NULL };
    assert_true(ob_bus_assign_end(bus, foreign, NULL, 3000, &err) < 0);
    ob_bus_free(bus);
}

static void a_wrong_password_opens_nothing(void **state)
{
    seen s = { 0 };
    const ob_bus_config config = { .servers = getenv("OPENBATCH_TEST_KAFKA"),
                                   .user = "scheduler",
                                   .password = "wrong",
                                   .client_id = "test",
                                   .arg = &s };
    ob_bus *bus = NULL;
    ob_error err = { 0 };
    assert_int_equal(ob_bus_new(&config, &bus, &err), 0);
    assert_int_equal(ob_bus_make_topics(bus, 2000, &err), -EIO);
    for (int i = 0; i < 5; i++)
        (void)ob_bus_poll(bus, 100, 1);
    assert_false(ob_bus_is_up(bus));
    ob_bus_free(bus);
}

static void messages_arrive_within_milliseconds(void **state)
{
    seen s;
    ob_bus *bus = open_bus(&s, "scheduler", NULL);
    const char *const topics[] = { OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES, OB_TOPIC_COMMANDS,
                                   NULL };
    assign(bus, topics);
    (void)until_it_flows(bus, bus, &s, OB_TOPIC_EXECUTIONS);
    for (int64_t end = ob_mono_ms() + 700; ob_mono_ms() < end;)
        (void)ob_bus_poll(bus, 100, 1000);
    s = (seen){ 0 };
    for (int i = 1; i <= 200; i++) {
        assert_int_equal(say(bus, OB_TOPIC_EXECUTIONS, i), 0);
        poll_until(bus, &s.n, i);
    }
    print_message("produce to consume: %.2f ms on average\n", (double)s.sum_us / 200 / 1000);
    assert_true(s.sum_us / 200 < 100000);
    ob_bus_free(bus);
}

static void a_deleted_topic_is_made_again_and_flows(void **state)
{
    seen s;
    ob_bus *bus = open_bus(&s, "scheduler", NULL);
    const char *const topics[] = { OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES, NULL };
    const char *const gone[] = { OB_TOPIC_EXECUTIONS, NULL };
    assign(bus, topics);
    (void)until_it_flows(bus, bus, &s, OB_TOPIC_EXECUTIONS);
    for (int round = 0; round < 3; round++) {
        int before = s.reassigned;
        delete_topics(gone);
        print_message("sending: flows after %lld ms\n",
                      (long long)until_it_flows(bus, bus, &s, OB_TOPIC_EXECUTIONS));
        poll_until(bus, &s.reassigned, before + 1);
        (void)until_it_flows(bus, bus, &s, OB_TOPIC_EXECUTIONS);
        (void)until_it_flows(bus, bus, &s, OB_TOPIC_INSTANCES);
    }
    ob_bus_free(bus);
}

static void a_deleted_topic_is_noticed_without_sending(void **state)
{
    seen s, other;
    ob_bus *bus = open_bus(&s, "scheduler", NULL);
    ob_bus *writer = open_bus(&other, "scaler", NULL);
    const char *const topics[] = { OB_TOPIC_INSTANCES, NULL };
    assign(bus, topics);
    (void)until_it_flows(bus, bus, &s, OB_TOPIC_INSTANCES);
    int64_t start = ob_mono_ms();
    delete_topics(topics);
    poll_until(bus, &s.reassigned, 1);
    print_message("only reading: noticed after %lld ms\n", (long long)(ob_mono_ms() - start));
    (void)until_it_flows(writer, bus, &s, OB_TOPIC_INSTANCES);
    ob_bus_free(writer);
    ob_bus_free(bus);
}

static void all_topics_may_go_at_once(void **state)
{
    seen s, r;
    ob_bus *bus = open_bus(&s, "scheduler", NULL);
    ob_bus *executor = open_bus(&r, "executor", NULL); /* may not make topics: waits for who may */
    const char *const topics[] = { OB_TOPIC_EXECUTIONS, OB_TOPIC_INSTANCES, OB_TOPIC_COMMANDS,
                                   OB_TOPIC_SUBMISSIONS, NULL };
    const char *const placements[] = { OB_TOPIC_PLACEMENTS, NULL };
    const char *all[16] = { NULL };
    for (size_t i = 0; ob_topics[i].name; i++)
        all[i] = ob_topics[i].name;
    assign(bus, topics);
    assign(executor, placements);
    (void)until_it_flows(bus, bus, &s, OB_TOPIC_EXECUTIONS);
    for (int round = 0; round < 2; round++) {
        int before = s.reassigned;
        int executor_before = r.reassigned;
        delete_topics(all);
        poll_until(bus, &s.reassigned, before + 1);
        poll_until(executor, &r.reassigned, executor_before + 1);
        int64_t ms = until_it_flows(bus, bus, &s, OB_TOPIC_EXECUTIONS);
        ms += until_it_flows(bus, bus, &s, OB_TOPIC_INSTANCES);
        ms += until_it_flows(bus, executor, &r, OB_TOPIC_PLACEMENTS);
        print_message("all gone: flows after %lld ms\n", (long long)ms);
    }
    ob_bus_free(executor);
    ob_bus_free(bus);
}

static void the_group_reads_logs_also_after_a_wipe(void **state)
{
    seen s, w;
    ob_bus *writer = open_bus(&w, "executor", NULL);
    ob_bus *bus = open_bus(&s, "api", "openbatch-api");
    ob_error err = { 0 };
    const char *const topics[] = { OB_TOPIC_LOGS, NULL };
    assert_int_equal(ob_bus_subscribe(bus, topics, &err), 0);
    for (int round = 0; round < 2; round++) {
        int64_t ms = until_it_flows(writer, bus, &s, OB_TOPIC_LOGS);
        assert_int_equal(ob_bus_commit(bus, OB_POINT_API_LOG_OFFSETS, &err), 0);
        print_message("the group reads after %lld ms\n", (long long)ms);
        if (round == 0)
            delete_topics(topics);
    }
    ob_bus_free(bus);
    ob_bus_free(writer);
}

/* What each case begins with. */
static int all_topics(void **state)
{
    seen s;
    ob_bus *bus = open_bus(&s, "scheduler", NULL);
    make_topics(bus);
    ob_bus_free(bus);
    return 0;
}

int main(void)
{
    if (!getenv("OPENBATCH_TEST_KAFKA") || !getenv("OPENBATCH_TEST_KAFKA_SECRETS")) {
        (void)fprintf(stderr, "test_bus_broker: no broker is named; see its first comment\n");
        return 2;
    }
    ob_log_init("test_bus_broker", getenv("OB_TEST_DEBUG") ? OB_LOG_DEBUG : OB_LOG_ERROR);
    cmocka_set_test_filter(getenv("OB_TEST_FILTER"));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_are_made_as_the_table_says),
        cmocka_unit_test(who_may_not_make_topics_is_not_stopped_by_it),
        cmocka_unit_test(a_wrong_password_opens_nothing),
        cmocka_unit_test(messages_arrive_within_milliseconds),
        cmocka_unit_test(a_deleted_topic_is_made_again_and_flows),
        cmocka_unit_test(a_deleted_topic_is_noticed_without_sending),
        cmocka_unit_test(all_topics_may_go_at_once),
        cmocka_unit_test(the_group_reads_logs_also_after_a_wipe),
    };
    return cmocka_run_group_tests(tests, all_topics, NULL);
}
