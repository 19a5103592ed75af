/* One environment's cluster, see kube_environment.h. Owns the client, the watches, the check, the
 * nodes and what others' pods request on them. Invariants: nothing is concluded about a node from
 * its absence: it is asked for by its name first; a node's time without Ready counts only while the
 * watch stands, and before it is over the node is asked for by its name, too: a watch may stand and
 * hear nothing. One owner thread. */
#include "kube_environment.h"

#include <stdio.h>
#include <string.h>

#include "kube_check.h"
#include "kube_clear.h"
#include "kube_node_table.h"
#include "ob/clock.h"
#include "ob/kube_pod.h"
#include "ob/kube_watch.h"
#include "ob/mem.h"
#include "ob/message.h"
#include "ob/text.h"

#define OPEN_EVERY_MS 5000 /* a cluster's file that is missing or wrong is looked at again */
#define ASK_EVERY_MS 10000
#define SURE_EVERY_MS 2000 /* of a node that has not been Ready for long */
/* What is left after the environment is removed within that time, or stays. */
#define CLEAR_MAX_MS (5 * 60000)
#define CLEAR_NO_FILE_MS 6000 /* if there is no way to the cluster at all */
#define TURN_MAX_MS 5000      /* a longer turn has not listened for the rest of it */
#define PAGE_OF_NODES 20      /* an object has some 10 KiB, and a page is read in one turn */
#define PAGE_OF_PODS 50
#define PODS_OF_NODES "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed"
#define TIMEOUT_S 20
#define WHY_MAX 300

#define NO_NAMESPACE "CLIENT_ERROR - Unable to validate Kubernetes Namespace"

struct kube_environment {
    char *dir, *cluster, *kube_namespace, *uuid;
    int64_t lost_ms;
    ob_kube *kube;        /* NULL: its file cannot be used */
    ob_kube_watch *watch; /* of its nodes */
    ob_kube_watch *pods;  /* of others' pods on nodes of the cluster; NULL: not begun */
    node_load *load;      /* what these request; with 'pods' */
    bool load_known;      /* a list of them was complete */
    kube_check *check;
    kube_clear *clear; /* NULL: not begun */
    int64_t clear_since_ms;
    kube_node_table nodes;
    int64_t open_at_ms, turned_at_ms;
    char *no_file;  /* why there is no client, as a statusReason */
    char *no_nodes; /* why its nodes cannot be read */
    char *no_pods;  /* why the pods on them cannot be read */
};

/* A call about one node. */
typedef struct node_call {
    kube_environment *k;
    char name[NODE_NAME_TEXT], uid[NODE_UID_TEXT];
} node_call;

kube_environment *kube_environment_new(const kube_environment_options *options)
{
    kube_environment *k = ob_calloc(1, sizeof(*k));
    k->dir = ob_strdup(options->dir);
    k->cluster = ob_strdup(options->cluster);
    k->kube_namespace = ob_strdup(options->kube_namespace);
    k->uuid = ob_strdup(options->uuid);
    k->lost_ms = options->lost_ms;
    return k;
}

void kube_environment_free(kube_environment *k)
{
    if (!k)
        return;
    ob_kube_watch_free(k->watch);
    ob_kube_watch_free(k->pods);
    node_load_free(k->load);
    kube_check_free(k->check);
    kube_clear_free(k->clear);
    ob_kube_free(k->kube);
    kube_node_table_done(&k->nodes);
    free(k->dir);
    free(k->cluster);
    free(k->kube_namespace);
    free(k->uuid);
    free(k->no_file);
    free(k->no_nodes);
    free(k->no_pods);
    free(k);
}

static void say(char **where, char *text)
{
    free(*where);
    *where = text;
}

/* ---- Nodes ---- */

static void take_node(kube_environment *k, const json_t *object, bool selected)
{
    node_facts facts;
    if (!node_facts_read(object, k->uuid, &facts))
        return;
    kube_node_row *row = kube_node_table_get(&k->nodes, facts.name, facts.uid);
    row->seen.facts = facts;
    row->seen.gone = false;
    row->selected = selected;
    row->known = true;
}

static void on_object(ob_kube_change change, json_t *object, void *arg)
{
    kube_environment *k = arg;
    if (change != OB_KUBE_DELETED) {
        take_node(k, object, true);
        return;
    }
    kube_node_row *row = kube_node_table_find(&k->nodes, ob_kube_meta(object, "uid"));
    if (!row)
        return;
    row->selected = row->known = false; /* it is asked for by its name now */
    row->asked_at_ms = 0;
}

