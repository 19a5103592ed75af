/* The leading loop, with fakes for everything around it: the lock, the bus, the clock, the signal
 * to stop and the service's functions. Its actions are recorded as a line of words. */
#include "unit.h"

#include <stdatomic.h>

#include "ob/clock.h"
#include "ob/json.h"
#include "ob/lead.h"
#include "ob/message.h"
#include "ob/service.h"
#include "ob/topics.h"

#define TURN_WORK_MS 100
#define MESSAGES 10

/* What is around the loop, and what it is to come to. */
static struct {
    int64_t now_ms;
    bool up;      /* a broker is reachable */
    int topics_r; /* of making topics */
    bool probes_return;
    int32_t silent_partition; /* of those, one whose probes are lost; -1: none */
    int32_t partitions;
    bool standby;
    int try_r, load_r, failed_r, standby_r;
    int turn_r[16]; /* of the turns, in order; the last one stays */
    int n_turns;
    int lost_at; /* the connection is lost in this turn, from 0; -1: in none */
    bool connected, keep_fails;
    int messages; /* that each look at the bus finds */
    int wait_ms;  /* that a turn asks for */
    int64_t epoch;
    const char *stop_at; /* at its 'stop_after'th call */
    int stop_after;
    int counts[8];
    char did[4096];
} w;

static ob_probe probe;
static ob_lead *lead;

/* ---- What it did ---- */

static const char *const words[] = { "try",  "drop", "topics", "assign",
                                     "load", "turn", "failed", "forget" };

static int count(const char *word)
{
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        if (strcmp(words[i], word) == 0)
            return w.counts[i];
    fail_msg("no such word: %s", word);
    return 0;
}

static void did(const char *word)
{
    size_t len = strlen(w.did);
    (void)snprintf(w.did + len, sizeof(w.did) - len, "%s%s", len ? " " : "", word);
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        w.counts[i] += strcmp(words[i], word) == 0;
    if (w.stop_at && strcmp(w.stop_at, word) == 0 && count(word) >= w.stop_after)
        atomic_store(&ob_service_stopping, true);
}

/* ---- The clock and the process ---- */

int64_t ob_mono_ms(void)
{
    return w.now_ms;
}

int64_t ob_mono_us(void)
{
    return w.now_ms * 1000;
}

int64_t ob_wall_ms(void)
{
    return w.now_ms;
}

bool ob_wall_jumped(int64_t *ret_by_ms, int64_t *ret_ago_ms)
{
    (void)ret_by_ms, (void)ret_ago_ms;
    return false;
}

atomic_bool ob_service_stopping;

void ob_service_wait(int fd, int timeout_ms)
{
    (void)fd, (void)timeout_ms;
    w.now_ms += OB_LEADER_TRY_MS;
}

const char *service_name_get(void);
const char *service_name_get(void)
{
    return "test";
}

/* ---- The lock ---- */

int ob_leader_try(ob_leader *leader, ob_error *err)
{
    (void)leader;
    assert_true(w.up); /* who does not reach Kafka does not compete */
    if (w.try_r == 1) {
        w.epoch++;
        w.connected = true;
    }
    did("try");
    return w.try_r < 0 ? ob_fail_retry(err, -w.try_r, "PostgreSQL is away") : w.try_r;
}

void ob_leader_drop(ob_leader *leader)
{
    (void)leader;
    if (w.connected)
        did("drop");
    w.connected = false;
}

int ob_leader_keep(ob_leader *leader, ob_error *err)
{
    (void)leader;
    if (w.keep_fails)
        w.connected = false;
    return w.connected ? 0 : ob_fail_retry(err, EIO, "the connection is lost");
}

int ob_leader_has_standby(ob_leader *leader, bool *ret, ob_error *err)
{
    (void)leader;
    *ret = w.standby;
    return w.standby_r < 0 ? ob_fail(err, -w.standby_r, "it cannot be asked") : 0;
}

int64_t ob_leader_epoch(const ob_leader *leader)
{
    (void)leader;
    return w.epoch;
}

ob_db *ob_leader_db(ob_leader *leader)
{
    (void)leader;
    return NULL;
}

bool ob_db_ok(ob_db *db)
{
    (void)db;
    return w.connected;
}

