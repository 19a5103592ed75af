/* One Redis connection, made on first use and again after a failure. Decides nothing, repeats
 * nothing: a command whose answer was lost may have run, and the caller knows whether to repeat it.
 * One owner thread. */
#include "ob/cache.h"
#include "ob/text.h"

#include <fcntl.h>
#include <string.h>
#include <sys/time.h>

struct ob_cache {
    char *address;
    char *password;
    struct timeval timeout;
    redisContext *ctx; /* NULL: not connected */
};

ob_cache *ob_cache_new(const char *address, const char *password, int timeout_ms)
{
    ob_cache *cache = ob_calloc(1, sizeof(*cache));
    cache->address = ob_strdup(address);
    cache->password = password && *password ? ob_strdup(password) : NULL;
    cache->timeout.tv_sec = timeout_ms / 1000;
    cache->timeout.tv_usec = timeout_ms % 1000 * 1000;
    return cache;
}

static void disconnect(ob_cache *cache)
{
    if (cache->ctx)
        redisFree(cache->ctx);
    cache->ctx = NULL;
}

void ob_cache_free(ob_cache *cache)
{
    if (!cache)
        return;
    disconnect(cache);
    free(cache->address);
    if (cache->password)
        explicit_bzero(cache->password, strlen(cache->password));
    free(cache->password);
    free(cache);
}

/* The connection cannot be used after this: half an answer may be left on it. */
static int fail_away(ob_cache *cache, ob_error *err)
{
    int r = ob_fail_retry(err, EIO, "Redis at %s: %s", cache->address,
                          cache->ctx && *cache->ctx->errstr ? cache->ctx->errstr : "no connection");
    disconnect(cache);
    return r;
}

static int take_reply(ob_cache *cache, redisReply *reply, redisReply **ret, ob_error *err)
{
    if (!reply)
        return fail_away(cache, err);
    if (reply->type == REDIS_REPLY_ERROR) {
        /* A server that is loading its data counts as unreachable. */
        int r = strncmp(reply->str, "LOADING", 7) == 0
                    ? ob_fail_retry(err, EIO, "Redis at %s: %s", cache->address, reply->str)
                    : ob_fail(err, EPROTO, "Redis: %s", reply->str);
        freeReplyObject(reply);
        return r;
    }
    if (ret)
        *ret = reply;
    else
        freeReplyObject(reply);
    return 0;
}

static redisContext *open_context(const ob_cache *cache)
{
    if (*cache->address == '/')
        return redisConnectUnixWithTimeout(cache->address, cache->timeout);
    const char *colon = strrchr(cache->address, ':');
    size_t host_len = colon ? (size_t)(colon - cache->address) : strlen(cache->address);
    ob_cleanup(ob_freep) char *host = ob_text_dup(cache->address, host_len);
    return redisConnectWithTimeout(host, colon ? atoi(colon + 1) : 6379, cache->timeout);
}

static int connect_once(ob_cache *cache, ob_error *err)
{
    if (cache->ctx)
        return 0;
    cache->ctx = open_context(cache);
    if (!cache->ctx || cache->ctx->err || redisSetTimeout(cache->ctx, cache->timeout) != REDIS_OK)
        return fail_away(cache, err);
    (void)fcntl(cache->ctx->fd, F_SETFD, FD_CLOEXEC);
    if (!cache->password)
        return 0;
    int r = take_reply(cache, redisCommand(cache->ctx, "AUTH %s", cache->password), NULL, err);
    if (r < 0)
        disconnect(cache);
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
    int r = connect_once(cache, err);
    if (r < 0)
        return r;
    if (point)
        ob_point_pass(point, OB_POINT_BEFORE);
    r = take_reply(cache, redisCommandArgv(cache->ctx, argc, argv, lens), ret, err);
    if (point && r == 0)
        ob_point_pass(point, OB_POINT_AFTER);
    return r;
}
