/* The certificates of a client of HTTP (ob/http.h). */
#pragma once

/* How a server and its client prove who they are, as PEM text. */
typedef struct ob_http_tls {
    const char *ca;          /* who signs the server's certificate; NULL: whom the host trusts */
    const char *certificate; /* the client's, with 'key'; NULL: none */
    const char *key;
    const char *server_name; /* in the server's certificate; NULL: the host of the address */
} ob_http_tls;
