/* Addresses of API servers. Pure: any thread. */
#pragma once

#include <stdbool.h>

/* Why it must not be called: "…" continues a sentence whose subject is the server. NULL: it may be
 * called. https://host[:port][/path], or http:// on this host alone, where a token is safe. */
const char *kube_server_fault(const char *server);
/* Is it on this host, by a name or address that cannot lead elsewhere? */
bool kube_server_is_local(const char *server);
/* Letters, digits, dots, hyphens: a name of DNS, or an IPv4 address. */
bool kube_host_ok(const char *host);
