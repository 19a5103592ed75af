/* The HTTP client and TLS: whose certificate it believes, what name it asks for, and how it says
 * who it is. The server is a process of the test's own; all certificates are made here. */
#include "unit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "ob/clock.h"
#include "ob/http.h"

#define PATIENCE_MS 20000
#define VALID_S 3600

typedef struct identity {
    EVP_PKEY *key;
    X509 *certificate;
    char *key_pem, *certificate_pem;
} identity;

typedef struct world {
    identity ca, other_ca, server, client;
    pid_t pid;
    int port;
    ob_http *h;
    int replies, status;
    char body[256], error[256];
} world;

/* ---- certificates ---- */

static char *text_of(BIO *bio)
{
    char *data;
    long len = BIO_get_mem_data(bio, &data);
    char *text = strndup(data, (size_t)len);
    BIO_free(bio);
    return text;
}

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    assert_non_null(extension);
    assert_int_equal(X509_add_ext(certificate, extension, -1), 1);
    X509_EXTENSION_free(extension);
}

/* signer: NULL: itself, as an authority. names: as subjectAltName has them; may be NULL. */
static void make(identity *to, const char *name, const char *names, const identity *signer)
{
    static long serial = 1;
    BIO *key = BIO_new(BIO_s_mem()), *certificate = BIO_new(BIO_s_mem());
    to->key = EVP_EC_gen("P-256");
    X509 *x = to->certificate = X509_new();
    assert_non_null(to->key);
    (void)X509_set_version(x, 2);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    (void)X509_gmtime_adj(X509_getm_notBefore(x), -VALID_S);
    (void)X509_gmtime_adj(X509_getm_notAfter(x), VALID_S);
    (void)X509_set_pubkey(x, to->key);
    (void)X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                     (const unsigned char *)name, -1, -1, 0);
    (void)X509_set_issuer_name(x, X509_get_subject_name(signer ? signer->certificate : x));
    if (!signer)
        extend(x, NID_basic_constraints, "critical,CA:TRUE");
    if (names)
        extend(x, NID_subject_alt_name, names);
    assert_true(X509_sign(x, signer ? signer->key : to->key, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_PrivateKey(key, to->key, NULL, NULL, 0, NULL, NULL), 1);
    assert_int_equal(PEM_write_bio_X509(certificate, x), 1);
    to->key_pem = text_of(key);
    to->certificate_pem = text_of(certificate);
}

static void forget(identity *one)
{
    EVP_PKEY_free(one->key);
    X509_free(one->certificate);
    free(one->key_pem);
    free(one->certificate_pem);
}

/* ---- the server ---- */

/* Answers one request with the name it was asked for and the name of the client. */
static void answer(SSL *ssl)
{
    char request[4096], name[64] = "nobody", body[256], reply[512];
    if (SSL_accept(ssl) != 1 || SSL_read(ssl, request, sizeof(request)) <= 0)
        return;
    const char *asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    X509 *client = SSL_get1_peer_certificate(ssl);
    if (client)
        (void)X509_NAME_get_text_by_NID(X509_get_subject_name(client), NID_commonName, name,
                                        sizeof(name));
    X509_free(client);
    (void)snprintf(body, sizeof(body), "%s %s", asked ? asked : "-", name);
    (void)snprintf(reply, sizeof(reply),
                   "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
                   strlen(body), body);
    (void)SSL_write(ssl, reply, (int)strlen(reply));
    (void)SSL_shutdown(ssl);
}

static _Noreturn void serve(const world *w, int listener)
{
    SSL_CTX *context = SSL_CTX_new(TLS_server_method());
    (void)SSL_CTX_use_certificate(context, w->server.certificate);
    (void)SSL_CTX_use_PrivateKey(context, w->server.key);
    (void)X509_STORE_add_cert(SSL_CTX_get_cert_store(context), w->ca.certificate);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        SSL *ssl = SSL_new(context);
        (void)SSL_set_fd(ssl, fd);
        answer(ssl);
        SSL_free(ssl);
        (void)close(fd);
    }
}