const char *ob_db_sqlstate(const ob_db *db)
{
    (void)db;
    return "40P01";
}

/* ---- The bus ---- */

static int kafka(int r, ob_error *err)
{
    w.now_ms += r < 0 ? 400 : 0;
    return r < 0 ? ob_fail_retry(err, -r, "Kafka: no such topic") : 0;
}

int ob_bus_make_topics(ob_bus *bus, int timeout_ms, ob_error *err)
{
    (void)bus;
    assert_true(timeout_ms <= 400);
    did("topics");
    return kafka(w.topics_r, err);
}

int ob_bus_partitions(ob_bus *bus, const char *topic, int timeout_ms, int32_t *ret, ob_error *err)
{
    (void)bus, (void)topic, (void)timeout_ms, (void)err;
    *ret = w.partitions;
    return 0;
}

int ob_bus_assign_end(ob_bus *bus,
                      const char *const *topics,
                      const int32_t *partitions_only,
                      int timeout_ms,
                      ob_error *err)
{
    (void)bus, (void)partitions_only, (void)err;
    assert_string_equal(topics[0], OB_TOPIC_EXECUTIONS);
    assert_true(timeout_ms <= 400);
    did("assign");
    return 0;
}

void ob_bus_unassign(ob_bus *bus)
{
    (void)bus;
}

int ob_bus_send_clear(ob_bus *bus,
                      ob_point point,
                      const char *topic,
                      int32_t partition,
                      const char *key,
                      size_t key_len,
                      const char *data,
                      size_t len,
                      void *ref,
                      ob_error *err)
{
    (void)bus, (void)topic, (void)key, (void)key_len, (void)ref, (void)err;
    assert_int_equal(point, OB_POINT_SCALER_PROBE);
    json_auto_t *body = NULL;
    const char *type;
    int64_t epoch;
    assert_int_equal(ob_message_parse(data, len, &body, &type, &epoch, NULL), 0);
    if (w.probes_return && partition != w.silent_partition)
        (void)ob_probe_take(&probe, partition, type, body, w.now_ms);
    return 0;
}

int ob_bus_poll(ob_bus *bus, int timeout_ms, int max)
{
    (void)bus;
    assert_int_equal(max, MESSAGES);
    w.now_ms += timeout_ms;
    return w.messages;
}

int ob_bus_fd(ob_bus *bus)
{
    (void)bus;
    did("wait");
    return -1;
}

int ob_bus_is_up(const ob_bus *bus)
{
    (void)bus;
    return w.up;
}

/* ---- The service ---- */

static json_t *dependency(const char *name)
{
    json_auto_t *all = ob_health_object();
    return json_incref(json_object_get(json_object_get(all, "depends"), name));
}

static bool says_leader(void)
{
    json_auto_t *all = ob_health_object();
    return ob_json_bool(all, "leader", false);
}

static int load(void *arg, ob_error *err)
{
    (void)arg;
    assert_false(says_leader());
    did("load");
    return w.load_r < 0 ? ob_fail(err, -w.load_r, "a table is locked") : 0;
}

static int turn(void *arg, int64_t now_ms, int *ret_wait_ms, ob_error *err)
{
    (void)arg;
    assert_int_equal(now_ms, w.now_ms);
    assert_int_equal(*ret_wait_ms, OB_LEAD_TURN_MS);
    assert_true(says_leader());
    did("turn");
    w.now_ms += TURN_WORK_MS;
    *ret_wait_ms = w.wait_ms;
    if (w.n_turns == w.lost_at)
        w.connected = false;
    int r = w.turn_r[w.n_turns];
    w.n_turns += w.n_turns < 15;
    return r < 0 ? ob_fail(err, -r, "a deadlock") : 0;
}

static int failed(void *arg, ob_error *err)
{
    (void)arg;
    did("failed");
    return w.failed_r < 0 ? ob_fail(err, -w.failed_r, "it cannot be loaded either") : 0;
}

static void forget(void *arg)
{
    (void)arg;
    assert_false(w.connected);
    assert_false(says_leader());
    did("forget");
}

static void health(void *arg, bool leads)
{
    (void)arg;
    assert_int_equal(leads, says_leader());
}

