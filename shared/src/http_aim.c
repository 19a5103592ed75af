/* See http_aim.h. A server whose certificate has another name than its address is called by the
 * name of the certificate, and libcurl is told to connect to the address: so the name is what TLS
 * asks for and checks. With certificates of its own a client speaks HTTP/1.1, so that a call whose
 * reader rests (ob_http_on_data) holds up no other call on its connection. */
#include "http_aim.h"

#include <string.h>

#include "ob/mem.h"

static char *copy(const char *text)
{
    return text ? ob_strdup(text) : NULL;
}

/* Puts the name in the place of the host in 'base', and the host into 'route'. */
static void rename_host(http_aim *aim, const char *name)
{
    CURLU *url = curl_url();
    char *host = NULL, *text = NULL;
    if (!url)
        abort(); /* out of memory */
    if (!curl_url_set(url, CURLUPART_URL, aim->base, 0) &&
        !curl_url_get(url, CURLUPART_HOST, &host, 0) &&
        !curl_url_set(url, CURLUPART_HOST, name, 0) &&
        !curl_url_get(url, CURLUPART_URL, &text, CURLU_NO_DEFAULT_PORT)) {
        size_t len = strlen(text);
        if (len && text[len - 1] == '/')
            text[len - 1] = '\0'; /* libcurl's, of an empty path */
        free(aim->base);
        aim->base = ob_strdup(text);
        aim->route = ob_strf("::%s:", host);
    }
    curl_free(host);
    curl_free(text);
    curl_url_cleanup(url);
}

void http_aim_set(http_aim *aim, const char *base, const ob_http_tls *tls)
{
    *aim = (http_aim){ .base = ob_strdup(base), .tls = tls != NULL };
    if (!tls)
        return;
    aim->ca = copy(tls->ca);
    aim->certificate = copy(tls->certificate);
    aim->key = copy(tls->key);
    if (tls->server_name)
        rename_host(aim, tls->server_name);
}

void http_aim_done(http_aim *aim)
{
    free(aim->base);
    free(aim->ca);
    free(aim->certificate);
    free(aim->key);
    free(aim->route);
    *aim = (http_aim){ 0 };
}

static void set_blob(CURL *easy, CURLoption option, char *text)
{
    if (!text)
        return;
    struct curl_blob blob = { .data = text, .len = strlen(text), .flags = CURL_BLOB_COPY };
    (void)curl_easy_setopt(easy, option, &blob);
}

struct curl_slist *http_aim_apply(const http_aim *aim, CURL *easy, const char *path)
{
    ob_cleanup(ob_freep) char *url = ob_strf("%s%s", aim->base, path);
    (void)curl_easy_setopt(easy, CURLOPT_URL, url);
    if (!aim->tls)
        return NULL;
    (void)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    if (aim->ca) { /* and none of those whom the host trusts */
        (void)curl_easy_setopt(easy, CURLOPT_CAINFO, (char *)NULL);
        (void)curl_easy_setopt(easy, CURLOPT_CAPATH, (char *)NULL);
    }
    set_blob(easy, CURLOPT_CAINFO_BLOB, aim->ca);
    set_blob(easy, CURLOPT_SSLCERT_BLOB, aim->certificate);
    set_blob(easy, CURLOPT_SSLKEY_BLOB, aim->key);
    if (!aim->route)
        return NULL;
    struct curl_slist *route = curl_slist_append(NULL, aim->route);
    (void)curl_easy_setopt(easy, CURLOPT_CONNECT_TO, route);
    return route;
}
