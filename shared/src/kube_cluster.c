/* What a client knows of a cluster: see ob/kube_cluster.h. Owns nothing. Any thread. */
#include "ob/kube_cluster.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

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