static const char *const follows[] = { OB_TOPIC_EXECUTIONS, NULL };
static ob_lead_config config = {
    .role = "scheduler",
    .probe = &probe,
    .follows = follows,
    .sends = { { OB_TOPIC_PLACEMENTS, NULL } },
    .probe_point = OB_POINT_SCALER_PROBE,
    .probe_every_ms = 1000,
    .messages_a_turn = MESSAGES,
    .retry_ms = 50,
    .load = load,
    .turn = turn,
    .failed = failed,
    .forget = forget,
    .health = health,
};

static int begin(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.now_ms = 1000000;
    w.up = w.probes_return = true;
    w.silent_partition = w.lost_at = -1;
    w.partitions = 3;
    w.try_r = 1;
    w.wait_ms = OB_LEAD_TURN_MS;
    atomic_store(&ob_service_stopping, false);
    config.max_failures = 10;
    lead = ob_lead_new(&config);
    return 0;
}

static int end(void **state)
{
    (void)state;
    ob_lead_free(lead);
    ob_health_stop();
    return 0;
}

/* Runs until 'word' was done 'n' times. Returns the exit code. */
static int run_until(const char *word, int n)
{
    w.stop_at = word;
    w.stop_after = n;
    return ob_lead_run(lead);
}

static void assert_ok(const char *name, bool ok, const char *text)
{
    json_auto_t *said = dependency(name);
    assert_int_equal(ob_json_bool(said, "ok", !ok), ok);
    if (!strstr(ob_json_str(said, "text", ""), text))
        fail_msg("%s: '%s' is not '%s'", name, ob_json_str(said, "text", ""), text);
}

/* ---- Tests ---- */

static void it_takes_over_in_order_and_gives_all_up_when_it_is_to_stop(void **state)
{
    (void)state;
    assert_int_equal(run_until("turn", 2), 0);
    assert_string_equal(w.did, "try topics assign load turn wait turn wait drop forget");
}

static void it_does_not_wait_while_there_is_more(void **state)
{
    (void)state;
    w.wait_ms = 0;
    assert_int_equal(run_until("turn", 3), 0);
    assert_string_equal(w.did, "try topics assign load turn turn turn drop forget");
    (void)end(NULL), (void)begin(NULL);
    w.messages = MESSAGES; /* there may be more of them */
    assert_int_equal(run_until("turn", 3), 0);
    assert_string_equal(w.did, "try topics assign load turn turn turn drop forget");
}

static void a_standby_tries_again_and_again(void **state)
{
    (void)state;
    w.try_r = 0;
    assert_int_equal(run_until("try", 3), 0);
    assert_string_equal(w.did, "try try try");
    assert_ok("postgresql", true, "");
}

static void without_postgresql_it_says_so_and_tries_again(void **state)
{
    (void)state;
    w.try_r = -EIO;
    assert_int_equal(run_until("try", 3), 0);
    assert_string_equal(w.did, "try try try");
    assert_ok("postgresql", false, "PostgreSQL is away");
}

static void without_kafka_it_does_not_compete(void **state)
{
    (void)state;
    w.up = false;
    w.connected = true; /* a standby's connection goes, too */
    assert_int_equal(run_until("drop", 1), 0);
    assert_string_equal(w.did, "drop");
    assert_ok("kafka", false, "");
}

static void a_load_that_fails_gives_the_lock_up_and_tries_again(void **state)
{
    (void)state;
    w.load_r = -EAGAIN;
    assert_int_equal(run_until("load", 2), 0);
    assert_string_equal(w.did,
                        "try topics assign load drop forget try topics assign load drop forget");
    assert_int_equal(w.epoch, 2);
}

static void one_that_is_deposed_while_it_loads_exits(void **state)
{
    (void)state;
    w.load_r = -ESTALE;
    assert_int_equal(run_until("load", 2), OB_LEAD_EXIT_DEPOSED);
    assert_string_equal(w.did, "try topics assign load drop forget");
}

static void it_keeps_the_lock_while_kafka_has_no_positions_and_nobody_else_could_lead(void **state)
{
    (void)state;
    w.topics_r = -ENOENT;
    assert_int_equal(run_until("topics", 60), 0);
    assert_int_equal(count("try"), 1);
    assert_int_equal(count("load"), 0);
    assert_true(w.now_ms > 1000000 + 2 * OB_LEAD_SILENCE_MS);
    assert_string_equal(w.did + strlen(w.did) - strlen(" drop forget"), " drop forget");
}