/* Other failures than a lack of rights are those of the check too. */
static void on_state(bool up, ob_kube_answer kind, const char *text, void *arg)
{
    kube_environment *k = arg;
    if (up)
        say(&k->no_nodes, NULL);
    else if (kind == OB_KUBE_FORBIDDEN || kind == OB_KUBE_UNAUTHORIZED)
        say(&k->no_nodes, ob_strf(NO_NAMESPACE ": %s", ob_cut(text, WHY_MAX)));
}

static node_call *call_about(kube_environment *k, const kube_node_row *row)
{
    node_call *call = ob_calloc(1, sizeof(*call));
    call->k = k;
    memcpy(call->name, row->seen.facts.name, sizeof(call->name));
    memcpy(call->uid, row->seen.facts.uid, sizeof(call->uid));
    return call;
}

/* The watch has this node, not Ready for long; what it says when asked counts more. node: NULL: it
 * is gone. */
static void compare(kube_environment *k, kube_node_row *row, const json_t *node)
{
    if (node)
        take_node(k, node, true);
    row->seen.sure = node && !row->seen.facts.ready;
    if (!row->seen.sure)
        ob_kube_watch_again(k->watch); /* it has not told all */
}

static void on_node(const ob_kube_reply *reply, void *arg)
{
    const node_call *call = arg;
    kube_environment *k = call->k;
    kube_node_row *row = kube_node_table_find(&k->nodes, call->uid);
    if (!row)
        return;
    row->asking = false;
    if (reply->kind != OB_KUBE_OK && reply->kind != OB_KUBE_NOT_FOUND)
        return; /* it is asked again */
    bool is_it = reply->kind == OB_KUBE_OK && !strcmp(ob_kube_meta(reply->json, "uid"), call->uid);
    if (row->selected)
        compare(k, row, is_it ? reply->json : NULL);
    else if (is_it)
        take_node(k, reply->json, false);
    else
        row->seen.gone = row->known = true;
}

static void ask_node(kube_environment *k, kube_node_row *row, int64_t now_ms)
{
    ob_cleanup(ob_freep) char *name = ob_text_url_encode(row->seen.facts.name);
    ob_cleanup(ob_freep) char *path = ob_strf("/api/v1/nodes/%s", name);
    row->asking = true;
    row->asked_at_ms = now_ms;
    (void)ob_kube_send(k->kube, OB_POINT_NONE,
                       &(ob_kube_request){ .method = "GET",
                                           .path = path,
                                           .timeout_s = TIMEOUT_S,
                                           .on_reply = on_node,
                                           .arg = call_about(k, row),
                                           .free_arg = free });
}

/* ---- Pods of others ---- */

static void on_pod(ob_kube_change change, json_t *pod, void *arg)
{
    kube_environment *k = arg;
    if (change == OB_KUBE_DELETED)
        node_load_drop(k->load, ob_kube_meta(pod, "uid"));
    else
        node_load_put(k->load, pod);
}

static void on_pods_listed(void *arg)
{
    ((kube_environment *)arg)->load_known = true;
}

static void on_pods_state(bool up, ob_kube_answer kind, const char *text, void *arg)
{
    kube_environment *k = arg;
    if (up)
        say(&k->no_pods, NULL);
    else if (kind == OB_KUBE_FORBIDDEN || kind == OB_KUBE_UNAUTHORIZED)
        say(&k->no_pods, ob_strf(NO_NAMESPACE ": %s", ob_cut(text, WHY_MAX)));
}

/* Only when there is a node that they may be on. */
static void watch_pods(kube_environment *k)
{
    static const ob_kube_watch_ops ops = { .object = on_pod,
                                           .listed = on_pods_listed,
                                           .state = on_pods_state };
    if (k->pods || !k->nodes.rows)
        return;
    ob_cleanup(ob_freep) char *labels = ob_strf(OB_KUBE_LABEL_CE "!=%s", k->uuid);
    k->load = node_load_new();
    k->pods = ob_kube_watch_new(k->kube,
                                &(ob_kube_watch_options){ .path = "/api/v1/pods",
                                                          .labels = labels,
                                                          .fields = PODS_OF_NODES,
                                                          .page = PAGE_OF_PODS },
                                &ops, k);
}

/* ---- Turns ---- */

