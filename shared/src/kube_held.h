/* What a watch has told of, by namespace and name, with the uid (ob/kube_watch.h). Used by
 * kube_watch.c alone. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <uthash.h>

typedef struct kube_held {
    char *key; /* namespace/name */
    char *uid;
    unsigned seen; /* in which list, or during which watch after it */
    UT_hash_handle hh;
} kube_held;

/* Notes that the object is there. *ret_before: what an older object of its name left, to be told as
 * deleted; NULL: none. New. */
void kube_held_add(kube_held **all, const json_t *object, unsigned seen, json_t **ret_before);
/* Notes that it is gone. false: it was not held, or another object has its name now. */
bool kube_held_drop(kube_held **all, const json_t *object);
/* Takes one that was not seen in list 'seen' out, as an object with name, namespace and uid. New;
 * NULL: there is none. */
json_t *kube_held_missing(kube_held **all, unsigned seen);
void kube_held_done(kube_held **all);