static void kafka_s_reason_is_shown_while_it_waits(void **state)
{
    (void)state;
    w.topics_r = -ENOENT;
    assert_int_equal(run_until("topics", 5), 0);
    assert_ok("kafka", false, "Kafka: no such topic");
}

static void it_resigns_while_it_waits_for_kafka_if_another_could_lead(void **state)
{
    (void)state;
    w.topics_r = -ENOENT;
    w.standby = true;
    assert_int_equal(run_until("forget", 1), 0);
    assert_true(w.now_ms >= 1000000 + OB_LEAD_SILENCE_MS);
    assert_int_equal(count("try"), 1);
}

static void the_session_may_be_lost_while_it_waits_for_kafka(void **state)
{
    (void)state;
    w.keep_fails = true;
    assert_int_equal(run_until("try", 2), 0);
    assert_int_equal(count("assign"), 0);
    assert_int_equal(count("load"), 0);
    assert_int_equal(count("forget"), 2);
}

static void a_rival_changes_nothing_while_probes_come_back(void **state)
{
    (void)state;
    w.standby = true;
    assert_int_equal(run_until("turn", 100), 0);
    assert_int_equal(count("try"), 1);
    assert_true(w.now_ms > 1000000 + 2 * OB_LEAD_SILENCE_MS);
    assert_ok("kafka", true, "");
}

static void a_leader_that_kafka_is_silent_for_lets_a_rival_try_first(void **state)
{
    (void)state;
    w.standby = true;
    w.silent_partition = 1; /* one is enough */
    assert_int_equal(run_until("forget", 1), 0);
    int64_t silent_ms = w.now_ms - 1000000;
    assert_true(silent_ms >= OB_LEAD_SILENCE_MS && silent_ms < OB_LEAD_SILENCE_MS + 2000);

    (void)end(NULL), (void)begin(NULL);
    w.standby = true;
    w.probes_return = false;
    assert_int_equal(run_until("try", 2), 0);
    assert_true(w.now_ms - 1000000 >= OB_LEAD_SILENCE_MS + 5000); /* it holds off */
}

static void a_leader_that_kafka_is_silent_for_goes_on_without_a_rival(void **state)
{
    (void)state;
    w.probes_return = false;
    assert_int_equal(run_until("turn", 100), 0);
    assert_int_equal(count("try"), 1);
    assert_ok("kafka", false, "the scheduler's probe has not come back for ");
}

static void a_rival_that_cannot_be_asked_about_means_a_lost_session(void **state)
{
    (void)state;
    w.probes_return = false;
    w.standby_r = -EIO;
    assert_int_equal(run_until("load", 2), 0);
    assert_int_equal(w.epoch, 2);
}

static void a_session_that_is_lost_means_to_begin_anew(void **state)
{
    (void)state;
    w.turn_r[1] = -EIO;
    w.lost_at = 1;
    assert_int_equal(run_until("load", 2), 0);
    assert_string_equal(w.did, "try topics assign load turn wait turn forget "
                               "try topics assign load drop forget");
}

static void a_session_may_be_lost_between_turns(void **state)
{
    (void)state;
    w.lost_at = 1; /* the turn did not notice */
    assert_int_equal(run_until("load", 2), 0);
    assert_int_equal(count("turn"), 2);
    assert_int_equal(count("failed"), 0);
}

static void an_unknown_outcome_means_a_lost_session(void **state)
{
    (void)state;
    w.turn_r[0] = -ETIMEDOUT;
    assert_int_equal(run_until("load", 2), 0);
    assert_int_equal(count("failed"), 0);
    assert_int_equal(w.epoch, 2);
}

static void one_that_is_deposed_exits(void **state)
{
    (void)state;
    w.turn_r[1] = -ESTALE;
    assert_int_equal(run_until("try", 2), OB_LEAD_EXIT_DEPOSED);
    assert_string_equal(w.did, "try topics assign load turn wait turn drop forget");
}

static void a_turn_that_fails_is_made_good_and_the_next_one_comes(void **state)
{
    (void)state;
    w.turn_r[1] = -EAGAIN;
    assert_int_equal(run_until("turn", 3), 0);
    assert_string_equal(w.did,
                        "try topics assign load turn wait turn failed wait turn wait drop forget");
    assert_ok("postgresql", true, "");
}

