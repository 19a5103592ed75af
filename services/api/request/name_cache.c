/* Caches the meaning of names. Owns the entries; never calls the database, never decides: the
 * statement that commits a job refuses it if something has changed (submit_store.c), so a client
 * always reads its own writes. One lock, held only for look-ups. Bodies are shared by reference and
 * never changed. */
#include "name_cache.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <uthash.h>

#define ENTRIES_MAX 512 /* flush the cache when full; simpler than LRU */
#define BODY_MAX (32 * 1024)
#define KEY_MAX 640

typedef struct entry {
    api_queue queue;           /* of a "q" key */
    api_definition definition; /* of a "d" key */
    UT_hash_handle hh;
    char key[];
} entry;

struct known {
    pthread_mutex_t lock; /* guards entries */
    entry *entries;
};

known *known_new(void)
{
    known *k = ob_calloc(1, sizeof(*k));
    (void)pthread_mutex_init(&k->lock, NULL);
    return k;
}

static void drop(known *k, entry *e)
{
    HASH_DEL(k->entries, e);
    api_definition_done(&e->definition);
    free(e);
}

static void drop_all(known *k)
{
    entry *e, *next;
    HASH_ITER(hh, k->entries, e, next)
    drop(k, e);
}

void known_free(known *k)
{
    if (!k)
        return;
    drop_all(k);
    (void)pthread_mutex_destroy(&k->lock);
    free(k);
}

/* Neither account nor region contains a newline, and the text comes last: no two callers share a
 * key */
static bool make_key(char out[KEY_MAX], char kind, const api_request *req, const char *text)
{
    int n =
        snprintf(out, KEY_MAX, "%c\n%s\n%s\n%s", kind, req->account, req->region, text ? text : "");
    return n > 0 && n < KEY_MAX;
}

/* With the lock held. */
static entry *find(known *k, const char *key)
{
    entry *e = NULL;
    HASH_FIND_STR(k->entries, key, e);
    return e;
}

bool known_queue(known *k, const api_request *req, const char *text, api_queue *ret)
{
    char key[KEY_MAX];
    if (!make_key(key, 'q', req, text))
        return false;
    (void)pthread_mutex_lock(&k->lock);
    const entry *e = find(k, key);
    if (e)
        *ret = e->queue;
    (void)pthread_mutex_unlock(&k->lock);
    return e;
}

bool known_definition(known *k, const api_request *req, const char *text, api_definition *ret)
{
    char key[KEY_MAX];
    if (!make_key(key, 'd', req, text))
        return false;
    (void)pthread_mutex_lock(&k->lock);
    const entry *e = find(k, key);
    if (e) {
        *ret = e->definition;
        (void)json_incref(ret->body);
    }
    (void)pthread_mutex_unlock(&k->lock);
    return e;
}

/* Takes ownership of 'e'. */
static void put(known *k, entry *e)
{
    (void)pthread_mutex_lock(&k->lock);
    entry *old = find(k, e->key);
    if (old)
        drop(k, old);
    if (HASH_COUNT(k->entries) >= ENTRIES_MAX)
        drop_all(k);
    HASH_ADD_STR(k->entries, key, e);
    (void)pthread_mutex_unlock(&k->lock);
}

static entry *entry_new(const char *key)
{
    size_t size = strlen(key) + 1;
    entry *e = ob_calloc(1, sizeof(*e) + size);
    memcpy(e->key, key, size);
    return e;
}

void known_queue_put(known *k, const api_request *req, const char *text, const api_queue *queue)
{
    char key[KEY_MAX];
    if (!make_key(key, 'q', req, text))
        return;
    entry *e = entry_new(key);
    e->queue = *queue;
    put(k, e);
}

void known_definition_put(known *k,
                          const api_request *req,
                          const char *text,
                          const api_definition *definition)
{
    char key[KEY_MAX];
    if (definition->body_len > BODY_MAX || !make_key(key, 'd', req, text))
        return;
    entry *e = entry_new(key);
    e->definition = *definition;
    (void)json_incref(e->definition.body);
    put(k, e);
}

void known_forget(known *k, const api_request *req, const char *queue, const char *definition)
{
    char keys[2][KEY_MAX];
    bool made[] = { make_key(keys[0], 'q', req, queue), make_key(keys[1], 'd', req, definition) };
    (void)pthread_mutex_lock(&k->lock);
    for (int i = 0; i < 2; i++) {
        entry *e = made[i] ? find(k, keys[i]) : NULL;
        if (e)
            drop(k, e);
    }
    (void)pthread_mutex_unlock(&k->lock);
}

void known_clear(known *k)
{
    (void)pthread_mutex_lock(&k->lock);
    drop_all(k);
    (void)pthread_mutex_unlock(&k->lock);
}
