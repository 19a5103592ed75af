/* The operator's file of a cluster: what it gives, what is refused and in which words, and that a
 * renewed token is seen. */
#include "unit.h"

#include <sys/stat.h>

#include "ob/json.h"
#include "ob/kube_directory.h"

#define ARN "arn:aws:eks:us-east-1:123456789012:cluster/"
#define PEM "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n"
#define PEM_BASE64                                                                                 \
    "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCllRPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="

typedef struct world {
    char dir[32];
    ob_kube_cluster *c;
    ob_error err;
} world;

static int begin(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    (void)snprintf(w->dir, sizeof(w->dir), "/tmp/ob-kube-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    *state = w;
    return 0;
}

static const char *path_of(const world *w, const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    return path;
}

static int end(void **state)
{
    static const char *const files[] = { "a.json", "token", "ca.pem", "key.pem", "pipe" };
    world *w = *state;
    ob_kube_cluster_free(w->c);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        (void)unlink(path_of(w, files[i]));
    assert_int_equal(rmdir(w->dir), 0);
    free(w);
    return 0;
}

static void write_file(const world *w, const char *name, const char *text)
{
    FILE *file = fopen(path_of(w, name), "we");
    assert_non_null(file);
    (void)fputs(text, file);
    assert_int_equal(fclose(file), 0);
}

/* The file of cluster "a", with these members of its cluster and user. */
static void write_config(const world *w, const char *cluster, const char *user)
{
    ob_cleanup(ob_freep) char *text = ob_strf(
        "{\"kind\":\"Config\",\"apiVersion\":\"v1\",\"current-context\":\"x\","
        "\"contexts\":[{\"name\":\"w\",\"context\":{\"cluster\":\"no\",\"user\":\"no\"}},"
        "{\"name\":\"x\",\"context\":{\"cluster\":\"y\",\"user\":\"z\",\"namespace\":\"n\"}}],"
        "\"clusters\":[{\"name\":\"o\",\"cluster\":{\"server\":\"https://other\"}},"
        "{\"name\":\"y\",\"cluster\":{%s}}],\"users\":[{\"name\":\"z\",\"user\":{%s}}]}",
        cluster, user);
    write_file(w, "a.json", text);
}

static int read_cluster(world *w)
{
    ob_kube_cluster_free(w->c);
    w->c = NULL;
    w->err = (ob_error){ 0 };
    int r = ob_kube_directory_read(w->dir, ARN "a", &w->c, &w->err);
    assert_true(r == 0 ? w->c != NULL : w->c == NULL && w->err.text[0]);
    return r;
}

static void assert_refused(world *w, const char *why)
{
    assert_int_equal(read_cluster(w), -EINVAL);
    if (!strstr(w->err.text, why))
        fail_msg("\"%s\" is not in \"%s\"", why, w->err.text);
}

static void the_current_context_counts(void **state)
{
    world *w = *state;
    write_config(w,
                 "\"server\":\"https://b.example:6443/k8s//\",\"tls-server-name\":\"kubernetes\","
                 "\"certificate-authority-data\":\"" PEM_BASE64 "\"",
                 "\"token\":\"abc\"");
    assert_int_equal(read_cluster(w), 0);
    assert_string_equal(w->c->name, "a");
    assert_string_equal(w->c->server, "https://b.example:6443/k8s");
    assert_string_equal(w->c->server_name, "kubernetes");
    assert_string_equal(w->c->ca, PEM);
    assert_string_equal(w->c->token, "abc");
    assert_null(w->c->certificate);
    assert_null(w->c->key);
}

static void a_client_certificate_comes_with_its_key(void **state)
{
    world *w = *state;
    write_config(w, "\"server\":\"https://b\"",
                 "\"client-certificate-data\":\"" PEM_BASE64 "\","
                 "\"client-key-data\":\"" PEM_BASE64 "\"");
    assert_int_equal(read_cluster(w), 0);
    assert_string_equal(w->c->certificate, PEM);
    assert_string_equal(w->c->key, PEM);
    assert_null(w->c->token);
    assert_null(w->c->ca);
    write_config(w, "\"server\":\"https://b\"", "\"client-key-data\":\"" PEM_BASE64 "\"");
    assert_refused(w, "client-certificate");
}

static void files_are_read_beside_it_and_the_data_goes_before(void **state)
{
    world *w = *state;
    write_file(w, "ca.pem", PEM "\n");
    write_file(w, "key.pem", PEM);
    write_file(w, "token", "first\n");
    ob_cleanup(ob_freep) char *key = ob_strdup(path_of(w, "key.pem"));
    ob_cleanup(ob_freep) char *user =
        ob_strf("\"token\":\"old\",\"tokenFile\":\"token\",\"client-certificate\":\"missing\","
                "\"client-certificate-data\":\"" PEM_BASE64 "\",\"client-key\":\"%s\"",
                key);
    write_config(w, "\"server\":\"https://b\",\"certificate-authority\":\"ca.pem\"", user);
    assert_int_equal(read_cluster(w), 0);
    assert_string_equal(w->c->ca, PEM "\n");
    assert_string_equal(w->c->token, "first");
    assert_string_equal(w->c->certificate, PEM);
    assert_string_equal(w->c->key, PEM);
    assert_int_equal(unlink(path_of(w, "ca.pem")), 0);
    assert_refused(w, "ca.pem"); /* the cluster's own file is there */
}

static void a_renewed_token_is_another_cluster(void **state)
{
    world *w = *state;
    ob_kube_cluster *before;
    write_file(w, "token", "first\n");
    write_config(w, "\"server\":\"https://b\"", "\"tokenFile\":\"token\"");
    assert_int_equal(read_cluster(w), 0);
    before = ob_take(w->c);
    assert_int_equal(read_cluster(w), 0);
    assert_true(ob_kube_cluster_same(before, w->c));
    write_file(w, "token", "second\n");
    assert_int_equal(read_cluster(w), 0);
    assert_string_equal(w->c->token, "second");
    assert_false(ob_kube_cluster_same(before, w->c));
    write_config(w, "\"server\":\"https://b\"", "");
    assert_int_equal(read_cluster(w), 0);
    assert_false(ob_kube_cluster_same(before, w->c));
    ob_kube_cluster_free(before);
}

static void what_runs_programs_or_trusts_anybody_is_refused(void **state)
{
    world *w = *state;
    static const struct {
        const char *cluster, *user, *why;
    } cases[] = {
        { "", "\"exec\":{\"command\":\"aws\"}", "exec" },
        { "", "\"auth-provider\":{\"name\":\"gcp\"}", "auth-provider" },
        { "", "\"username\":\"a\",\"password\":\"b\"", "username" },
        { "", "\"as\":\"admin\"", "as" },
        { ",\"insecure-skip-tls-verify\":true", "", "insecure-skip-tls-verify" },
        { ",\"proxy-url\":\"http://p\"", "", "proxy-url" },
        { ",\"tls-server-name\":\"a b\"", "", "tls-server-name" },
        { ",\"tls-server-name\":\"a:1:b\"", "", "tls-server-name" },
        { ",\"certificate-authority-data\":\"?\"", "", "certificate-authority-data" },
        { ",\"certificate-authority-data\":\"YWJj\"", "", "certificate-authority-data" },
        { ",\"certificate-authority\":\"/nowhere/ca\"", "", "/nowhere/ca" },
        { ",\"certificate-authority\":\"/dev/zero\"", "", "/dev/zero" },
        { "", "\"token\":\"a b\"", "token" },
        { "", "\"token\":\"a\\r\\nX-Other: b\"", "token" },
        { "", "\"token\":\"\xc3\xa4\"", "token" },
        { "", "\"tokenFile\":\"/nowhere/token\"", "/nowhere/token" },
        { "", "\"token\":5", "token must be a string" },
        /* -----BEGIN ENCRYPTED PRIVATE KEY----- */
        { "",
          "\"client-certificate-data\":\"" PEM_BASE64 "\",\"client-key-data\":"
          "\"LS0tLS1CRUdJTiBFTkNSWVBURUQgUFJJVkFURSBLRVktLS0tLQo=\"",
          "pass phrase" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        ob_cleanup(ob_freep) char *cluster =
            ob_strf("\"server\":\"https://b\"%s", cases[i].cluster);
        write_config(w, cluster, cases[i].user);
        assert_refused(w, cases[i].why);
    }
    /* What says nothing is no reason. */
    write_config(w,
                 "\"server\":\"https://b\",\"insecure-skip-tls-verify\":false,\"proxy-url\":\"\"",
                 "\"exec\":null,\"username\":\"\",\"token\":\"a\"");
    assert_int_equal(read_cluster(w), 0);
}

static void servers_are_called_with_tls_or_on_this_host(void **state)
{
    world *w = *state;
    static const char *const good[] = { "https://b",
                                        "https://b:6443/x/y",
                                        "https://[2001:db8::1]:6443",
                                        "http://127.0.0.1:8001",
                                        "http://localhost:8001",
                                        "http://[::1]:8001" };
    static const char *const bad[] = { "b",
                                       "",
                                       "b:6443",
                                       "https://",
                                       "https:///x",
                                       "http://b",
                                       "http://127.0.0.1.b",
                                       "http://127.b",
                                       "http://localhost.b",
                                       "http://localhost@b",
                                       "https://user:password@b",
                                       "https://b?x=y",
                                       "https://b#x",
                                       "https://b c",
                                       "file:///etc/passwd",
                                       "https://b\\n" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        ob_cleanup(ob_freep) char *cluster = ob_strf("\"server\":\"%s\"", good[i]);
        write_config(w, cluster, "");
        assert_int_equal(read_cluster(w), 0);
        assert_string_equal(w->c->server, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        ob_cleanup(ob_freep) char *cluster = ob_strf("\"server\":\"%s\"", bad[i]);
        write_config(w, cluster, "");
        assert_refused(w, "server");
    }
}

static void files_that_are_no_kubeconfig_are_refused_in_words(void **state)
{
    world *w = *state;
    static const char *const texts[] = {
        "",
        "[]",
        "apiVersion: v1",
        "{}",
        "{\"current-context\":\"x\"}",
        "{\"current-context\":\"x\",\"contexts\":{},\"clusters\":1}",
        "{\"current-context\":\"x\",\"contexts\":[1,null,{\"name\":\"x\",\"context\":[]}]}",
        ("{\"current-context\":\"x\",\"contexts\":[{\"name\":\"x\",\"context\":{\"cluster\":\"y\"}}"
         "],\"clusters\":[{\"name\":\"y\",\"cluster\":\"https://b\"}]}"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        write_file(w, "a.json", texts[i]);
        assert_refused(w, "a.json: ");
    }
}

static void a_missing_file_is_told_from_one_that_cannot_be_used(void **state)
{
    world *w = *state;
    assert_int_equal(read_cluster(w), -ENOENT);
    assert_non_null(strstr(w->err.text, "a.json"));
    assert_int_equal(mkdir(path_of(w, "a.json"), 0700), 0);
    assert_refused(w, "regular file");
    assert_int_equal(rmdir(path_of(w, "a.json")), 0);
    /* Opening a pipe waits for its writer; we do not. */
    assert_int_equal(mkfifo(path_of(w, "a.json"), 0600), 0);
    assert_refused(w, "regular file");
    assert_int_equal(unlink(path_of(w, "a.json")), 0);
    /* 1 MiB is enough for any. */
    ob_cleanup(ob_freep) char *long_text = ob_calloc(1, (1u << 20) + 2);
    memset(long_text, ' ', (1u << 20) + 1);
    write_file(w, "a.json", long_text);
    assert_refused(w, "longer than");
}

static void a_name_is_never_a_path(void **state)
{
    world *w = *state;
    static const char *const arns[] = {
        "",
        "a",
        ARN,
        ARN "..",
        ARN "../a",
        ARN "a/b",
        ARN ".a",
        ARN "-a",
        ARN "a.json",
        ARN "a\n",
        ARN "12345678901234567890123456789012345678901234567890"
            "12345678901234567890123456789012345678901234567890x",
    };
    write_config(w, "\"server\":\"https://b\"", "");
    for (size_t i = 0; i < ARRAY_SIZE(arns); i++) {
        w->err = (ob_error){ 0 };
        assert_int_equal(ob_kube_directory_read(w->dir, arns[i], &w->c, &w->err), -EINVAL);
        assert_null(w->c);
        assert_non_null(strstr(w->err.text, "ARN"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
        T(the_current_context_counts),
        T(a_client_certificate_comes_with_its_key),
        T(files_are_read_beside_it_and_the_data_goes_before),
        T(a_renewed_token_is_another_cluster),
        T(what_runs_programs_or_trusts_anybody_is_refused),
        T(servers_are_called_with_tls_or_on_this_host),
        T(files_that_are_no_kubeconfig_are_refused_in_words),
        T(a_missing_file_is_told_from_one_that_cannot_be_used),
        T(a_name_is_never_a_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
