/* Waiting for a thread or until a time. */
#include "unit.h"

#include "ob/clock.h"
#include "ob/cond.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond;
static bool said;

static void a_wait_ends_with_its_time(void **state)
{
    (void)state;
    int64_t began_ms = ob_mono_ms(), until_ms = began_ms + 120;
    (void)pthread_mutex_lock(&lock);
    assert_false(ob_cond_wait_until(&cond, &lock, began_ms - 5));
    while (ob_cond_wait_until(&cond, &lock, until_ms))
        ;
    (void)pthread_mutex_unlock(&lock);
    assert_true(ob_mono_ms() >= until_ms);
}

static void *say(void *arg)
{
    (void)pthread_mutex_lock(&lock);
    said = true;
    (void)pthread_cond_signal(&cond);
    (void)pthread_mutex_unlock(&lock);
    return arg;
}

static void a_wait_ends_with_a_word(void **state)
{
    (void)state;
    pthread_t thread;
    int64_t until_ms = ob_mono_ms() + 60 * 1000;
    (void)pthread_mutex_lock(&lock);
    assert_int_equal(pthread_create(&thread, NULL, say, NULL), 0);
    while (!said && ob_cond_wait_until(&cond, &lock, until_ms))
        ;
    assert_true(said);
    (void)pthread_mutex_unlock(&lock);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(ob_mono_ms() < until_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_wait_ends_with_its_time),
        cmocka_unit_test(a_wait_ends_with_a_word),
    };
    ob_cond_init(&cond);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
