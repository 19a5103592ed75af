/* C11's threads over those of POSIX, for builds with ThreadSanitizer: it intercepts pthread_*, but
 * not thrd_*, mtx_* and cnd_*, with which librdkafka makes its threads and keeps its locks. Unseen
 * threads would crash in our callbacks, and unseen locks would make races of what they order. A
 * program that links this uses it in place of the C library's, which has the same types below:
 * there mtx_t is a pthread_mutex_t, too. Owns nothing. Any thread.
 *
 * librdkafka's read-write locks are those of POSIX, but what it calls itself is left out
 * (suppressions.txt), so they pass through here as well. It destroys a lock after the last
 * reference to it, which it counts by unseen atomic operations: here such a lock is taken once
 * more before that, so that its end comes after all who have held it. */
#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mutex is one of POSIX");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a condition is one of POSIX");
static_assert(sizeof(once_flag) == sizeof(pthread_once_t), "a flag is one of POSIX");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thread is one of POSIX");

static pthread_mutex_t *mutex(mtx_t *mtx)
{
    return (pthread_mutex_t *)mtx;
}

static pthread_cond_t *condition(cnd_t *cnd)
{
    return (pthread_cond_t *)cnd;
}

static int answer(int error)
{
    switch (error) {
    case 0:
        return thrd_success;
    case ENOMEM:
        return thrd_nomem;
    case ETIMEDOUT:
        return thrd_timedout;
    case EBUSY:
        return thrd_busy;
    default:
        return thrd_error;
    }
}

typedef struct start {
    thrd_start_t run;
    void *arg;
} start;

static void *run(void *arg)
{
    start s = *(start *)arg;
    free(arg);
    return (void *)(intptr_t)s.run(s.arg);
}

int thrd_create(thrd_t *ret, thrd_start_t fn, void *arg)
{
    start *s = malloc(sizeof(*s));
    if (!s)
        return thrd_nomem;
    *s = (start){ .run = fn, .arg = arg };
    int e = pthread_create(ret, NULL, run, s);
    if (e != 0)
        free(s);
    return answer(e);
}

thrd_t thrd_current(void)
{
    return pthread_self();
}

int thrd_detach(thrd_t thread)
{
    return answer(pthread_detach(thread));
}

int thrd_join(thrd_t thread, int *ret)
{
    void *result = NULL;
    int e = pthread_join(thread, &result);
    if (e == 0 && ret)
        *ret = (int)(intptr_t)result;
    return answer(e);
}

void call_once(once_flag *flag, void (*fn)(void))
{
    (void)pthread_once((pthread_once_t *)flag, fn);
}

int mtx_init(mtx_t *mtx, int type)
{
    pthread_mutexattr_t attr;
    (void)pthread_mutexattr_init(&attr);
    (void)pthread_mutexattr_settype(&attr, (type & mtx_recursive) ? PTHREAD_MUTEX_RECURSIVE
                                                                  : PTHREAD_MUTEX_NORMAL);
    int e = pthread_mutex_init(mutex(mtx), &attr);
    (void)pthread_mutexattr_destroy(&attr);
    return answer(e);
}

int mtx_lock(mtx_t *mtx)
{
    return answer(pthread_mutex_lock(mutex(mtx)));
}

int mtx_trylock(mtx_t *mtx)
{
    return answer(pthread_mutex_trylock(mutex(mtx)));
}

int mtx_unlock(mtx_t *mtx)
{
    return answer(pthread_mutex_unlock(mutex(mtx)));
}

void mtx_destroy(mtx_t *mtx)
{
    (void)mtx_lock(mtx);
    (void)mtx_unlock(mtx);
    (void)pthread_mutex_destroy(mutex(mtx));
}

int cnd_init(cnd_t *cnd)
{
    return answer(pthread_cond_init(condition(cnd), NULL));
}

int cnd_signal(cnd_t *cnd)
{
    return answer(pthread_cond_signal(condition(cnd)));
}

int cnd_broadcast(cnd_t *cnd)
{
    return answer(pthread_cond_broadcast(condition(cnd)));
}

int cnd_wait(cnd_t *cnd, mtx_t *mtx)
{
    return answer(pthread_cond_wait(condition(cnd), mutex(mtx)));
}

int cnd_timedwait(cnd_t *cnd, mtx_t *mtx, const struct timespec *until)
{
    return answer(pthread_cond_timedwait(condition(cnd), mutex(mtx), until));
}

void cnd_destroy(cnd_t *cnd)
{
    (void)pthread_cond_destroy(condition(cnd));
}

/* ---- read-write locks ------------------------------------------------------------------------ */

/* ThreadSanitizer's own functions, under the names that stay theirs. */
int __interceptor_pthread_rwlock_init(pthread_rwlock_t *lock, const pthread_rwlockattr_t *attr);
int __interceptor_pthread_rwlock_rdlock(pthread_rwlock_t *lock);
int __interceptor_pthread_rwlock_wrlock(pthread_rwlock_t *lock);
int __interceptor_pthread_rwlock_unlock(pthread_rwlock_t *lock);
int __interceptor_pthread_rwlock_destroy(pthread_rwlock_t *lock);

static bool is_in_librdkafka(const void *code)
{
    Dl_info where;
    return dladdr(code, &where) && where.dli_fname && strstr(where.dli_fname, "/librdkafka.so");
}

int pthread_rwlock_init(pthread_rwlock_t *restrict lock, const pthread_rwlockattr_t *restrict attr)
{
    return __interceptor_pthread_rwlock_init(lock, attr);
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock)
{
    return __interceptor_pthread_rwlock_rdlock(lock);
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock)
{
    return __interceptor_pthread_rwlock_wrlock(lock);
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock)
{
    return __interceptor_pthread_rwlock_unlock(lock);
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock)
{
    if (is_in_librdkafka(__builtin_return_address(0))) {
        (void)pthread_rwlock_wrlock(lock);
        (void)pthread_rwlock_unlock(lock);
    }
    return __interceptor_pthread_rwlock_destroy(lock);
}
