/* C11's threads over those of POSIX, for builds with ThreadSanitizer: it intercepts pthread_*, but
 * not thrd_*, mtx_* and cnd_*, with which librdkafka makes its threads and keeps its locks. Unseen
 * threads would crash in our callbacks, and unseen locks would make races of what they order. A
 * program that links this uses it in place of the C library's, which has the same types below:
 * there mtx_t is a pthread_mutex_t, too. Owns nothing. Any thread. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
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
