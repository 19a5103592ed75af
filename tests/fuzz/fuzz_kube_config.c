/* An operator's file of a Kubernetes cluster, and the files that it names.
 * Covers: shared/src/kube_config.c shared/src/kube_server.c */
#include "fuzz.h"

#include "kube_config.h"
#include "kube_file.h"
#include "kube_server.h"
#include "ob/text.h"

/* What every file that is named contains; NULL: there is none. */
static const char *file_text;
static size_t file_len;

__typeof__(kube_file_read) __wrap_kube_file_read;
int __wrap_kube_file_read(const char *path, char **ret, size_t *ret_len, ob_error *err)
{
    FUZZ_CHECK(*path == '/');
    if (!file_text)
        return ob_fail(err, ENOENT, "%s: there is no such file", path);
    *ret = ob_calloc(1, file_len + 1);
    memcpy(*ret, file_text, file_len);
    *ret_len = file_len;
    return 0;
}

/* It becomes part of a header. */
static void check_token(const char *token)
{
    FUZZ_CHECK(*token);
    for (; *token; token++)
        FUZZ_CHECK(*token > ' ' && *token <= '~');
}

static void check_cluster(const ob_kube_cluster *c)
{
    bool is_plain = strncmp(c->server, "http://", 7) == 0;
    FUZZ_CHECK(is_plain || strncmp(c->server, "https://", 8) == 0);
    FUZZ_CHECK(!is_plain || kube_server_is_local(c->server));
    FUZZ_CHECK(c->server[strlen(c->server) - 1] != '/');
    FUZZ_CHECK(!kube_server_fault(c->server));
    FUZZ_CHECK(!c->server_name || kube_host_ok(c->server_name));
    FUZZ_CHECK(!c->certificate == !c->key);
    const char *const pems[] = { c->ca, c->certificate, c->key };
    for (size_t i = 0; i < ARRAY_SIZE(pems); i++)
        FUZZ_CHECK(!pems[i] || strstr(pems[i], "-----BEGIN "));
    if (c->token)
        check_token(c->token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *text = fuzz_part(&in, &len);
    ob_cleanup(ob_freep) char *file = in.left ? fuzz_rest(&in, &file_len) : NULL;
    file_text = file;
    ob_cleanup(ob_kube_cluster_freep) ob_kube_cluster *c = ob_calloc(1, sizeof(*c));
    ob_cleanup(ob_kube_cluster_freep) ob_kube_cluster *again = ob_calloc(1, sizeof(*again));
    ob_error err = { 0 };
    int r = kube_config_parse(text, len, "/dir", c, &err);
    FUZZ_CHECK(kube_config_parse(text, len, "/dir", again, NULL) == r);
    if (r == 0) {
        check_cluster(c);
        FUZZ_CHECK(ob_kube_cluster_same(c, again));
    } else {
        FUZZ_CHECK(r == -EINVAL || (r == -ENOENT && !file));
        FUZZ_CHECK(err.text[0] && ob_text_is_utf8(err.text, strlen(err.text)));
    }
    return 0;
}
