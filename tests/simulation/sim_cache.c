/* ob/cache.h: a simulated Redis. It knows the three scripts of the scaler's counters.c by their
 * arguments, and does what they say. Owns the hashes, by key without its prefix. One thread. */
#include "ob/cache.h"

#include <string.h>

#include "ob/error.h"
#include "ob/json.h"
#include "sim.h"

#define REPLY_US 300
#define HEAD 5 /* EVAL, the script, 2, two keys */

static struct {
    json_t *hashes;         /* NULL: empty */
    int64_t epoch, version; /* version 0: there is no mark */
    int64_t away_until_us;
} redis;

struct ob_cache {
    int timeout_ms;
};

ob_cache *ob_cache_new(const char *address, const char *password, int timeout_ms)
{
    (void)address, (void)password;
    ob_cache *c = ob_calloc(1, sizeof(*c));
    c->timeout_ms = timeout_ms;
    return c;
}

void ob_cache_free(ob_cache *cache)
{
    free(cache);
}

void sim_cache_flush(void)
{
    json_decref(redis.hashes);
    redis.hashes = NULL;
    redis.version = 0;
}

void sim_cache_away(int64_t for_us)
{
    redis.away_until_us = world_now_us() + for_us;
}

const json_t *sim_cache_get(const char *key)
{
    return json_object_get(redis.hashes, key);
}

size_t sim_cache_count(void)
{
    return json_object_size(redis.hashes);
}

/* epoch, expected version, new version, {"set": ..., "del": ...} */
static long long write_counters(const char **argv)
{
    int64_t epoch = strtoll(argv[0], NULL, 10), expected = strtoll(argv[1], NULL, 10);
    if (redis.version > 0 && redis.epoch > epoch)
        return -2;
    if (expected == 0)
        sim_cache_flush();
    else if (redis.version == 0 || redis.epoch != epoch || redis.version != expected)
        return -1;
    json_auto_t *change = ob_json_read(argv[3], strlen(argv[3]));
    size_t i;
    json_t *key;
    if (!redis.hashes)
        redis.hashes = json_object();
    (void)json_object_update(redis.hashes, json_object_get(change, "set"));
    json_array_foreach(json_object_get(change, "del"), i, key)(void)
        json_object_del(redis.hashes, json_string_value(key));
    redis.epoch = epoch;
    redis.version = strtoll(argv[2], NULL, 10);
    return 0;
}

static redisReply *number(long long value)
{
    redisReply *r = ob_calloc(1, sizeof(*r));
    r->type = REDIS_REPLY_INTEGER;
    r->integer = value;
    return r;
}

static int64_t sum_of(const char *prefix, const char *name)
{
    const char *key;
    json_t *value;
    int64_t sum = 0;
    json_object_foreach(redis.hashes, key, value) if (strncmp(key, prefix, strlen(prefix)) == 0)
        sum += json_integer_value(json_object_get(value, name));
    return sum;
}

/* epoch, version */
static redisReply *sum_counters(const char **argv)
{
    bool same = redis.version > 0 && redis.epoch == strtoll(argv[0], NULL, 10) &&
                redis.version == strtoll(argv[1], NULL, 10);
    redisReply *r = ob_calloc(1, sizeof(*r));
    r->type = REDIS_REPLY_ARRAY;
    r->elements = same ? 5 : 1;
    r->element = ob_calloc(r->elements, sizeof(*r->element));
    r->element[0] = number(same ? 0 : -1);
    static const char *const names[] = { "provisionedMcpu", "allocatedMcpu", "attempts" };
    for (size_t i = 0; same && i < ARRAY_SIZE(names); i++)
        r->element[i + 1] = number(sum_of("ce:", names[i]));
    if (same)
        r->element[4] = number(0);
    return r;
}

int ob_cache_argv(ob_cache *cache,
                  ob_point point,
                  int argc,
                  const char **argv,
                  const size_t *lens,
                  redisReply **ret,
                  ob_error *err)
{
    (void)lens;
    if (world_now_us() < redis.away_until_us) {
        world_sleep(cache->timeout_ms * MS_US);
        return ob_fail_retry(err, EIO, "Redis is not reachable");
    }
    world_sleep(REPLY_US);
    ob_point_pass(point, OB_POINT_BEFORE);
    const char **args = argv + HEAD;
    int n = argc - HEAD;
    redisReply *reply = NULL;
    if (n == 2)
        reply = sum_counters(args);
    else if (n == 4 && args[3][0] == '{')
        reply = number(write_counters(args));
    else
        reply = number(0); /* heartbeats */
    if (ret)
        *ret = reply;
    else
        freeReplyObject(reply);
    return 0;
}
