/* See lead_world.h. */
#include "lead_world.h"

#include "ob/clock.h"
#include "ob/message.h"
#include "ob/topics.h"

#define TURN_WORK_MS 100

struct lead_world w;
ob_probe probe;
ob_lead *lead;

/* ---- What it did ---- */

static const char *const words[] = { "try",  "drop", "topics", "assign",
                                     "load", "turn", "failed", "forget" };

int count(const char *word)
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
ob_lead_config config = {
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

int begin(void **state)
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

int end(void **state)
{
    (void)state;
    ob_lead_free(lead);
    ob_health_stop();
    return 0;
}

int run_until(const char *word, int n)
{
    w.stop_at = word;
    w.stop_after = n;
    return ob_lead_run(lead);
}

void assert_ok(const char *name, bool ok, const char *text)
{
    json_auto_t *said = dependency(name);
    assert_int_equal(ob_json_bool(said, "ok", !ok), ok);
    if (!strstr(ob_json_str(said, "text", ""), text))
        fail_msg("%s: '%s' is not '%s'", name, ob_json_str(said, "text", ""), text);
}
