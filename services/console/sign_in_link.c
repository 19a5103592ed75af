/* Owns the list of links that were used within the last minute: what a link may be used for once is
 * the one thing that a sealed text cannot say. A link is "<when it was made>.<sealed session>", and
 * that time is part of the purpose that the session is sealed for. One lock. Never logs.
 *
 * Invariant: a link that this process accepted was made after its start and is less than a minute
 * old, so the list and the time together refuse every second use, also after a restart. */
#include "sign_in_link.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ob/digest.h"

#define USED_MAX 256 /* links within a minute; more than a person opens */
#define CLOCK_SLACK_MS 2000

typedef struct used_link {
    uint8_t hash[OB_SHA256_BYTES];
    int64_t until_ms;
} used_link;

struct link_keeper {
    uint8_t key[SEALED_KEY];
    int64_t began_ms;
    pthread_mutex_t lock; /* over what follows */
    used_link used[USED_MAX];
};

link_keeper *link_keeper_new(const uint8_t key[SEALED_KEY], int64_t now_ms)
{
    link_keeper *k = ob_calloc(1, sizeof *k);
    memcpy(k->key, key, SEALED_KEY);
    k->began_ms = now_ms;
    (void)pthread_mutex_init(&k->lock, NULL);
    return k;
}

void link_keeper_free(link_keeper *k)
{
    if (!k)
        return;
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}

static void purpose_of(int64_t made_ms, char out[64])
{
    (void)snprintf(out, 64, "link %" PRId64, made_ms);
}

int link_make(
    const uint8_t key[SEALED_KEY], const web_session *s, int64_t now_ms, char **ret, ob_error *err)
{
    char purpose[64];
    ob_cleanup(ob_freep) char *sealed = NULL;
    purpose_of(now_ms, purpose);
    int r = web_session_seal(key, purpose, s, &sealed, err);
    if (r == 0)
        *ret = ob_strf("%" PRId64 ".%s", now_ms, sealed);
    return r;
}

/* With the lock. False: it was used before, or there is no place to remember it. */
static bool note_used(link_keeper *k, const uint8_t hash[OB_SHA256_BYTES], int64_t now_ms)
{
    used_link *place = NULL;
    for (size_t i = 0; i < USED_MAX; i++) {
        used_link *u = &k->used[i];
        if (u->until_ms > now_ms && memcmp(u->hash, hash, OB_SHA256_BYTES) == 0)
            return false;
        if (u->until_ms <= now_ms && !place)
            place = u;
    }
    if (!place)
        return false;
    memcpy(place->hash, hash, OB_SHA256_BYTES);
    place->until_ms = now_ms + LINK_LASTS_MS + CLOCK_SLACK_MS;
    return true;
}

static int take_link(link_keeper *k, const web_session *s, int64_t now_ms, ob_error *err)
{
    /* The session's token names it: another sealing of the same session is the same link. */
    uint8_t hash[OB_SHA256_BYTES];
    ob_sha256(s->key_id, strlen(s->key_id), hash);
    (void)pthread_mutex_lock(&k->lock);
    bool fresh = note_used(k, hash, now_ms);
    (void)pthread_mutex_unlock(&k->lock);
    return fresh ? 0 : ob_fail(err, EACCES, "this link has been used already");
}

int link_redeem(link_keeper *k, const char *link, int64_t now_ms, web_session *ret, ob_error *err)
{
    char *rest = NULL, purpose[64];
    int64_t made_ms = strtoll(link, &rest, 10);
    if (rest == link || *rest != '.')
        return ob_fail(err, EACCES, "this is not a link of this console");
    purpose_of(made_ms, purpose);
    if (web_session_open(k->key, purpose, rest + 1, ret, NULL) < 0)
        return ob_fail(err, EACCES, "this is not a link of this console");
    int r = 0;
    if (made_ms > now_ms + CLOCK_SLACK_MS || now_ms - made_ms > LINK_LASTS_MS ||
        made_ms < k->began_ms)
        r = ob_fail(err, EACCES, "this link is too old; make another one");
    if (r == 0)
        r = take_link(k, ret, now_ms, err);
    if (r < 0)
        web_session_done(ret);
    return r;
}
