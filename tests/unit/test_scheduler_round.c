/* Rounds with a PostgreSQL: what is kept of a round whose transaction is refused, and what health
 * says of it. */
#include "round_world.h"

#include "health_figures.h"
#include "ob/message.h"
#include "ob/service.h"

#define ROUNDS 40

#define PLACED_WRONG                                                                               \
    "SELECT count(*) FROM placement p JOIN instance i ON i.id = p.instance_id WHERE i.state <> 1"

/* Each time an instance has just begun to drain when the round that places on it is committed. */
static void instances_that_drain_within_rounds_make_nobody_load(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    uint64_t reloads = s.reloads, withdrawn = s.withdrawn;
    for (int i = 0; i < ROUNDS; i++) {
        int drains = add_instance();
        turn();
        for (int n = 0; n < 3; n++)
            (void)submit();
        sql("UPDATE instance SET state = %d WHERE id = 'i-%d'", i % 5 == 0 ? 3 : 2, drains);
        turn();
        assert_int_equal(count(PLACED_WRONG), 0);
        (void)add_instance();
        turn();
        assert_int_equal(count("SELECT count(*) FROM live WHERE state <> 3"), 0);
    }
    assert_int_equal(s.reloads, reloads);
    assert_true(s.withdrawn - withdrawn >= ROUNDS / 2);
    assert_int_equal(count("SELECT count(*) FROM placement"), 3 * ROUNDS);
    assert_int_equal(count("SELECT count(*) FROM job_event WHERE state = 3"), 3 * ROUNDS);
    assert_int_equal(count("SELECT max(run) FROM live"), 1);
}

static void memory_that_differs_from_the_tables_is_loaded_anew(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    uint64_t reloads = s.reloads;
    (void)add_instance();
    ob_uuid id = submit();
    turn();
    sql("DELETE FROM placement WHERE job_id = (SELECT max(job_id::text)::uuid FROM placement)");
    sql("DELETE FROM live WHERE job_id NOT IN (SELECT job_id FROM placement)");
    engine_stop(s.engine, &(ob_job_ref){ .id = id, .index = -1 }, true, "seen");
    turn();
    assert_int_equal(s.reloads, reloads + 1);
}

/* What the scheduler says of a thing it depends on. */
static json_t *said_of(const char *name)
{
    health_post(&s);
    json_auto_t *all = ob_health_object();
    return json_incref(json_object_get(json_object_get(all, "depends"), name));
}

static int64_t figure(const char *name)
{
    json_auto_t *all = ob_health_object();
    return ob_json_int(json_object_get(all, "info"), name, -1);
}

static void assert_said(const char *name, bool ok, bool required, const char *text)
{
    json_auto_t *said = said_of(name);
    assert_int_equal(ob_json_bool(said, "ok", !ok), ok);
    assert_int_equal(ob_json_bool(said, "required", !required), required);
    if (!strstr(ob_json_str(said, "text", ""), text))
        fail_msg("%s: '%s' is not '%s'", name, ob_json_str(said, "text", ""), text);
}

static void health_names_what_is_unwell_and_counts_what_went_wrong(void **state)
{
    (void)state;
    if (!server.pid)
        skip();
    char id[24];
    (void)snprintf(id, sizeof(id), "i-%d", add_instance());
    turn();
    assert_said("instances", true, false, "");
    engine_unwell(s.engine, id, "containerd is away");
    assert_said("instances", false, false, "1 unwell: the container engine of ");
    assert_said("instances", false, false, id);
    assert_said("instances", false, false, "containerd is away");
    assert_int_equal(figure("instancesUnwell"), 1);
    engine_unwell(s.engine, id, NULL);
    assert_said("instances", true, false, "");
    assert_int_equal(figure("instancesUnwell"), 0);

    stuck_ms = 29999;
    assert_said("publisher", true, true, "");
    stuck_ms = 31000;
    assert_said("publisher", false, true, "publishing has made no progress for 31 s");
    stuck_ms = 0;
    assert_int_equal(figure("eventsSkipped"), 3);
    assert_int_equal(figure("withdrawnRounds"), s.withdrawn);
    assert_int_equal(figure("reloads"), s.reloads);
    assert_true(s.withdrawn > 0 && s.reloads > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(instances_that_drain_within_rounds_make_nobody_load),
        cmocka_unit_test(memory_that_differs_from_the_tables_is_loaded_anew),
        cmocka_unit_test(health_names_what_is_unwell_and_counts_what_went_wrong),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
