/* services/executor/spool.h on a simulated disk. Owns the disks. What was written survives its
 * process; what was synced survives the host's power. A disk has one user at a time. */
#include "spool.h"

#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/point.h"
#include "sim.h"

#define SYNC_US 400

/* A change. value NULL: the whole key is dropped. */
typedef struct change {
    char *key, *name;
    json_t *value;
} change;

typedef struct changes {
    change *at;
    size_t n, cap;
} changes;

struct disk {
    json_t *synced, *written;
    changes unsynced; /* from synced to written */
    process *user;    /* NULL: nobody has its lock */
};

struct spool {
    disk *d;
    json_t *all;
    changes pending;
    bool want_sync;
};

static disk *mounted;

disk *sim_disk_new(void)
{
    disk *d = ob_calloc(1, sizeof(*d));
    d->synced = json_object();
    d->written = json_object();
    return d;
}

void sim_disk_mount(disk *d)
{
    mounted = d;
}

static void changes_add(changes *c, const char *key, const char *name, json_t *value)
{
    if (c->n == c->cap) {
        c->cap = c->cap ? c->cap * 2 : 16;
        c->at = ob_realloc(c->at, c->cap * sizeof(*c->at));
    }
    c->at[c->n++] = (change){ .key = ob_strdup(key),
                              .name = name ? ob_strdup(name) : NULL,
                              .value = json_incref(value) };
}

static void changes_clear(changes *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->at[i].key);
        free(c->at[i].name);
        json_decref(c->at[i].value);
    }
    c->n = 0;
}

static void set_member(json_t *all, const char *key, const char *name, json_t *value)
{
    json_t *members = json_object_get(all, key);
    if (!members) {
        members = json_object();
        (void)json_object_set_new(all, key, members);
    }
    (void)json_object_set(members, name, value);
}

static void changes_apply(const changes *c, json_t *all)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->at[i].value)
            set_member(all, c->at[i].key, c->at[i].name, c->at[i].value);
        else
            (void)json_object_del(all, c->at[i].key);
    }
}

/* Members share their values, which never change; objects of members are the copy's own. */
static json_t *copy_all(const json_t *all)
{
    json_t *to = json_object(), *members;
    const char *key;
    json_object_foreach((json_t *)all, key, members)(void)
        json_object_set_new(to, key, json_copy(members));
    return to;
}

void sim_disk_power_off(disk *d)
{
    changes_clear(&d->unsynced);
    json_decref(d->written);
    d->written = copy_all(d->synced);
    d->user = NULL;
}

int spool_open(const char *dir, int wait_ms, spool **ret, ob_error *err)
{
    disk *d = mounted;
    int64_t until_us = world_now_us() + wait_ms * MS_US;
    while (d->user && !d->user->dead) {
        if (world_now_us() >= until_us)
            return ob_fail(err, EBUSY, "%s is held by another executor", dir);
        world_sleep(50 * MS_US);
    }
    d->user = world_process();
    spool *s = ob_calloc(1, sizeof(*s));
    s->d = d;
    s->all = copy_all(d->written);
    *ret = s;
    return 0;
}

void spool_free(spool *s)
{
    if (!s)
        return;
    s->d->user = NULL;
    changes_clear(&s->pending);
    free(s->pending.at);
    json_decref(s->all);
    free(s);
}

const json_t *spool_get(const spool *s, const char *key)
{
    return json_object_get(s->all, key);
}

const json_t *spool_all(const spool *s)
{
    return s->all;
}

void spool_set(spool *s, const char *key, const char *name, json_t *value, bool durable)
{
    json_auto_t *kept = value ? value : json_null();
    set_member(s->all, key, name, kept);
    changes_add(&s->pending, key, name, kept);
    s->want_sync |= durable;
}

void spool_drop(spool *s, const char *key)
{
    if (json_object_del(s->all, key) == 0)
        changes_add(&s->pending, key, NULL, NULL);
}

int spool_write(spool *s, ob_error *err)
{
    (void)err;
    if (s->pending.n == 0)
        return 0;
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_WRITE, OB_POINT_BEFORE);
    changes_apply(&s->pending, s->d->written);
    for (size_t i = 0; i < s->pending.n; i++)
        changes_add(&s->d->unsynced, s->pending.at[i].key, s->pending.at[i].name,
                    s->pending.at[i].value);
    changes_clear(&s->pending);
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_WRITE, OB_POINT_AFTER);
    return 0;
}

int spool_sync(spool *s, ob_error *err)
{
    if (s->pending.n == 0 && !s->want_sync)
        return 0;
    (void)spool_write(s, err);
    if (!s->want_sync)
        return 0;
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_SYNC, OB_POINT_BEFORE);
    world_sleep(SYNC_US);
    changes_apply(&s->d->unsynced, s->d->synced);
    changes_clear(&s->d->unsynced);
    s->want_sync = false;
    ob_point_pass(OB_POINT_EXECUTOR_SPOOL_SYNC, OB_POINT_AFTER);
    return 0;
}
