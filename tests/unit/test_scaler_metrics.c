/* What the scaler counts of environments and instances, and what it believes of executors. */
#include "unit.h"

#include "environment_metrics.h"
#include "ob/clock.h"
#include "ob/json.h"
#include "scaler_metrics.h"

static scaler s;
static env *e;
static instance *in;

static env *add_env(int64_t id, const char *name)
{
    env *added = ob_calloc(1, sizeof(*added));
    added->id = id;
    added->name = ob_strdup(name);
    added->managed = true;
    added->max_vcpus = 16;
    HASH_ADD(hh, s.envs, id, sizeof(added->id), added);
    return added;
}

static void drop_env(env *gone)
{
    HASH_DEL(s.envs, gone);
    free(gone->shapes);
    free(gone->name);
    free(gone);
}

static int begin(void **state)
{
    static char local[] = "local";
    ob_metrics_register(scaler_metrics, SCALER_METRIC_COUNT);
    s.config.provider = local;
    e = add_env(1, "hosts");
    in = ob_calloc(1, sizeof(*in));
    (void)snprintf(in->id, sizeof(in->id), "i-1");
    in->ce_id = 1;
    instance_set_type(in, "m5.large");
    in->nominal = (ob_resources){ .mcpu = 2000, .mem_mib = 8192 };
    in->used = (ob_resources){ .mcpu = 500 };
    in->state = OB_INSTANCE_LAUNCHING;
    in->since_ms = ob_mono_ms() - 90000;
    HASH_ADD_STR(s.instances, id, in);
    return 0;
}

