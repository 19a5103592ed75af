/* The simulated PostgreSQL does what the real one does: statements that random parameters hardly
 * ever fit (test_pg_random.c). */
#include "pairs.h"

static void add_reason(ob_params *p, bool whole)
{
    ob_param_int64_array(p, &(int64_t){ 1 }, 1);
    for (int i = 0; i < 3; i++)
        ob_param_int32_array(p, &(int32_t){ i }, 1);
    ob_param_text_array(p, &(const char *){ "share" }, 1);
    ob_param_int32_array(p, &(int32_t){ 5 }, 1);
    if (!whole)
        return;
    ob_param_text_array(p, &(const char *){ "reason" }, 1);
    ob_param_int64_array(p, &(int64_t){ 7 }, 1);
}

static void a_reason_is_deleted_by_its_key(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    pair *p = &connections[0].pair;
    ob_cleanup(ob_params_done) ob_params put = { 0 };
    ob_cleanup(ob_params_done) ob_params key = { 0 };
    add_reason(&put, true);
    add_reason(&key, false);
    const declared *d = declared_find(scheduler_declarations, "reason_put");
    assert_int_equal(pair_exec(p, d, NULL, &put), 1);
    compare_tables(api);
    d = declared_find(scheduler_declarations, "reason_delete");
    assert_int_equal(pair_exec(p, d, NULL, &key), 1);
    compare_tables(api);
}

/* Two jobs of a queue: they have ended in the same state. */
static void end_on_both(void)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    static const int32_t none[2] = { 0 }, whole[] = { -1, -1 };
    static const int32_t states[] = { OB_JOB_FAILED, OB_JOB_FAILED };
    static const int64_t queues[] = { 1, 1 }, times[] = { 5, 6 };
    static const char *const texts[] = { NULL, "" }, *counts[] = { NULL, "{0,0,0,0,0,1,1}" };
    ob_uuid ids[2];
    for (int i = 0; i < 2; i++)
        memset(ids[i].b, i + 1, sizeof(ids[i].b));
    ob_param_uuid_array(&p, ids, 2);
    ob_param_int32_array(&p, whole, 2);
    ob_param_int64_array(&p, queues, 2);
    ob_param_int32_array(&p, states, 2);
    ob_param_text_array(&p, texts, 2);
    ob_param_int64_array(&p, times, 2);
    ob_param_int64_array(&p, times, 2);
    ob_param_int32_array(&p, none, 2);
    ob_param_int32_array(&p, states, 2);
    ob_param_text_array(&p, texts, 2);
    ob_param_text_array(&p, counts, 2);
    const declared *d = declared_find(scheduler_declarations, "done_insert");
    assert_int_equal(pair_exec(&connections[0].pair, d, NULL, &p), 2);
}

static void jobs_that_have_ended_come_in_pages(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    end_on_both();
    const declared *d = declared_find(scheduler_declarations, "ended_page");
    for (int after = 0; after < 3; after++)
        for (int queue = 1; queue <= 2; queue++)
            for (int ends = OB_JOB_SUCCEEDED; ends <= OB_JOB_FAILED; ends++) {
                ob_cleanup(ob_params_done) ob_params p = { 0 };
                ob_uuid id;
                memset(id.b, after, sizeof(id.b));
                ob_param_int(&p, queue);
                ob_param_int(&p, ends);
                ob_param_uuid(&p, &id);
                ob_param_int(&p, 5);
                assert_int_equal(pair_exec(&connections[0].pair, d, NULL, &p),
                                 queue == 1 && ends == OB_JOB_FAILED ? 2 - after : 0);
            }
}

/* Instance i-1, of an environment with a join token. */
static void join_on_both(void)
{
    assert_int_equal(real_side.sql(api,
                                   "INSERT INTO compute_environment (account, region, name, uuid,"
                                   " type, enabled, resource_type, min_vcpus, max_vcpus, body)"
                                   " VALUES ('a', 'a', 'c', gen_random_uuid(), 'UNMANAGED', true,"
                                   " 'EC2', 0, 0, '');"
                                   "INSERT INTO join_token (hash, ce_id) VALUES ('hash', 1)",
                                   NULL, NULL, NULL),
                     0);
    pg_compute_environment c = { .account = "a",
                                 .region = "a",
                                 .name = "c",
                                 .uuid = ob_uuid_new(),
                                 .type = "UNMANAGED",
                                 .resource_type = "EC2",
                                 .body = "",
                                 .enabled = true };
    assert_int_equal(sim_pg_put_environment(&c), 1);
    assert_int_equal(sim_pg_join_token(1, "hash"), 0);
    ob_cleanup(ob_params_done) ob_params joins = { 0 };
    ob_param_text(&joins, "i-1");
    ob_param_text(&joins, "unmanaged");
    for (int i = 0; i < 3; i++)
        ob_param_int(&joins, i);
    ob_param_text(&joins, "secret");
    ob_param_text(&joins, "hash");
    ob_param_text(&joins, "c");
    const declared *d = declared_find(scaler_declarations, "instance_join");
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &joins), 1);
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &joins), 0);
}

static void a_host_joins_with_a_token(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    join_on_both();
}

