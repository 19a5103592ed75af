/* See kube_server.h. */
#include "kube_server.h"

#include <ctype.h>
#include <string.h>

#include "ob/mem.h"

#define HOST_MAX 253

bool kube_host_ok(const char *host)
{
    size_t n = strlen(host);
    bool good = n >= 1 && n <= HOST_MAX && host[0] != '-' && host[0] != '.';
    for (size_t i = 0; good && i < n; i++)
        good = isalnum((unsigned char)host[i]) || strchr(".-", host[i]);
    return good;
}

/* The part after ://; NULL: neither https nor http. */
static const char *after_scheme(const char *server, bool *ret_https)
{
    *ret_https = strncmp(server, "https://", 8) == 0;
    if (*ret_https)
        return server + 8;
    return strncmp(server, "http://", 7) == 0 ? server + 7 : NULL;
}

bool kube_server_is_local(const char *server)
{
    static const char *const local[] = { "127.", "localhost", "[::1]" };
    bool https;
    const char *host = after_scheme(server, &https);
    if (!host)
        return false;
    size_t n = host[0] == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":/");
    if (strncmp(host, local[0], 4) == 0) /* an address, not a name that begins so */
        return strspn(host, "0123456789.") == n;
    for (size_t i = 1; i < ARRAY_SIZE(local); i++)
        if (strlen(local[i]) == n && strncmp(host, local[i], n) == 0)
            return true;
    return false;
}

const char *kube_server_fault(const char *server)
{
    bool https;
    const char *rest = after_scheme(server, &https);
    if (!rest || !*rest || *rest == '/' || *rest == ':')
        return "is not an address such as https://host:6443";
    for (const char *at = rest; *at; at++)
        if (!isgraph((unsigned char)*at) || strchr("@?#\\\"<>{}|^`%", *at))
            return "has a character that an address must not have";
    if (!https && !kube_server_is_local(server))
        return "is not called without TLS, unless it is on this host";
    return NULL;
}
