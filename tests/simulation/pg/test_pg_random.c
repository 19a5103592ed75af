/* The simulated PostgreSQL does what the real one does: random statements with random parameters,
 * in and outside of transactions and pipelines, on several connections to both; results, errors and
 * tables are the same. Every statement of the product takes part. OPENBATCH_TEST_SEED=n repeats one
 * history. */
#include "pairs.h"

#define HISTORIES 12
#define STEPS 800
#define HISTORIES_MAX 60 /* until each statement has found rows */
#define PIPELINE_STATEMENTS 6

/* How often statements found something to do. */
static struct {
    const char *service, *name;
    size_t n;
} effects[256];
static size_t n_effects;

static void count_effect(const char *service, const char *name)
{
    for (size_t i = 0; i < n_effects; i++)
        if (!strcmp(effects[i].service, service) && !strcmp(effects[i].name, name)) {
            effects[i].n++;
            return;
        }
    assert_true(n_effects < ARRAY_SIZE(effects));
    effects[n_effects].service = service;
    effects[n_effects].name = name;
    effects[n_effects++].n = 1;
}

static const declared *pick_statement(const pair *p)
{
    size_t own = 0, shared = 0;
    while (p->declarations[own].name)
        own++;
    while (shared_declarations[shared].name)
        shared++;
    for (;;) {
        size_t i = pick(own + shared);
        const declared *d = i < own ? &p->declarations[i] : &shared_declarations[i - own];
        /* What depends on time has a test of its own. */
        if (strcmp(d->table, "none") != 0 && strcmp(d->name, "leader_end_stalled") != 0)
            return d;
    }
}

static void one_statement(pair *p)
{
    ob_cleanup(ob_params_done) ob_params params = { 0 };
    const declared *d = pick_statement(p);
    pick_params(d, &params);
    if (pair_exec(p, d, NULL, &params) > 0)
        count_effect(p->service, d->name);
}

static void one_pipeline(pair *p)
{
    const declared *stmts[PIPELINE_STATEMENTS];
    ob_params params[PIPELINE_STATEMENTS] = { 0 };
    size_t n = pick(PIPELINE_STATEMENTS + 1);
    for (size_t i = 0; i < n; i++) {
        stmts[i] = i == 0 && pick(4) ? declared_find(shared_declarations, "leader_fence")
                                     : pick_statement(p);
        pick_params(stmts[i], &params[i]);
    }
    (void)pair_pipeline(p, stmts, params, n, pick(10) > 0);
    for (size_t i = 0; i < n; i++)
        ob_params_done(&params[i]);
}

static void begin_or_end(size_t at)
{
    bool begins = !connections[at].in_transaction;
    (void)pair_exec(&connections[at].pair, NULL,
                    begins    ? "BEGIN"
                    : pick(3) ? "COMMIT"
                              : "ROLLBACK",
                    NULL);
    connections[at].in_transaction = begins;
}

static void one_step(void)
{
    size_t at = pick(ARRAY_SIZE(connections)), what = pick(10);
    if (what < 2)
        clients_request(api);
    else if (what < 3)
        begin_or_end(at);
    else if (what < 5 && !connections[at].in_transaction)
        one_pipeline(&connections[at].pair);
    else
        one_statement(&connections[at].pair);
}

static void history(uint64_t seed)
{
    pick_seed(seed);
    open_all();
    for (int i = 0; i < STEPS; i++) {
        one_step();
        if (i % 20 == 0)
            compare_tables(api);
    }
    for (size_t i = 0; i < ARRAY_SIZE(connections); i++)
        if (connections[i].in_transaction)
            begin_or_end(i);
    compare_tables(api);
    (void)close_all(NULL);
}

static size_t effects_of(const char *service, const char *name)
{
    size_t n = 0;
    for (size_t i = 0; i < n_effects; i++)
        if ((!service || !strcmp(effects[i].service, service)) && !strcmp(effects[i].name, name))
            n += effects[i].n;
    return n;
}

/* Whose random parameters hardly ever fit: they have a test of their own. */
static bool is_rare(const char *name)
{
    return !strcmp(name, "leader_end_stalled") || !strcmp(name, "reason_delete") ||
           !strcmp(name, "instance_join") || !strcmp(name, "instances_overdue") ||
           !strcmp(name, "log_runs") || !strcmp(name, "log_open") || !strcmp(name, "ended_page");
}

/* A statement that was never compared with rows, or NULL. */
static const char *without_effects(const char *service, const declared *of)
{
    for (; of->name; of++)
        if (strcmp(of->table, "none") != 0 && !is_rare(of->name) &&
            effects_of(service, of->name) == 0)
            return of->name;
    return NULL;
}

static const char *never_compared(void)
{
    const char *name = without_effects("scheduler", scheduler_declarations);
    if (!name)
        name = without_effects("scaler", scaler_declarations);
    if (!name)
        name = without_effects("api", intake);
    return name ? name : without_effects(NULL, shared_declarations);
}

static void random_statements_have_the_same_results(void **state)
{
    (void)state;
    const char *one = getenv("OPENBATCH_TEST_SEED");
    if (!api)
        skip();
    if (one) {
        history(strtoull(one, NULL, 10));
        return;
    }
    uint64_t seed = 1;
    for (; seed <= HISTORIES || (seed <= HISTORIES_MAX && never_compared()); seed++) {
        (void)printf("seed %d\n", (int)seed);
        history(seed);
    }
    if (never_compared())
        fail_msg("%s was never compared with rows", never_compared());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(random_statements_have_the_same_results, close_all),
    };
    return cmocka_run_group_tests(tests, start, end);
}
