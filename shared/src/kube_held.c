/* See kube_held.h. */
#include "kube_held.h"

#include <string.h>

#include "ob/json.h"
#include "ob/kube.h"

static char *key_of(const json_t *object)
{
    return ob_strf("%s/%s", ob_kube_meta(object, "namespace"), ob_kube_meta(object, "name"));
}

static kube_held *find(kube_held *all, const char *key)
{
    kube_held *one;
    HASH_FIND_STR(all, key, one);
    return one;
}

static void let_go(kube_held **all, kube_held *one)
{
    HASH_DEL(*all, one);
    free(one->key);
    free(one->uid);
    free(one);
}

static json_t *stub(const kube_held *one)
{
    const char *name = strchr(one->key, '/') + 1;
    return json_pack("{s:{s:o, s:o, s:o}}", "metadata", "namespace",
                     ob_json_textn(one->key, (size_t)(name - one->key - 1)), "name",
                     ob_json_text(name), "uid", ob_json_text(one->uid));
}

void kube_held_add(kube_held **all, const json_t *object, unsigned seen, json_t **ret_before)
{
    ob_cleanup(ob_freep) char *key = key_of(object);
    const char *uid = ob_kube_meta(object, "uid");
    kube_held *one = find(*all, key);
    *ret_before = NULL;
    if (one && strcmp(one->uid, uid) != 0) {
        *ret_before = stub(one);
        let_go(all, one);
        one = NULL;
    }
    if (!one) {
        one = ob_calloc(1, sizeof(*one));
        one->key = ob_take(key);
        one->uid = ob_strdup(uid);
        HASH_ADD_KEYPTR(hh, *all, one->key, strlen(one->key), one);
    }
    one->seen = seen;
}

bool kube_held_drop(kube_held **all, const json_t *object)
{
    ob_cleanup(ob_freep) char *key = key_of(object);
    kube_held *one = find(*all, key);
    if (!one || strcmp(one->uid, ob_kube_meta(object, "uid")) != 0)
        return false;
    let_go(all, one);
    return true;
}

json_t *kube_held_missing(kube_held **all, unsigned seen)
{
    kube_held *one, *next;
    HASH_ITER(hh, *all, one, next)
    {
        if (one->seen == seen)
            continue;
        json_t *object = stub(one);
        let_go(all, one);
        return object;
    }
    return NULL;
}

void kube_held_done(kube_held **all)
{
    kube_held *one, *next;
    HASH_ITER(hh, *all, one, next)
    let_go(all, one);
}
