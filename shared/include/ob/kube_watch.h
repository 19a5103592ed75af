/* What is in a cluster, and stays so: a list, and then a watch of its changes, again and again. Any
 * error, end or silence makes it list anew, after a growing rest. It holds the names and uids of
 * what it has told, so what is missing from a later list is told as DELETED; nothing is concluded
 * from absence before a list is complete.
 *
 * DELETED means "no longer in the selection": an object whose label was changed is told so too, and
 * lives on. Get it by its name before you believe in its end. One owner thread. */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "ob/kube.h"

typedef struct ob_kube_watch ob_kube_watch;

typedef enum ob_kube_change {
    OB_KUBE_LISTED, /* in a list: it may have been told before, and may have changed */
    OB_KUBE_ADDED,
    OB_KUBE_MODIFIED,
    OB_KUBE_DELETED, /* its last state; of what a list lacks only metadata.name, .namespace, .uid */
} ob_kube_change;

/* Called while the client is driven, or from ob_kube_watch_step. They may send, drop and resume
 * calls, but not free a watch or the client, and not step or flush. */
typedef struct ob_kube_watch_ops {
    /* object: borrowed; keep it with json_incref. A new object of an old name (another uid) follows
     * the DELETED of the old one. */
    void (*object)(ob_kube_change change, json_t *object, void *arg);
    /* A list is complete: all that exists was told, and what is gone was told as DELETED. Again
     * after each list. May be NULL. */
    void (*listed)(void *arg);
    /* up: the list was read and the watch stands. Not up: since when the last try has failed, why;
     * told when it changes. Regular ends of a watch are not told. May be NULL. */
    void (*state)(bool up, ob_kube_answer kind, const char *text, void *arg);
} ob_kube_watch_ops;

typedef struct ob_kube_watch_options {
    const char *path;   /* /api/v1/nodes */
    const char *labels; /* labelSelector, not escaped; NULL: all */
    const char *fields; /* fieldSelector, not escaped; NULL: all */
    int page;           /* objects a page; 0: 500 */
} ob_kube_watch_options;

/* All is copied but 'arg' and the client, which outlives it. Nothing is sent before the first
 * step. */
ob_kube_watch *ob_kube_watch_new(ob_kube *k,
                                 const ob_kube_watch_options *options,
                                 const ob_kube_watch_ops *ops,
                                 void *arg);
/* Ends it: no callback follows. NULL is fine. Not from its callbacks. */
void ob_kube_watch_free(ob_kube_watch *w);

/* Begins what is due and ends what is silent; flush the client afterwards. now_ms: ob_mono_ms.
 * Returns when to step again, at the latest; step also after the client was driven, because an end
 * that came then makes the next step earlier. */
int64_t ob_kube_watch_step(ob_kube_watch *w, int64_t now_ms);
/* Lists anew at the next step, whatever is under way. */
void ob_kube_watch_again(ob_kube_watch *w);
/* Has a list been completed, and the state not gone down since? */
bool ob_kube_watch_up(const ob_kube_watch *w);