static int end(void **state)
{
    if (in) {
        HASH_DEL(s.instances, in);
        free(in->type);
        free(in);
    }
    in = NULL;
    while (s.envs)
        drop_env(s.envs);
    environment_metrics_forget();
    ob_metrics_stop();
    return 0;
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

static void environments_and_instances_are_set_as_a_whole(void **state)
{
    e->shapes = ob_calloc(2, sizeof(*e->shapes));
    e->shapes[0] = (decide_shape){ .need = { .mcpu = 1500 }, .count = 3 };
    e->n_shapes = 1;
    for (int i = 0; i < 3; i++)
        environment_metrics_post(&s);
    assert_shows("openbatch_instances{compute_environment=\"hosts\",state=\"LAUNCHING\","
                 "instance_type=\"m5.large\"} 1",
                 true);
    assert_shows("openbatch_environment_vcpus{compute_environment=\"hosts\",kind=\"max\"} 16",
                 true);
    assert_shows(
        "openbatch_environment_vcpus{compute_environment=\"hosts\",kind=\"provisioned\"} 2", true);
    assert_shows("openbatch_environment_vcpus{compute_environment=\"hosts\",kind=\"used\"} 0.5",
                 true);
    assert_shows("openbatch_environment_demand_vcpus{compute_environment=\"hosts\"} 4.5", true);
    assert_shows(
        "openbatch_environment_lacking{compute_environment=\"hosts\",reason=\"invalid\"} 0", true);
    ob_buf out = { 0 };
    ob_metrics_show(OB_PAGE_METRICS, &out);
    assert_non_null(strstr(
        out.at, "\nopenbatch_environment_oldest_launch_seconds{compute_environment=\"hosts\"} 90"));
    ob_buf_done(&out);
}

static void moves_are_counted_by_what_they_were(void **state)
{
    int64_t now_ms = in->since_ms + 1500;
    environment_metrics_move(&s, in, OB_INSTANCE_ACTIVE, now_ms);
    assert_shows("openbatch_instance_launches_total{compute_environment=\"hosts\","
                 "result=\"active\"} 1",
                 true);
    assert_shows("openbatch_instance_launch_seconds_sum{compute_environment=\"hosts\"} 1.5", true);
    environment_metrics_move(&s, in, OB_INSTANCE_TERMINATED, now_ms);
    in->end_code = environment_metrics_refused(&s, -ENOSPC);
    environment_metrics_move(&s, in, OB_INSTANCE_TERMINATED, now_ms);
    (void)environment_metrics_refused(&s, -EIO);
    assert_shows("openbatch_instance_launches_total{compute_environment=\"hosts\","
                 "result=\"cancelled\"} 1",
                 true);
    assert_shows("openbatch_instance_launches_total{compute_environment=\"hosts\","
                 "result=\"no_capacity\"} 1",
                 true);
    assert_shows("openbatch_provider_errors_total{provider=\"local\",reason=\"no_capacity\"} 1",
                 true);
    assert_shows("openbatch_provider_errors_total{provider=\"local\",reason=\"failed\"} 1", true);
    in->state = OB_INSTANCE_ACTIVE;
    in->end_code = "silent";
    environment_metrics_move(&s, in, OB_INSTANCE_LOST, now_ms);
    in->state = OB_INSTANCE_LOST; /* its end was counted */
    environment_metrics_move(&s, in, OB_INSTANCE_TERMINATED, now_ms);
    in->state = OB_INSTANCE_DRAINING;
    environment_metrics_move(&s, in, OB_INSTANCE_TERMINATED, now_ms);
    assert_shows("openbatch_instance_ends_total{compute_environment=\"hosts\",reason=\"silent\"} 1",
                 true);
    assert_shows(
        "openbatch_instance_ends_total{compute_environment=\"hosts\",reason=\"drained\"} 1", true);
}

static void the_series_of_an_environment_go_with_it(void **state)
{
    env *other = add_env(2, "more");
    environment_metrics_move(&s, in, OB_INSTANCE_ACTIVE, in->since_ms + 1);
    in->ce_id = 2;
    environment_metrics_move(&s, in, OB_INSTANCE_ACTIVE, in->since_ms + 1);
    environment_metrics_post(&s);
    drop_env(other);
    environment_metrics_post(&s);
    ob_buf out = { 0 };
    ob_metrics_show(OB_PAGE_METRICS, &out);
    assert_null(strstr(out.at, "\"more\""));
    assert_non_null(
        strstr(out.at, "openbatch_instance_launches_total{compute_environment=\"hosts\""));
    ob_buf_done(&out);
    environment_metrics_forget();
    ob_metrics_show(OB_PAGE_METRICS, &out);
    assert_null(strstr(out.at, "\"hosts\""));
    ob_buf_done(&out);
}

/* ---- executors ------------------------------------------------------------------------------- */

static void hear(const char *text)
{
    json_auto_t *heartbeat = ob_json_read_text(text);
    assert_non_null(heartbeat);
    environment_metrics_heard(&s, in, heartbeat);
    environment_metrics_post(&s);
}

#define STARTS "openbatch_executor_starts_total{compute_environment=\"hosts\"} "
#define RUNNING "openbatch_executor_runs{compute_environment=\"hosts\",state=\"running\"} "

static void sums_of_executors_grow_and_begin_again(void **state)
{
    in->state = OB_INSTANCE_ACTIVE;
    in->figures.known = true;
    hear("{\"figures\": {\"starting\": 1, \"running\": 2, \"starts\": 5, \"startMs\": 1500, "
         "\"pulls\": 1, \"failedPulls\": 1, \"pullMs\": 4000}}");
    assert_shows(STARTS "5", true);
    assert_shows(RUNNING "2", true);
    assert_shows("openbatch_executor_start_seconds_total{compute_environment=\"hosts\"} 1.5", true);
    assert_shows("openbatch_executor_image_pulls_total{compute_environment=\"hosts\","
                 "result=\"failed\"} 1",
                 true);
    assert_shows("openbatch_executor_image_pull_seconds_total{compute_environment=\"hosts\"} 4",
                 true);
    assert_shows("openbatch_executor_engines{compute_environment=\"hosts\",state=\"works\"} 1",
                 true);
    hear("{\"figures\": {\"running\": 1, \"starts\": 7}, \"unwell\": \"containerd is away\"}");
    assert_shows(STARTS "7", true);
    assert_shows(RUNNING "1", true);
    assert_shows("openbatch_executor_engines{compute_environment=\"hosts\",state=\"unwell\"} 1",
                 true);
    hear("{\"figures\": {\"starts\": 2}}"); /* it was restarted */
    assert_shows(STARTS "9", true);
    hear("{}"); /* of an earlier version */
    assert_shows(STARTS "9", true);
}

static void what_was_there_before_this_leader_does_not_count(void **state)
{
    hear("{\"figures\": {\"starts\": 500}}");
    assert_shows(STARTS "500", false);
    hear("{\"figures\": {\"starts\": 501}}");
    assert_shows(STARTS "1", true);
}

static void figures_that_no_host_can_have_do_not_count(void **state)
{
    in->figures.known = true;
    hear("{\"figures\": {\"starts\": 9223372036854775807, \"running\": -5}}");
    hear("{\"figures\": {\"starts\": 1000000001, \"running\": 1e300}}");
    hear("{\"figures\": {\"starts\": \"many\", \"running\": [1]}}");
    hear("{\"figures\": [1, 2]}");
    hear("{\"figures\": {\"starts\": 3}}");
    assert_shows(STARTS "3", true);
    assert_shows(RUNNING "0", true);
}

#define METRICS_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        METRICS_TEST(environments_and_instances_are_set_as_a_whole),
        METRICS_TEST(moves_are_counted_by_what_they_were),
        METRICS_TEST(the_series_of_an_environment_go_with_it),
        METRICS_TEST(sums_of_executors_grow_and_begin_again),
        METRICS_TEST(what_was_there_before_this_leader_does_not_count),
        METRICS_TEST(figures_that_no_host_can_have_do_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
