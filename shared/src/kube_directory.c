/* See ob/kube_directory.h. Owns nothing. Any thread. */
#include "ob/kube_directory.h"

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

int ob_kube_directory_read(const char *dir, const char *arn, ob_kube_cluster **ret, ob_error *err)
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