static bool open_client(kube_environment *k, int64_t now_ms)
{
    static const ob_kube_watch_ops ops = { .object = on_object, .state = on_state };
    ob_error err = { 0 };
    if (k->kube)
        return true;
    if (now_ms < k->open_at_ms)
        return false;
    k->open_at_ms = now_ms + OPEN_EVERY_MS;
    if (ob_kube_new(k->dir, k->cluster, &k->kube, &err) < 0) {
        say(&k->no_file, ob_strf(NO_NAMESPACE ": %s", ob_cut(err.text, WHY_MAX)));
        return false;
    }
    say(&k->no_file, NULL);
    ob_cleanup(ob_freep) char *labels = ob_strf(OB_KUBE_LABEL_CE "=%s", k->uuid);
    k->watch =
        ob_kube_watch_new(k->kube,
                          &(ob_kube_watch_options){
                              .path = "/api/v1/nodes", .labels = labels, .page = PAGE_OF_NODES },
                          &ops, k);
    k->check = kube_check_new(k->kube, k->kube_namespace);
    return true;
}

/* After how long a node is asked for by its name again; 0: it is not. */
static int64_t ask_every_ms(const kube_environment *k, const kube_node_row *row)
{
    const node_seen *seen = &row->seen;
    if (!row->wanted || seen->gone)
        return 0;
    if (!row->selected)
        return ASK_EVERY_MS;
    return !seen->sure && seen->not_ready_ms >= k->lost_ms ? SURE_EVERY_MS : 0;
}

static void ask_due(kube_environment *k, int64_t now_ms)
{
    for (kube_node_row *row = k->nodes.rows; row; row = row->hh.next) {
        int64_t every_ms = ask_every_ms(k, row);
        if (every_ms > 0 && !row->asking &&
            (row->asked_at_ms == 0 || now_ms - row->asked_at_ms >= every_ms))
            ask_node(k, row, now_ms);
    }
}

void kube_environment_want(kube_environment *k, const char *name, const char *uid)
{
    kube_node_table_get(&k->nodes, name, uid)->wanted = true;
}

void kube_environment_step(kube_environment *k, int64_t now_ms)
{
    int64_t passed_ms = k->turned_at_ms ? now_ms - k->turned_at_ms : 0;
    k->turned_at_ms = now_ms;
    if (!open_client(k, now_ms)) {
        kube_node_table_turn(&k->nodes, 0, NULL);
        return;
    }
    ob_http_step(ob_kube_http(k->kube), 0);
    watch_pods(k);
    (void)ob_kube_watch_step(k->watch, now_ms);
    if (k->pods)
        (void)ob_kube_watch_step(k->pods, now_ms);
    kube_check_step(k->check, now_ms);
    bool up = ob_kube_watch_up(k->watch);
    if (up) /* before that it is not known which are in the selection */
        ask_due(k, now_ms);
    ob_http_flush(ob_kube_http(k->kube));
    passed_ms = passed_ms < TURN_MAX_MS ? passed_ms : TURN_MAX_MS;
    kube_node_table_turn(&k->nodes, up ? passed_ms : 0, k->load_known ? k->load : NULL);
}

bool kube_environment_clear(kube_environment *k, int64_t now_ms, const char **ret_left)
{
    *ret_left = NULL;
    if (k->clear_since_ms == 0)
        k->clear_since_ms = now_ms;
    int64_t passed_ms = now_ms - k->clear_since_ms;
    if (k->kube && !k->clear)
        k->clear = kube_clear_new(k->kube, k->uuid, k->kube_namespace);
    if (k->clear)
        kube_clear_step(k->clear, now_ms);
    if (k->clear && kube_clear_done(k->clear))
        return true;
    if (passed_ms < (k->clear ? CLEAR_MAX_MS : CLEAR_NO_FILE_MS))
        return false;
    const char *problem = k->clear ? kube_clear_problem(k->clear) : k->no_file;
    *ret_left = problem && *problem ? problem : "its pods do not end";
    return true;
}

bool kube_environment_checked(const kube_environment *k)
{
    return k->no_file || (k->check && kube_check_done(k->check));
}

const char *kube_environment_invalid(const kube_environment *k)
{
    if (k->no_file)
        return k->no_file;
    const char *invalid = k->check ? kube_check_invalid(k->check) : NULL;
    if (invalid)
        return invalid;
    return k->no_nodes ? k->no_nodes : k->no_pods;
}

const node_seen *const *kube_environment_nodes(const kube_environment *k, size_t *ret_n)
{
    *ret_n = k->nodes.n_view;
    return k->nodes.view;
}

size_t kube_environment_node_at(const kube_environment *k, const char *uid)
{
    return kube_node_table_at(&k->nodes, uid);
}
