/* Turns of heavy reads: how many of one key run at a time, which is next, which waits in vain. */
#include "unit.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#include "http/heavy_reads.h"
#include "ob/clock.h"

static void take(turns *t, const char *key)
{
    assert_int_equal(turns_take(t, key, NULL), 0);
}

static void keys_do_not_take_each_others_turns(void **state)
{
    (void)state;
    turns *t = turns_new(2, 0);
    ob_error err = { 0 };
    take(t, "a");
    take(t, "a");
    take(t, "b");
    assert_int_equal(turns_take(t, "a", &err), -EBUSY);
    take(t, "b");
    assert_int_equal(turns_take(t, "b", &err), -EBUSY);
    turns_give(t, "a");
    take(t, "a");
    for (int i = 0; i < 2; i++) {
        turns_give(t, "a");
        turns_give(t, "b");
    }
    turns_free(t);
}

typedef struct reader {
    turns *t;
    int result;
    atomic_int *done;
    int nth;
} reader;

static void *read_once(void *arg)
{
    reader *r = arg;
    r->result = turns_take(r->t, "k", NULL);
    r->nth = atomic_fetch_add(r->done, 1);
    if (r->result == 0)
        turns_give(r->t, "k");
    return NULL;
}

/* How long it takes until all who waited for a turn have had it. */
static int64_t pass_on(void)
{
    enum { N = 8 };
    turns *t = turns_new(1, N);
    atomic_int done = 0;
    pthread_t threads[N];
    reader readers[N];
    take(t, "k");
    for (int i = 0; i < N; i++) {
        readers[i] = (reader){ .t = t, .done = &done };
        assert_int_equal(pthread_create(&threads[i], NULL, read_once, &readers[i]), 0);
    }
    assert_int_equal(atomic_load(&done), 0);
    int64_t given_ms = ob_mono_ms();
    turns_give(t, "k");
    for (int i = 0; i < N; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(readers[i].result, 0);
    }
    int64_t took_ms = ob_mono_ms() - given_ms;
    take(t, "k"); /* all gave theirs back */
    turns_give(t, "k");
    turns_free(t);
    return took_ms;
}

/* At once, on a host that is not too busy for that. */
static void who_waits_gets_the_turn_that_is_given(void **state)
{
    (void)state;
    int64_t took_ms = pass_on();
    for (int i = 0; i < 4 && took_ms >= 1000; i++)
        took_ms = pass_on();
    assert_true(took_ms < 1000);
}

/* How long it takes to refuse one when as many wait as may. */
static int64_t refuse_one(void)
{
    turns *t = turns_new(1, 1);
    atomic_int done = 0;
    reader r = { .t = t, .done = &done };
    pthread_t thread;
    take(t, "k");
    assert_int_equal(pthread_create(&thread, NULL, read_once, &r), 0);
    const struct timespec nap = { .tv_nsec = 100000000 };
    (void)nanosleep(&nap, NULL); /* until he waits */
    int64_t began_ms = ob_mono_ms();
    assert_int_equal(turns_take(t, "k", NULL), -EBUSY);
    int64_t took_ms = ob_mono_ms() - began_ms;
    turns_give(t, "k");
    assert_int_equal(pthread_join(thread, NULL), 0);
    turns_free(t);
    return took_ms;
}

static void no_more_wait_than_may(void **state)
{
    (void)state;
    int64_t took_ms = refuse_one();
    for (int i = 0; i < 4 && took_ms >= 1000; i++)
        took_ms = refuse_one();
    assert_true(took_ms < 1000);
}

static void who_waits_in_vain_is_told_so(void **state)
{
    (void)state;
    turns *t = turns_new(1, 1);
    atomic_int done = 0;
    reader r = { .t = t, .done = &done };
    take(t, "k");
    int64_t began_ms = ob_mono_ms();
    (void)read_once(&r);
    assert_int_equal(r.result, -EBUSY);
    assert_true(ob_mono_ms() - began_ms >= 1900);
    turns_give(t, "k");
    take(t, "k");
    turns_give(t, "k");
    turns_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_do_not_take_each_others_turns),
        cmocka_unit_test(who_waits_gets_the_turn_that_is_given),
        cmocka_unit_test(no_more_wait_than_may),
        cmocka_unit_test(who_waits_in_vain_is_told_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
