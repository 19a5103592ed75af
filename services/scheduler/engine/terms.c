/* Terms of jobs: retry strategy, timeout and kind, stored once for all jobs that have the same. A
 * job has their number; 0 is one attempt, no timeout, no kind. Children have their parent's. */
#include "terms.h"

#include <assert.h>
#include <stdio.h>

#include "arena.h"

#define ATTEMPTS_MAX 10               /* AWS: retryStrategy.attempts; job.ended counts to 15 */
#define TERMS_MAX ((uint32_t)1 << 24) /* bits of job.terms */

static terms plain = { .attempts = 1 };

const terms *terms_of(const engine *e, const job *j)
{
    return j->terms ? e->terms[j->terms] : &plain;
}

static uint32_t number(engine *e)
{
    for (; e->terms_unused < e->n_terms; e->terms_unused++)
        if (e->terms_unused > 0 && !e->terms[e->terms_unused])
            return e->terms_unused++;
    if (e->n_terms == 0)
        (void)LIST_ADD(e, terms);
    (void)LIST_ADD(e, terms);
    assert(e->n_terms <= TERMS_MAX);
    return (uint32_t)e->n_terms - 1;
}

uint32_t terms_take(engine *e, const engine_terms *given)
{
    int32_t attempts = given->attempts < 1 ? 1 : given->attempts;
    if (attempts > ATTEMPTS_MAX)
        attempts = ATTEMPTS_MAX;
    if (attempts == 1 && given->timeout_s <= 0 && given->kind == 0)
        return 0; /* with one attempt the rules have no effect */
    const char *on_exit = attempts > 1 && given->on_exit ? given->on_exit : "";
    char *key = NULL;
    if (asprintf(&key, "%d %d %lld %s", attempts, given->timeout_s, (long long)given->kind,
                 on_exit) < 0)
        abort();
    terms *t = NULL;
    HASH_FIND_STR(e->terms_by_key, key, t);
    if (t) {
        free(key);
    } else {
        t = ob_calloc(1, sizeof(*t));
        t->key = key;
        t->attempts = attempts;
        t->timeout_s = given->timeout_s;
        t->kind = given->kind;
        t->rules = retry_parse(on_exit);
        t->number = number(e);
        e->terms[t->number] = t;
        HASH_ADD_KEYPTR(hh, e->terms_by_key, t->key, strlen(t->key), t);
    }
    t->n_jobs++;
    return t->number;
}

static void forget(engine *e, terms *t)
{
    HASH_DEL(e->terms_by_key, t);
    e->terms[t->number] = NULL;
    if (t->number < e->terms_unused)
        e->terms_unused = t->number;
    retry_free(t->rules);
    free(t->key);
    free(t);
}

void terms_drop(engine *e, uint32_t number)
{
    if (number > 0 && --e->terms[number]->n_jobs == 0)
        forget(e, e->terms[number]);
}

void terms_free(engine *e)
{
    terms *t, *tmp;
    HASH_ITER(hh, e->terms_by_key, t, tmp)
    {
        forget(e, t);
    }
    free(e->terms);
}