static void add_run(ob_params *p, int32_t index)
{
    ob_uuid id;
    memset(id.b, 1, sizeof(id.b));
    ob_param_uuid_array(p, &id, 1);
    ob_param_int32_array(p, &index, 1);
    ob_param_int32_array(p, &(int32_t){ 3 }, 1);
    ob_param_text_array(p, &(const char *){ "i-1" }, 1);
}

#define DETAIL "{\"container\":{\"logConfiguration\":{\"logDriver\":\"awslogs\"}}}"

static void submit_on_both(void)
{
    assert_int_equal(real_side.sql(api,
                                   "INSERT INTO job (id, account, region, queue_id, definition,"
                                   " name, mcpu, mem_mib, created_at_ms, detail) VALUES"
                                   " ('01010101-0101-0101-0101-010101010101', 'a', 'a', 1, 'd',"
                                   " '', 0, 0, 0, '" DETAIL "')",
                                   NULL, NULL, NULL),
                     0);
    const pg_job_queue q = {
        .account = "a", .region = "a", .name = "q", .enabled = true, .ce_ids = "{}", .body = ""
    };
    assert_int_equal(sim_pg_put_queue(&q), 1);
    pg_job j = { .account = "a",
                 .region = "a",
                 .queue_id = 1,
                 .definition = "d",
                 .name = "",
                 .detail = DETAIL };
    memset(j.id.b, 1, sizeof(j.id.b));
    assert_int_equal(sim_pg_submit(&j, NULL, 1, NULL), 0);
}

static void place_on_both(void)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_uuid id;
    memset(id.b, 1, sizeof(id.b));
    ob_param_text_array(&p, &(const char *){ "i-1" }, 1);
    ob_param_uuid_array(&p, &id, 1);
    ob_param_int32_array(&p, &(int32_t){ 0 }, 1);
    ob_param_int32_array(&p, &(int32_t){ 3 }, 1);
    ob_param_int64_array(&p, &(int64_t){ 1000 }, 1);
    const declared *d = declared_find(scheduler_declarations, "placement_insert");
    assert_int_equal(pair_exec(&connections[0].pair, d, NULL, &p), 1);
}

static void output_is_of_a_run_that_is_on_its_instance(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    submit_on_both();
    place_on_both();
    for (int32_t index = 0; index < 2; index++) {
        ob_cleanup(ob_params_done) ob_params p = { 0 };
        add_run(&p, index);
        assert_int_equal(
            pair_exec(&connections[3].pair, declared_find(intake, "log_runs"), NULL, &p),
            index == 0);
    }
}

static void add_stream(ob_params *p, const char *name)
{
    static const char *const account = "1", *const region = "r", *const group = "g";
    ob_param_text_array(p, &account, 1);
    ob_param_text_array(p, &region, 1);
    ob_param_text_array(p, &group, 1);
    ob_param_text_array(p, &name, 1);
}

static void a_log_stream_is_found_by_its_name(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    ob_cleanup(ob_params_done) ob_params made = { 0 }, own = { 0 }, other = { 0 };
    static const char *const job = "01900000-0000-7000-8000-000000000001";
    add_stream(&made, "s");
    ob_param_text_array(&made, &job, 1);
    ob_param_int32_array(&made, &(int32_t){ -1 }, 1);
    ob_param_int(&made, 1000);
    add_stream(&own, "s");
    add_stream(&other, "other");
    const declared *make = declared_find(intake, "log_make_streams");
    const declared *find = declared_find(intake, "log_open");
    assert_int_equal(pair_exec(&connections[3].pair, make, NULL, &made), 1);
    assert_int_equal(pair_exec(&connections[3].pair, make, NULL, &made), 0);
    assert_int_equal(pair_exec(&connections[3].pair, find, NULL, &own), 1);
    assert_int_equal(pair_exec(&connections[3].pair, find, NULL, &other), 0);
}

static void drain_on_both(void)
{
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, &(const char *){ "i-1" }, 1);
    ob_param_int(&p, OB_INSTANCE_DRAINING);
    ob_param_text(&p, "the end");
    ob_param_int(&p, 1 << OB_INSTANCE_LAUNCHING);
    ob_param_int(&p, 0); /* its deadline is now */
    const declared *d = declared_find(scaler_declarations, "instance_advance");
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &p), 1);
}

static void an_instance_with_a_run_is_overdue(void **state)
{
    (void)state;
    if (!api)
        skip();
    open_all();
    join_on_both();
    submit_on_both();
    place_on_both();
    drain_on_both();
    ob_cleanup(ob_params_done) ob_params p = { 0 };
    ob_param_text_array(&p, &(const char *){ "i-1" }, 1);
    const declared *d = declared_find(scaler_declarations, "instances_overdue");
    assert_int_equal(pair_exec(&connections[2].pair, d, NULL, &p), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_reason_is_deleted_by_its_key, close_all),
        cmocka_unit_test_teardown(jobs_that_have_ended_come_in_pages, close_all),
        cmocka_unit_test_teardown(a_host_joins_with_a_token, close_all),
        cmocka_unit_test_teardown(output_is_of_a_run_that_is_on_its_instance, close_all),
        cmocka_unit_test_teardown(a_log_stream_is_found_by_its_name, close_all),
        cmocka_unit_test_teardown(an_instance_with_a_run_is_overdue, close_all),
    };
    return cmocka_run_group_tests(tests, start, end);
}
