/* The scaler's counters in Redis. Owns the connection and a copy of what was written last, so that
 * only differences are sent.
 *
 * Invariants: a change is one script, so readers never see half of it; it is applied only to the
 * very version that this process wrote. Next to that version is a digest of each hash as it was
 * written, so that changes and deletions by others are detected. Loop thread. */
#include "counters.h"

#include <stdio.h>
#include <string.h>

#include "ob/cache.h"
#include "ob/clock.h"
#include "ob/json.h"

#define TIMEOUT_MS 300
#define AWAY_MS 500 /* the wait after a failure, doubled each time */
#define AWAY_MAX_MS 4000
#define MARK "openbatch:counters" /* epoch, version, and the digest of each hash by key */
#define KEYS "openbatch:counters:keys"

#define WITH_DIGEST(script)                                                                        \
    "local function digest(k)\n"                                                                   \
    "  local flat, lines = redis.call('HGETALL', k), {}\n"                                         \
    "  for i = 1, #flat, 2 do lines[#lines + 1] = flat[i] .. '=' .. flat[i + 1] end\n"             \
    "  table.sort(lines)\n"                                                                        \
    "  return redis.sha1hex(table.concat(lines, '\\n'))\n"                                         \
    "end\n" script

struct counters {
    ob_cache *cache;
    int64_t epoch, version; /* version 0: nothing written in this epoch */
    bool lost;
    json_t *written;
    int64_t away_until_ms, away_ms;
};

/* ARGV: epoch, expected version (0: rebuild), new version, {"set": {key: {..}}, "del": [key]} */
static const char write_script[] = WITH_DIGEST(
    "local e = redis.call('HGET', KEYS[1], 'epoch')\n"
    "local v = redis.call('HGET', KEYS[1], 'version')\n"
    "if e and tonumber(e) > tonumber(ARGV[1]) then return -2 end\n"
    "if ARGV[2] == '0' then\n"
    "  for _, k in ipairs(redis.call('SMEMBERS', KEYS[2])) do redis.call('DEL', k) end\n"
    "  for _, k in ipairs(redis.call('HKEYS', KEYS[1])) do\n"
    "    if string.sub(k, 1, 10) == 'openbatch:' then redis.call('DEL', k) end\n"
    "  end\n"
    "  redis.call('DEL', KEYS[1], KEYS[2])\n"
    "elseif e ~= ARGV[1] or v ~= ARGV[2] then return -1 end\n"
    "local change = cjson.decode(ARGV[4])\n"
    "for k, fields in pairs(change.set) do\n"
    "  local key = 'openbatch:' .. k\n"
    "  redis.call('DEL', key)\n"
    "  for f, value in pairs(fields) do\n"
    "    if type(value) == 'number' then value = string.format('%.0f', value) end\n"
    "    redis.call('HSET', key, f, value)\n"
    "  end\n"
    "  redis.call('SADD', KEYS[2], key)\n"
    "  redis.call('HSET', KEYS[1], key, digest(key))\n"
    "end\n"
    "for _, k in ipairs(change.del) do\n"
    "  redis.call('DEL', 'openbatch:' .. k)\n"
    "  redis.call('SREM', KEYS[2], 'openbatch:' .. k)\n"
    "  redis.call('HDEL', KEYS[1], 'openbatch:' .. k)\n"
    "end\n"
    "redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'version', ARGV[3])\n"
    "return 0\n");

/* ARGV: epoch, version */
static const char sum_script[] = WITH_DIGEST(
    "local e = redis.call('HGET', KEYS[1], 'epoch')\n"
    "if e and tonumber(e) > tonumber(ARGV[1]) then return {-2} end\n"
    "if e ~= ARGV[1] or redis.call('HGET', KEYS[1], 'version') ~= ARGV[2] then return {-1} end\n"
    "local p, m, r, b = 0, 0, 0, 0\n"
    "local keys = redis.call('SMEMBERS', KEYS[2])\n"
    "if redis.call('HLEN', KEYS[1]) ~= #keys + 2 then return {-3} end\n"
    "for _, k in ipairs(keys) do\n"
    "  if redis.call('HGET', KEYS[1], k) ~= digest(k) then return {-3} end\n"
    "  if string.sub(k, 1, 13) == 'openbatch:ce:' then\n"
    "    p = p + tonumber(redis.call('HGET', k, 'provisionedMcpu') or 0)\n"
    "    m = m + tonumber(redis.call('HGET', k, 'allocatedMcpu') or 0)\n"
    "    r = r + tonumber(redis.call('HGET', k, 'attempts') or 0)\n"
    "  else\n"
    "    b = b + redis.call('EXISTS', 'openbatch:heartbeat:' .. string.sub(k, 20))\n"
    "  end\n"
    "end\n"
    "return {0, p, m, r, b}\n");

static const char beat_script[] =
    "for i = 3, #ARGV do\n"
    "  redis.call('SET', 'openbatch:heartbeat:' .. ARGV[i], ARGV[2], 'PX', ARGV[1])\n"
    "end\n"
    "return 0\n";

counters *counters_new(const char *address, const char *password)
{
    counters *c = ob_calloc(1, sizeof(*c));
    c->cache = ob_cache_new(address, password, TIMEOUT_MS);
    c->written = json_object();
    c->lost = true;
    return c;
}

void counters_free(counters *c)
{
    if (!c)
        return;
    ob_cache_free(c->cache);
    json_decref(c->written);
    free(c);
}

void counters_begin(counters *c, int64_t epoch)
{
    c->epoch = epoch;
    c->version = 0;
    c->lost = true;
}

