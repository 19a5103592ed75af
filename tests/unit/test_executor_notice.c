/* The end of an instance: the notice, how it is stored, the metadata service's answers, and the
 * identity of an executor that was started by hand. */
#include "unit.h"

#include <sys/stat.h>
#include <unistd.h>

#include "host/imds.h"
#include "host/notice.h"
#include "join.h"
#include "ob/clock.h"
#include "ob/config.h"
#include "ob/message.h"
#include "ob/seal.h"

typedef struct world {
    char dir[64];
    loop *loop;
    spool *spool;
    notice *notice;
    int told, termed;
    int64_t left_ms;
} world;

static void on_tell(void *arg)
{
    ((world *)arg)->told++;
}

static void on_term(int64_t left_ms, void *arg)
{
    world *w = arg;
    w->termed++;
    w->left_ms = left_ms;
    loop_stop(w->loop);
}

static void begin(world *w)
{
    assert_int_equal(loop_new(&w->loop, NULL), 0);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, NULL), 0);
    w->notice = notice_new(&(notice_config){ .loop = w->loop,
                                             .spool = w->spool,
                                             .term_ms = 50,
                                             .tell = on_tell,
                                             .term = on_term,
                                             .arg = w });
}

static void end(world *w)
{
    notice_free(w->notice);
    assert_int_equal(spool_sync(w->spool, NULL), 0);
    spool_free(w->spool);
    loop_free(w->loop);
}