static void turns_that_fail_again_and_again_give_the_lock_up(void **state)
{
    (void)state;
    for (int i = 0; i < 16; i++)
        w.turn_r[i] = -EAGAIN;
    assert_int_equal(run_until("try", 2), 0);
    assert_int_equal(count("failed"), 10);
    assert_ok("postgresql", true, ""); /* the try says so */
}

static void what_cannot_be_made_good_counts_as_another_failure(void **state)
{
    (void)state;
    w.turn_r[0] = w.failed_r = -EAGAIN;
    assert_int_equal(run_until("try", 2), 0);
    assert_int_equal(count("turn"), 1);
    assert_int_equal(count("failed"), 10);
}

static void failures_in_between_do_not_add_up(void **state)
{
    (void)state;
    config.max_failures = 1;
    ob_lead_free(lead);
    lead = ob_lead_new(&config);
    for (int i = 0; i < 14; i += 2)
        w.turn_r[i] = -EAGAIN;
    assert_int_equal(run_until("turn", 14), 0);
    assert_int_equal(count("failed"), 7);
    assert_int_equal(count("try"), 1);
}

static void a_service_may_have_no_limit_of_failures(void **state)
{
    (void)state;
    config.max_failures = 0;
    ob_lead_free(lead);
    lead = ob_lead_new(&config);
    for (int i = 0; i < 16; i++)
        w.turn_r[i] = -EAGAIN;
    assert_int_equal(run_until("turn", 50), 0);
    assert_int_equal(count("failed"), 50);
    assert_int_equal(count("try"), 1);
    assert_ok("postgresql", false, "a deadlock");
}

static void a_stop_while_it_loads_ends_it_before_the_first_turn(void **state)
{
    (void)state;
    assert_int_equal(run_until("load", 1), 0);
    assert_string_equal(w.did, "try topics assign load drop forget");
}

static void partitions_are_counted_again_when_positions_were_lost(void **state)
{
    (void)state;
    assert_int_equal(run_until("turn", 2), 0);
    assert_int_equal(probe.partitions, 3);
    atomic_store(&ob_service_stopping, false);
    w.partitions = 1;
    ob_lead_bus_event(lead, OB_BUS_REASSIGNED);
    assert_int_equal(run_until("turn", 4), 0);
    assert_int_equal(probe.partitions, 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(it_takes_over_in_order_and_gives_all_up_when_it_is_to_stop),
        TEST(it_does_not_wait_while_there_is_more),
        TEST(a_standby_tries_again_and_again),
        TEST(without_postgresql_it_says_so_and_tries_again),
        TEST(without_kafka_it_does_not_compete),
        TEST(a_load_that_fails_gives_the_lock_up_and_tries_again),
        TEST(one_that_is_deposed_while_it_loads_exits),
        TEST(it_keeps_the_lock_while_kafka_has_no_positions_and_nobody_else_could_lead),
        TEST(kafka_s_reason_is_shown_while_it_waits),
        TEST(it_resigns_while_it_waits_for_kafka_if_another_could_lead),
        TEST(the_session_may_be_lost_while_it_waits_for_kafka),
        TEST(a_rival_changes_nothing_while_probes_come_back),
        TEST(a_leader_that_kafka_is_silent_for_lets_a_rival_try_first),
        TEST(a_leader_that_kafka_is_silent_for_goes_on_without_a_rival),
        TEST(a_rival_that_cannot_be_asked_about_means_a_lost_session),
        TEST(a_session_that_is_lost_means_to_begin_anew),
        TEST(a_session_may_be_lost_between_turns),
        TEST(an_unknown_outcome_means_a_lost_session),
        TEST(one_that_is_deposed_exits),
        TEST(a_turn_that_fails_is_made_good_and_the_next_one_comes),
        TEST(turns_that_fail_again_and_again_give_the_lock_up),
        TEST(what_cannot_be_made_good_counts_as_another_failure),
        TEST(failures_in_between_do_not_add_up),
        TEST(a_service_may_have_no_limit_of_failures),
        TEST(a_stop_while_it_loads_ends_it_before_the_first_turn),
        TEST(partitions_are_counted_again_when_positions_were_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