bool counters_lost(const counters *c)
{
    return c->lost;
}

static void freep_reply(redisReply **reply)
{
    if (*reply)
        freeReplyObject(*reply);
}

/* Runs a script on our two keys. It does not call Redis again right after a failure, because each
 * try can block the loop up to the time-out. */
static int eval(counters *c,
                ob_point point,
                const char *script,
                const char *const *args,
                size_t n,
                redisReply **ret,
                ob_error *err)
{
    if (ob_mono_ms() < c->away_until_ms)
        return ob_fail_retry(err, EIO, "Redis is not reachable");
    size_t argc = 5 + n;
    const char **argv = ob_calloc(argc, sizeof(*argv));
    size_t *lens = ob_calloc(argc, sizeof(*lens));
    const char *head[] = { "EVAL", script, "2", MARK, KEYS };
    for (size_t i = 0; i < argc; i++) {
        argv[i] = i < 5 ? head[i] : args[i - 5];
        lens[i] = strlen(argv[i]);
    }
    int r = ob_cache_argv(c->cache, point, (int)argc, argv, lens, ret, err);
    free(argv);
    free(lens);
    if (r < 0) {
        c->away_ms = c->away_ms == 0 ? AWAY_MS : 2 * c->away_ms;
        if (c->away_ms > AWAY_MAX_MS)
            c->away_ms = AWAY_MAX_MS;
        c->away_until_ms = ob_mono_ms() + c->away_ms;
        c->lost = true; /* it is not known whether the change was applied */
    } else {
        c->away_ms = 0;
    }
    return r;
}

static int judge(counters *c, long long answer, ob_error *err)
{
    if (answer == 0)
        return 0;
    c->lost = true;
    if (answer == -2)
        return ob_fail(err, EPERM, "Redis: the counters are a later leader's");
    return ob_fail(err, ESTALE,
                   answer == -3 ? "Redis: the counters are not what was written"
                                : "Redis: the counters are absent or foreign");
}

/* The differences between 'all' and what was written last; NULL: none. */
static json_t *difference(const counters *c, json_t *all, bool rebuild)
{
    json_t *set = json_object(), *del = json_array(), *value;
    const char *key;
    json_object_foreach(
        all, key, value) if (rebuild || !json_equal(value, json_object_get(c->written, key)))(void)
        json_object_set(set, key, value);
    json_object_foreach(c->written, key, value) if (!rebuild && !json_object_get(all, key))(void)
        json_array_append_new(del, ob_json_text(key));
    if (!rebuild && json_object_size(set) == 0 && json_array_size(del) == 0) {
        json_decref(set);
        json_decref(del);
        return NULL;
    }
    return json_pack("{s:o, s:o}", "set", set, "del", del);
}

int counters_write(counters *c, json_t *all, bool rebuild, ob_error *err)
{
    json_auto_t *change = difference(c, all, rebuild);
    if (!change)
        return 0;
    ob_cleanup(ob_freep) char *text = json_dumps(change, JSON_COMPACT);
    ob_cleanup(freep_reply) redisReply *reply = NULL;
    char epoch[32], expected[32], next[32];
    (void)snprintf(epoch, sizeof(epoch), "%lld", (long long)c->epoch);
    (void)snprintf(expected, sizeof(expected), "%lld", (long long)(rebuild ? 0 : c->version));
    (void)snprintf(next, sizeof(next), "%lld", (long long)c->version + 1);
    if (!rebuild && (c->lost || c->version == 0))
        return ob_fail(err, ESTALE, "Redis: the counters must be rebuilt");
    int r = eval(c, OB_POINT_SCALER_COUNTERS, write_script,
                 (const char *[]){ epoch, expected, next, text }, 4, &reply, err);
    if (r == 0)
        r = judge(c, reply->integer, err);
    if (r < 0)
        return r;
    c->version++;
    c->lost = false;
    json_decref(c->written);
    c->written = json_incref(all);
    return 0;
}

int counters_beat(counters *c, const char *const *ids, size_t n, int64_t ttl_ms, ob_error *err)
{
    if (n == 0)
        return 0;
    ob_cleanup(ob_freep) const char **args = ob_calloc(n + 2, sizeof(*args));
    char ttl[32], at[32];
    (void)snprintf(ttl, sizeof(ttl), "%lld", (long long)ttl_ms);
    (void)snprintf(at, sizeof(at), "%lld", (long long)ob_wall_ms());
    args[0] = ttl;
    args[1] = at;
    memcpy(args + 2, ids, n * sizeof(*ids));
    return eval(c, OB_POINT_SCALER_BEATS, beat_script, args, n + 2, NULL, err);
}

int counters_sum(counters *c, counters_totals *ret, ob_error *err)
{
    ob_cleanup(freep_reply) redisReply *reply = NULL;
    char epoch[32], version[32];
    (void)snprintf(epoch, sizeof(epoch), "%lld", (long long)c->epoch);
    (void)snprintf(version, sizeof(version), "%lld", (long long)c->version);
    int r = eval(c, OB_POINT_NONE, sum_script, (const char *[]){ epoch, version }, 2, &reply, err);
    if (r < 0)
        return r;
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 1)
        return ob_fail(err, EPROTO, "Redis: unexpected answer to a script");
    r = judge(c, reply->element[0]->integer, err);
    if (r < 0 || reply->elements < 5)
        return r;
    *ret = (counters_totals){ .provisioned_mcpu = reply->element[1]->integer,
                              .allocated_mcpu = reply->element[2]->integer,
                              .attempts = reply->element[3]->integer,
                              .heartbeats = reply->element[4]->integer };
    return 0;
}