static void start(world *w)
{
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, len), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    w->port = ntohs(at.sin_port);
    pid_t parent = getpid();
    w->pid = fork();
    assert_true(w->pid >= 0);
    if (w->pid == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        (void)alarm(PATIENCE_MS / 1000 * 5); /* should the test die */
        if (getppid() == parent)
            serve(w, listener);
        _exit(1);
    }
    (void)close(listener);
}

/* ---- the client ---- */

static void on_reply(const ob_http_reply *reply, void *arg)
{
    world *w = arg;
    w->replies++;
    w->status = reply->status;
    (void)snprintf(w->body, sizeof(w->body), "%s", reply->body);
    (void)snprintf(w->error, sizeof(w->error), "%s", reply->error ? reply->error : "");
}

static void base_of(const world *w, char out[64])
{
    (void)snprintf(out, 64, "https://127.0.0.1:%d", w->port);
}

static void call(world *w)
{
    int64_t end_ms = ob_mono_ms() + PATIENCE_MS;
    int replies = w->replies;
    (void)ob_http_send(w->h, OB_POINT_NONE,
                       &(ob_http_request){ .method = "GET",
                                           .path = "/x",
                                           .timeout_s = PATIENCE_MS / 1000,
                                           .on_reply = on_reply,
                                           .arg = w });
    while (w->replies == replies) {
        assert_true(ob_mono_ms() < end_ms);
        ob_http_step(w->h, 10);
    }
}

static void call_with(world *w, const ob_http_tls *tls)
{
    char base[64];
    base_of(w, base);
    ob_http_aim(w->h, base, tls);
    call(w);
}

static int begin(void **state)
{
    world *w = ob_calloc(1, sizeof(*w));
    char base[64];
    make(&w->ca, "ca", NULL, NULL);
    make(&w->other_ca, "other", NULL, NULL);
    make(&w->server, "server", "IP:127.0.0.1,DNS:kubernetes", &w->ca);
    make(&w->client, "client", NULL, &w->ca);
    start(w);
    base_of(w, base);
    ob_http_options options = { .base = base, .body_max = 1000, .keepalive_s = 20 };
    assert_int_equal(ob_http_new(&options, &w->h, NULL), 0);
    *state = w;
    return 0;
}

static int end(void **state)
{
    world *w = *state;
    ob_http_free(w->h);
    (void)kill(w->pid, SIGKILL);
    (void)waitpid(w->pid, NULL, 0);
    forget(&w->ca);
    forget(&w->other_ca);
    forget(&w->server);
    forget(&w->client);
    free(w);
    return 0;
}

static void only_an_authority_that_was_named_is_believed(void **state)
{
    world *w = *state;
    call(w); /* the host trusts none of ours */
    assert_int_equal(w->status, 0);
    assert_string_not_equal(w->error, "");
    call_with(w, &(ob_http_tls){ .ca = w->other_ca.certificate_pem });
    assert_int_equal(w->status, 0);
    call_with(w, &(ob_http_tls){ .ca = w->ca.certificate_pem });
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "- nobody");
    /* A connection that an authority let through is none for another. */
    call_with(w, &(ob_http_tls){ .ca = w->other_ca.certificate_pem });
    assert_int_equal(w->status, 0);
}

static void a_client_shows_its_certificate(void **state)
{
    world *w = *state;
    call_with(w, &(ob_http_tls){ .ca = w->ca.certificate_pem,
                                 .certificate = w->client.certificate_pem,
                                 .key = w->client.key_pem });
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "- client");
}

static void a_server_is_called_by_the_name_in_its_certificate(void **state)
{
    world *w = *state;
    call_with(w, &(ob_http_tls){ .ca = w->ca.certificate_pem, .server_name = "kubernetes" });
    assert_int_equal(w->status, 200);
    assert_string_equal(w->body, "kubernetes nobody");
    call_with(w, &(ob_http_tls){ .ca = w->ca.certificate_pem, .server_name = "another" });
    assert_int_equal(w->status, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(only_an_authority_that_was_named_is_believed),
        T(a_client_shows_its_certificate),
        T(a_server_is_called_by_the_name_in_its_certificate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
