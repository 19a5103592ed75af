/* Files of clusters: which one an ARN means, and what comes of it (ob/kube_cluster.h). Owns
 * nothing. Any thread. */
#include "ob/kube_cluster.h"

#include <string.h>

#include "kube_config.h"
#include "kube_file.h"
#include "ob/text.h"

#define NAME_MAX_EKS 100 /* bytes; eks:CreateCluster: ^[0-9A-Za-z][A-Za-z0-9\-_]*$ */
#define BEFORE_NAME ":cluster/"
#define FIRST "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* A name is never a path. */
static const char *name_in(const char *arn)
{
    const char *at = strstr(arn, BEFORE_NAME);
    if (!at)
        return NULL;
    at += strlen(BEFORE_NAME);
    size_t len = strlen(at);
    bool is_name =
        len >= 1 && len <= NAME_MAX_EKS && strchr(FIRST, *at) && strspn(at, FIRST "-_") == len;
    return is_name ? at : NULL;
}

int ob_kube_cluster_read(const char *dir, const char *arn, ob_kube_cluster **ret, ob_error *err)
{
    const char *name = name_in(arn);
    if (!name)
        return ob_fail(err, EINVAL, "%s is not the ARN of a cluster", ob_cut(arn, 200));
    ob_cleanup(ob_kube_cluster_freep) ob_kube_cluster *c = ob_calloc(1, sizeof(*c));
    c->name = ob_strdup(name);
    c->file = ob_strf("%s/%s.json", dir, name);
    ob_cleanup(ob_freep) char *text = NULL;
    size_t len;
    int r = kube_file_read(c->file, &text, &len, err);
    if (r < 0)
        return r;
    r = kube_config_parse(text, len, dir, c, err);
    if (r < 0) {
        ob_error_context(err, "%s", c->file);
        /* The cluster is there; a file that it names is not. */
        return r == -ENOENT ? -EINVAL : r;
    }
    *ret = ob_take(c);
    return 0;
}

void ob_kube_cluster_free(ob_kube_cluster *c)
{
    if (!c)
        return;
    char *const texts[] = { c->name, c->file,        c->server, c->server_name,
                            c->ca,   c->certificate, c->key,    c->token };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        free(texts[i]);
    free(c);
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool ob_kube_cluster_same(const ob_kube_cluster *a, const ob_kube_cluster *b)
{
    return same(a->name, b->name) && same(a->file, b->file) && same(a->server, b->server) &&
           same(a->server_name, b->server_name) && same(a->ca, b->ca) &&
           same(a->certificate, b->certificate) && same(a->key, b->key) && same(a->token, b->token);
}
