/* The scaler's counters, with a real Redis of their own. */
#include "unit.h"

#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "counters.h"
#include "own_server.h"

static own_server server;
static char address[128];

static json_t *all_with(int runs)
{
    return json_pack("{s:{s:s, s:i, s:i, s:i}, s:{s:s, s:i}}", "ce:7", "name", "blue",
                     "provisionedMcpu", 8000, "allocatedMcpu", 3000, "attempts", runs,
                     "instance:i-1", "type", "m5.large", "attempts", runs);
}

/* As anybody else asks Redis. */
static redisReply *ask(const char *fmt, ...)
{
    redisContext *redis = redisConnectUnix(address);
    va_list args;
    va_start(args, fmt);
    redisReply *reply = redisvCommand(redis, fmt, args);
    va_end(args);
    if (!reply || reply->type == REDIS_REPLY_ERROR)
        fail_msg("%s", reply ? reply->str : redis->errstr);
    redisFree(redis);
    return reply;
}

static void redis(const char *command)
{
    freeReplyObject(ask(command));
}

static void counters_are_rebuilt_before_they_are_written(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(2);
    json_auto_t *second = all_with(5);
    counters_begin(c, 10);
    assert_true(counters_lost(c));
    assert_int_equal(counters_write(c, first, false, &err), -ESTALE);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    assert_false(counters_lost(c));
    assert_int_equal(counters_write(c, second, false, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.provisioned_mcpu, 8000);
    assert_int_equal(sum.allocated_mcpu, 3000);
    assert_int_equal(sum.attempts, 5);
    assert_int_equal(sum.heartbeats, 0);
    assert_int_equal(counters_beat(c, (const char *[]){ "i-1", "i-2" }, 2, 60000, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.heartbeats, 1); /* of the instances that are counted */

    /* What is no longer there goes. */
    json_auto_t *none = json_object();
    assert_int_equal(counters_write(c, none, false, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.attempts + sum.provisioned_mcpu + sum.heartbeats, 0);
    counters_free(c);
}

static void flushed_counters_are_found_lost(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(1);
    json_auto_t *second = all_with(2);
    counters_begin(c, 11);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    redis("FLUSHALL");
    assert_int_equal(counters_sum(c, &sum, &err), -ESTALE);
    assert_true(counters_lost(c));
    assert_int_equal(counters_write(c, second, true, &err), 0);
    redis("FLUSHALL");
    assert_int_equal(counters_write(c, first, false, &err), -ESTALE);
    assert_true(counters_lost(c));
    assert_int_equal(counters_write(c, first, true, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    assert_int_equal(sum.attempts, 1);
    counters_free(c);
}

static void a_foreign_version_is_not_built_upon(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    json_auto_t *first = all_with(1);
    json_auto_t *second = all_with(2);
    counters_begin(c, 12);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    redis("HSET openbatch:counters version 99");
    assert_int_equal(counters_write(c, second, false, &err), -ESTALE);
    assert_true(counters_lost(c));
    counters_free(c);
}

static void an_older_leader_writes_nothing_over_a_later_one(void **state)
{
    (void)state;
    counters *old = counters_new(address, NULL), *new = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(1);
    json_auto_t *second = all_with(2);
    counters_begin(old, 20);
    counters_begin(new, 21);
    assert_int_equal(counters_write(old, first, true, &err), 0);
    assert_int_equal(counters_write(new, second, true, &err), 0);
    json_auto_t *third = all_with(3);
    assert_int_equal(counters_write(old, third, false, &err), -EPERM);
    assert_int_equal(counters_write(old, third, true, &err), -EPERM);
    assert_int_equal(counters_sum(new, &sum, &err), 0);
    assert_int_equal(sum.attempts, 2);
    counters_free(old);
    counters_free(new);
}

static void what_somebody_else_has_written_is_found_out(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *first = all_with(2);
    counters_begin(c, 22);
    assert_int_equal(counters_write(c, first, true, &err), 0);
    assert_int_equal(counters_sum(c, &sum, &err), 0);
    static const char *const meddling[] = {
        "HINCRBY openbatch:ce:7 allocatedMcpu 1000",
        "HSET openbatch:ce:7 name green",
        "HDEL openbatch:ce:7 name",
        "HSET openbatch:instance:i-1 type c5.large",
        "HSET openbatch:instance:i-1 other 1",
        "DEL openbatch:instance:i-1",
        "DEL openbatch:counters:keys",
        "SADD openbatch:counters:keys openbatch:instance:i-9",
        "HDEL openbatch:counters openbatch:ce:7",
    };
    for (size_t i = 0; i < ARRAY_SIZE(meddling); i++) {
        redis(meddling[i]);
        if (counters_sum(c, &sum, &err) != -ESTALE)
            fail_msg("not found out: %s", meddling[i]);
        assert_true(counters_lost(c));
        assert_int_equal(counters_write(c, first, true, &err), 0);
        assert_int_equal(counters_sum(c, &sum, &err), 0);
    }
    counters_free(c);
}

/* ---- Any history ---- */

#define WORLD_INSTANCES 8
#define WORLD_CES 3
#define STEPS 1500
#define SIZE_MCPU 8000

/* What PostgreSQL says: which instances there are, and what runs on them. */
typedef struct world {
    struct {
        bool there;
        int ce, attempts, mcpu;
    } inst[WORLD_INSTANCES];
    unsigned seed;
} world;

static int pick(world *w, int n)
{
    return (int)((unsigned)rand_r(&w->seed) % (unsigned)n);
}

static json_t *world_counters(const world *w)
{
    json_t *all = json_object();
    char key[64];
    for (int ce = 1; ce <= WORLD_CES; ce++) {
        int provisioned = 0, allocated = 0, attempts = 0;
        for (int i = 0; i < WORLD_INSTANCES; i++) {
            if (!w->inst[i].there || w->inst[i].ce != ce)
                continue;
            provisioned += SIZE_MCPU;
            allocated += w->inst[i].mcpu;
            attempts += w->inst[i].attempts;
        }
        (void)snprintf(key, sizeof(key), "ce:%d", ce);
        (void)json_object_set_new(all, key,
                                  json_pack("{s:i, s:i, s:i}", "provisionedMcpu", provisioned,
                                            "allocatedMcpu", allocated, "attempts", attempts));
    }
    for (int i = 0; i < WORLD_INSTANCES; i++) {
        if (!w->inst[i].there)
            continue;
        (void)snprintf(key, sizeof(key), "instance:i-%d", i);
        (void)json_object_set_new(all, key,
                                  json_pack("{s:i, s:i, s:i}", "ce", w->inst[i].ce, "allocatedMcpu",
                                            w->inst[i].mcpu, "attempts", w->inst[i].attempts));
    }
    return all;
}

/* What Redis says, in the same form. */
static json_t *redis_counters(void)
{
    json_t *all = json_object();
    redisReply *keys = ask("KEYS %s", "openbatch:[ci][en]*:*[0-9]"); /* ce:, instance: */
    for (size_t i = 0; i < keys->elements; i++) {
        redisReply *hash = ask("HGETALL %s", keys->element[i]->str);
        json_t *fields = json_object();
        for (size_t f = 0; f + 1 < hash->elements; f += 2)
            (void)json_object_set_new(fields, hash->element[f]->str,
                                      json_integer(atoll(hash->element[f + 1]->str)));
        (void)json_object_set_new(all, keys->element[i]->str + strlen("openbatch:"), fields);
        freeReplyObject(hash);
    }
    freeReplyObject(keys);
    return all;
}

/* Somebody removes any of the keys, or changes, removes or adds a part of it. */
static void meddle(world *w)
{
    static const char script[] =
        "local keys = redis.call('KEYS', 'openbatch:*') table.sort(keys) "
        "if #keys == 0 then return 0 end "
        "local k = keys[ARGV[1] % #keys + 1] "
        "if ARGV[3] == '0' then return redis.call('DEL', k) end "
        "if redis.call('TYPE', k).ok == 'set' then "
        "  return ARGV[3] == '1' and redis.call('SPOP', k) or redis.call('SADD', k, ARGV[2]) end "
        "local fields = redis.call('HKEYS', k) table.sort(fields) "
        "local f = fields[ARGV[2] % #fields + 1] "
        "if ARGV[3] == '1' then return redis.call('HDEL', k, f) end "
        "return redis.call('HSET', k, ARGV[3] == '2' and f or 'more', ARGV[2]) ";
    freeReplyObject(ask("EVAL %s 0 %d %d %d", script, pick(w, 1000), pick(w, 50), pick(w, 4)));
}

/* A copy of everything in Redis, made and brought back by Redis itself. */
static char *copy_redis(void)
{
    redisReply *reply =
        ask("EVAL %s 0", "local t = {} for _, k in ipairs(redis.call('KEYS', '*')) do "
                         "t[#t + 1] = {k, redis.call('TYPE', k).ok, "
                         "redis.call('TYPE', k).ok == 'hash' and redis.call('HGETALL', k) or "
                         "redis.call('TYPE', k).ok == 'set' and redis.call('SMEMBERS', k) or "
                         "{redis.call('GET', k)}} end return cjson.encode(t)");
    char *copy = strdup(reply->str);
    freeReplyObject(reply);
    return copy;
}

static void restore_redis(const char *copy)
{
    static const char script[] =
        "redis.call('FLUSHALL') for _, e in ipairs(cjson.decode(ARGV[1])) do "
        "local op = e[2] == 'hash' and 'HSET' or e[2] == 'set' and 'SADD' or 'SET' "
        "redis.call(op, e[1], unpack(e[3])) end return 0";
    freeReplyObject(ask("EVAL %s 0 %s", script, copy));
}

/* As the scaler does: writes what differs, or all when what is there is not its own. Returns 0 when
 * Redis and memory agree, or what stands against it. */
static int bring_up(counters *c, const world *w)
{
    ob_error err = { 0 };
    counters_totals sum = { 0 };
    json_auto_t *all = world_counters(w);
    int r = counters_write(c, all, counters_lost(c), &err);
    return r < 0 ? r : counters_sum(c, &sum, &err);
}

static void change(world *w)
{
    int i = pick(w, WORLD_INSTANCES), size = 1000 * (1 + pick(w, 4));
    if (!w->inst[i].there) {
        w->inst[i].there = true;
        w->inst[i].ce = 1 + pick(w, WORLD_CES);
        w->inst[i].attempts = w->inst[i].mcpu = 0;
    } else if (w->inst[i].attempts == 0 && pick(w, 3) == 0) {
        w->inst[i].there = false;
    } else if (w->inst[i].mcpu + size <= SIZE_MCPU && pick(w, 2) == 0) {
        w->inst[i].mcpu += size;
        w->inst[i].attempts++;
    } else {
        w->inst[i].mcpu = w->inst[i].attempts = 0;
    }
}

/* Instances and attempts come and go while Redis is emptied, brought back from an old copy, killed,
 * written to by others and by a leader of old: whenever it answers, one or two writes later it says
 * what PostgreSQL says. */
static void counters_always_come_back_to_the_truth(void **state)
{
    (void)state;
    world w = { .seed = 7 };
    int64_t epoch = 100;
    counters *leader = counters_new(address, NULL), *deposed = NULL;
    char *copy = NULL;
    bool up = true;
    int checked = 0;
    counters_begin(leader, epoch);
    for (int step = 0; step < STEPS; step++) {
        change(&w);
        switch (up ? pick(&w, 40) : 39) {
        case 0:
            redis("FLUSHALL");
            break;
        case 1:
        case 2:
            free(copy);
            copy = copy_redis();
            break;
        case 3:
        case 4:
            if (copy)
                restore_redis(copy);
            break;
        case 5:
            counters_free(deposed);
            deposed = leader;
            leader = counters_new(address, NULL);
            counters_begin(leader, ++epoch);
            break;
        case 6:
        case 7:
        case 8:
            meddle(&w);
            break;
        case 9:
            if (pick(&w, 10) == 0) {
                own_server_kill(&server);
                up = false;
            }
            break;
        default:
            break;
        }
        if (deposed && up)
            (void)bring_up(deposed, &w); /* it may, while Redis knows of no later one */
        int r = bring_up(leader, &w);
        if (!up) {
            assert_true(r < 0);
            assert_true(counters_lost(leader));
            if (pick(&w, 10) == 0) {
                own_redis_restart(&server, NULL);
                up = true;
                counters_free(leader); /* another does not wait until it is asked again */
                leader = counters_new(address, NULL);
                counters_begin(leader, ++epoch);
            }
            continue;
        }
        for (int again = 0; r == -ESTALE && again < 2; again++)
            r = bring_up(leader, &w);
        assert_int_equal(r, 0);
        json_auto_t *want = world_counters(&w);
        json_auto_t *have = redis_counters();
        assert_true(json_equal(want, have));
        checked++;
    }
    assert_true(checked > STEPS / 2);
    if (!up)
        own_redis_restart(&server, NULL);
    free(copy);
    counters_free(deposed);
    counters_free(leader);
}

/* Runs last: it ends the server. */
static void a_redis_that_is_away_is_an_error_and_no_more(void **state)
{
    (void)state;
    counters *c = counters_new(address, NULL);
    ob_error err = { 0 };
    json_auto_t *first = all_with(1);
    counters_begin(c, 3000);
    own_server_kill(&server);
    assert_int_equal(counters_write(c, first, true, &err), -EIO);
    assert_true(counters_lost(c));
    assert_true(err.retriable);
    counters_free(c);
}

int main(void)
{
    (void)signal(SIGPIPE, SIG_IGN);
    if (!own_redis_start(&server, NULL)) {
        print_message("redis-server is not installed\n");
        return 77;
    }
    (void)snprintf(address, sizeof(address), "%s/redis.sock", server.dir);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_rebuilt_before_they_are_written),
        cmocka_unit_test(flushed_counters_are_found_lost),
        cmocka_unit_test(a_foreign_version_is_not_built_upon),
        cmocka_unit_test(an_older_leader_writes_nothing_over_a_later_one),
        cmocka_unit_test(what_somebody_else_has_written_is_found_out),
        cmocka_unit_test(counters_always_come_back_to_the_truth),
        cmocka_unit_test(a_redis_that_is_away_is_an_error_and_no_more),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    own_server_stop(&server);
    return failed;
}