static int setup(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-notice-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    begin(w);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    static const char *const names[] = { "spool", "lock", "instance", "token" };
    end(w);
    for (int i = 0; i < 4; i++) {
        char path[96];
        (void)snprintf(path, sizeof(path), "%s/%s", w->dir, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(w->dir);
    free(w);
    return 0;
}

static void what_runs_is_ended_ahead_of_the_end(void **state)
{
    world *w = *state;
    assert_int_equal(notice_left_ms(w->notice), -1);
    int64_t began_ms = ob_boot_ms();
    notice_give(w->notice, 120);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    assert_in_range(ob_boot_ms() - began_ms, 60, 1000);
    assert_int_equal(w->termed, 1);
    assert_in_range(w->left_ms, 0, 50);
}

static void only_a_sooner_end_counts_and_each_notice_is_told(void **state)
{
    world *w = *state;
    notice_give(w->notice, 10000);
    notice_give(w->notice, 20000);
    assert_in_range(notice_left_ms(w->notice), 9000, 10000);
    notice_give(w->notice, 500);
    assert_in_range(notice_left_ms(w->notice), 1, 500);
    assert_int_equal(w->told, 3);
}

static void a_restarted_executor_remembers(void **state)
{
    world *w = *state;
    notice_give(w->notice, 60);
    end(w);
    begin(w);
    assert_in_range(notice_left_ms(w->notice), 0, 60);
    assert_int_equal(loop_run(w->loop, NULL), 0);
    assert_int_equal(w->termed, 1);
}

static int64_t parsed(const char *text)
{
    /* 2017-09-18T08:21:00Z */
    return imds_parse(text, strlen(text), 1505722860000, 120000);
}

static void the_metadata_service_is_understood(void **state)
{
    assert_int_equal(parsed("{\"action\": \"terminate\", \"time\": \"2017-09-18T08:22:00Z\"}"),
                     60000);
    assert_int_equal(parsed("{\"action\": \"stop\", \"time\": \"2017-09-18T09:22:00Z\"}"), 120000);
    assert_int_equal(parsed("{\"action\": \"hibernate\", \"time\": \"2017-09-18T08:00:00Z\"}"), 0);
    assert_int_equal(parsed("{\"action\": \"terminate\", \"time\": \"soon\"}"), 120000);
    assert_int_equal(parsed("{}"), -1);
    assert_int_equal(parsed("<html>"), -1);
}

static void key_in(const char *dir, const char *instance, ob_seal *ret)
{
    ob_cleanup(ob_freep) char *file = ob_strf("%s/token", dir);
    ob_cleanup(ob_freep) char *token = NULL;
    assert_int_equal(ob_config_read_secret(file, &token, NULL), 0);
    assert_int_equal(ob_seal_own(ret, instance, token, 1, NULL), 0);
}

static void write_token(const char *dir, const char *token)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/token", dir);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(token, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* The copy that the host joins. */
static void load_copy(const char *dir, ob_seal *ret)
{
    ob_cleanup(ob_freep) char *path = ob_strf("%s/seal.key", dir);
    char secret[65];
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    ob_token_new(secret, 32);
    assert_true(fputs(secret, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(ob_seal_load(ret, path, NULL), 0);
}

static void an_executor_by_hand_is_the_same_until_it_forgets(void **state)
{
    world *w = *state;
    ob_error err = { 0 };
    char first[32];
    char *argv[] = { "openbatch-executor", "--compute-environment", "mine", "--vcpus", "3", NULL };
    char *again[] = { "openbatch-executor", NULL };
    ob_seal copy = { 0 }, own, later;
    char join[OB_SEAL_JOIN_TEXT];
    load_copy(w->dir, &copy);
    ob_seal_join_new(&copy, join);
    (void)setenv("OPENBATCH_JOIN_TOKEN", join, 1);
    (void)setenv("OPENBATCH_INSTANCE_DIR", w->dir, 1);
    (void)setenv("OPENBATCH_RUN_DIR", w->dir, 1);
    assert_int_equal(join_prepare(5, argv, &err), 1);
    assert_string_equal(getenv("OPENBATCH_CE_NAME"), "mine");
    assert_string_equal(getenv("OPENBATCH_JOIN_VCPUS"), "3");
    (void)snprintf(first, sizeof(first), "%s", getenv("OPENBATCH_INSTANCE_ID"));
    assert_int_equal(strlen(first), 19);
    key_in(w->dir, first, &own);
    assert_int_equal(join_prepare(1, again, &err), 1);
    assert_string_equal(getenv("OPENBATCH_INSTANCE_ID"), first);
    key_in(w->dir, first, &later);
    assert_string_equal(later.self.salt, own.self.salt);
    assert_memory_equal(later.key, own.key, sizeof(own.key));
    /* It had joined with an earlier version, whose tokens have no key. */
    write_token(w->dir, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    assert_int_equal(join_prepare(1, again, &err), 1);
    key_in(w->dir, first, &later);
    assert_string_equal(later.former,
                        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    assert_string_not_equal(later.self.salt, own.self.salt);
    join_forget(w->dir);
    assert_int_equal(join_prepare(1, again, &err), 1);
    assert_string_not_equal(getenv("OPENBATCH_INSTANCE_ID"), first);

    /* With another join token it is another instance, unless the copy has accepted it: the first
     * token may have been a wrong one. */
    (void)snprintf(first, sizeof(first), "%s", getenv("OPENBATCH_INSTANCE_ID"));
    spool_free(w->spool); /* no executor of the instance runs */
    ob_seal_join_new(&copy, join);
    (void)setenv("OPENBATCH_JOIN_TOKEN", join, 1);
    assert_int_equal(join_prepare(1, again, &err), 1);
    assert_string_not_equal(getenv("OPENBATCH_INSTANCE_ID"), first);
    (void)snprintf(first, sizeof(first), "%s", getenv("OPENBATCH_INSTANCE_ID"));
    key_in(w->dir, first, &own);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, &err), 0);
    join_accept(w->spool, first);
    assert_int_equal(spool_sync(w->spool, &err), 0);
    spool_free(w->spool);
    ob_seal_join_new(&copy, join);
    (void)setenv("OPENBATCH_JOIN_TOKEN", join, 1);
    assert_int_equal(join_prepare(1, again, &err), 1);
    assert_string_equal(getenv("OPENBATCH_INSTANCE_ID"), first);
    key_in(w->dir, first, &later);
    assert_memory_equal(later.key, own.key, sizeof(own.key));

    /* A join token of an earlier version makes no new instance, and ends none that there is. */
    join[80] = '\0';
    (void)setenv("OPENBATCH_JOIN_TOKEN", join, 1);
    assert_int_equal(join_prepare(1, again, &err), 1);
    assert_string_equal(getenv("OPENBATCH_INSTANCE_ID"), first);
    join_forget(w->dir);
    assert_int_equal(join_prepare(1, again, &err), -EINVAL);
    assert_non_null(strstr(err.text, "run ./openbatch join again"));
    ob_seal_join_new(&copy, join);
    (void)setenv("OPENBATCH_JOIN_TOKEN", join, 1);
    ob_seal_done(&copy);
    assert_int_equal(spool_open(w->dir, 0, &w->spool, &err), 0);

    char *no_value[] = { "openbatch-executor", "--memory", NULL };
    assert_int_equal(join_prepare(2, no_value, &err), -EINVAL);
    (void)setenv("OPENBATCH_CE_NAME", "../up", 1);
    assert_int_equal(join_prepare(1, again, &err), -EINVAL);
    (void)setenv("OPENBATCH_CE_NAME", "..", 1);
    assert_int_equal(join_prepare(1, again, &err), -EINVAL);

    json_auto_t *offer = join_offer(3, 0, 1);
    assert_int_equal(ob_json_int(offer, "mcpu", 0), 3000);
    assert_true(ob_json_int(offer, "mem", 0) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_runs_is_ended_ahead_of_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(only_a_sooner_end_counts_and_each_notice_is_told, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_restarted_executor_remembers, setup, teardown),
        cmocka_unit_test(the_metadata_service_is_understood),
        cmocka_unit_test_setup_teardown(an_executor_by_hand_is_the_same_until_it_forgets, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
