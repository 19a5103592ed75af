/* Signed requests: who signed, what was signed, and that nothing of it was changed.
 * Covers: services/api/http/sigv4.c services/api/http/sigv4_read.c
 * services/api/http/sigv4_canonical.c */
#include "fuzz.h"

#include "http/sigv4.h"
#include "http/sigv4_canonical.h"

#define HEADERS_MAX 12
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define NOW_S 1440938160 /* 20150830T123600Z */

typedef struct made {
    char *method, *path, *query, *body, *texts[2 * HEADERS_MAX];
    sigv4_header headers[HEADERS_MAX + 1];
    sigv4_request request;
} made;

/* method, path, query, body, and then headers: names and values in turn. */
static void make(made *m, fuzz_input *in)
{
    size_t body_len, n = 0;
    m->method = fuzz_part(in, NULL);
    m->path = fuzz_part(in, NULL);
    m->query = fuzz_part(in, NULL);
    m->body = fuzz_part(in, &body_len);
    while (in->left > 0 && n < HEADERS_MAX) {
        m->texts[2 * n] = fuzz_part(in, NULL);
        m->texts[2 * n + 1] = fuzz_part(in, NULL);
        m->headers[n] = (sigv4_header){ m->texts[2 * n], m->texts[2 * n + 1] };
        n++;
    }
    m->request = (sigv4_request){ .method = m->method,
                                  .path = m->path,
                                  .query = m->query,
                                  .headers = m->headers,
                                  .n_headers = n,
                                  .body = m->body,
                                  .body_len = body_len };
}

static void made_done(made *m)
{
    free(m->method);
    free(m->path);
    free(m->query);
    free(m->body);
    for (size_t i = 0; i < 2 * HEADERS_MAX; i++)
        free(m->texts[i]);
}

static int verify(const sigv4_request *request, sigv4_auth *auth)
{
    static sigv4_ctx *ctx;
    sigv4_refusal refusal = { 0 };
    if (!ctx)
        ctx = sigv4_new();
    int r = sigv4_read(request, auth, &refusal);
    if (r == 0)
        r = sigv4_verify(ctx, request, auth, "batch", SECRET, NOW_S, &refusal);
    FUZZ_CHECK(r == 0 || (refusal.code && refusal.message[0]));
    return r;
}

/* The signature that the holder of the secret would give to a request that claims another. */
static bool sign(made *m, const sigv4_auth *auth)
{
    static sigv4_ctx *ctx;
    char signature[65];
    if (!ctx)
        ctx = sigv4_new();
    ob_cleanup(ob_freep) char *canonical = sigv4_canonical_request(&m->request, auth);
    ob_cleanup(ob_freep) char *text = sigv4_string_to_sign(auth, canonical);
    size_t all = strlen(m->method) + strlen(m->path) + strlen(m->query) + auth->signed_headers_len;
    for (size_t i = 0; i < m->request.n_headers; i++)
        all += strlen(m->headers[i].value);
    FUZZ_CHECK(strlen(canonical) <= 3 * all + 2 * auth->signed_headers_len + 100);
    sigv4_signature(ctx, auth, SECRET, text, signature);
    for (size_t i = 0; i < m->request.n_headers; i++) {
        char *at = strstr(m->texts[2 * i + 1], auth->signature);
        if (at == NULL)
            continue;
        memcpy(at, signature, 64);
        return true;
    }
    return false;
}

static void check_changed(made *m, const sigv4_auth *signed_by)
{
    sigv4_auth auth;
    sigv4_request other = m->request;
    other.method = "PATCH";
    FUZZ_CHECK(strcmp(m->method, "PATCH") == 0 || verify(&other, &auth) < 0);
    other = m->request;
    other.body = "another body";
    other.body_len = 12;
    FUZZ_CHECK((m->request.body_len == 12 && strcmp(m->body, "another body") == 0) ||
               verify(&other, &auth) < 0);
    other = m->request;
    ob_cleanup(ob_freep) char *path = ob_strf("%s/more", m->path);
    other.path = path;
    FUZZ_CHECK(verify(&other, &auth) < 0);
    other = m->request;
    ob_cleanup(ob_freep) char *query = ob_strf("%s&more=1", m->query);
    other.query = query;
    FUZZ_CHECK(verify(&other, &auth) < 0);
    /* One more header that has to be signed. */
    other = m->request;
    m->headers[other.n_headers++] = (sigv4_header){ "x-amz-more", "1" };
    FUZZ_CHECK(verify(&other, &auth) < 0);
    FUZZ_CHECK(signed_by->key_id[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(made_done) made m = { 0 };
    sigv4_auth auth = { 0 };
    sigv4_refusal refusal = { 0 };
    make(&m, &in);
    (void)verify(&m.request, &auth);
    if (sigv4_read(&m.request, &auth, &refusal) < 0)
        return 0;
    FUZZ_CHECK(strlen(auth.date) == 8 && strlen(auth.time) == 16 && strlen(auth.signature) <= 64);
    if (sign(&m, &auth) && verify(&m.request, &auth) == 0)
        check_changed(&m, &auth);
    return 0;
}
