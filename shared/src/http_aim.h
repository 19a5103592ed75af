/* Where the calls of a client go: the address, and the certificates of both sides (ob/http.h). Used
 * by http.c alone. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "ob/http_tls.h"

typedef struct http_aim {
    char *base;
    bool tls; /* the members below count */
    char *ca, *certificate, *key;
    char *route; /* as CURLOPT_CONNECT_TO has it; NULL: to the host of 'base' */
} http_aim;

/* Copies both. 'aim' is empty. */
void http_aim_set(http_aim *aim, const char *base, const ob_http_tls *tls);
void http_aim_done(http_aim *aim);
/* Returns what is freed after the call (NULL: nothing). */
struct curl_slist *http_aim_apply(const http_aim *aim, CURL *easy, const char *path);
