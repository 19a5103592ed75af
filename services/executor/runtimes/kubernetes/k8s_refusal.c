/* See k8s_refusal.h. Kubernetes answers 403 for many things: rights, quotas, limits, policies,
 * service accounts that are missing. Only its text tells them apart. What an admission plugin says
 * follows the pod's name in quotes; what is said of rights and namespaces does not, so no job can
 * make a node look unwell. Owns nothing. Any thread. */
#include "k8s_refusal.h"

#include <stdlib.h>
#include <string.h>

#include "ob/mem.h"

#define NAMES "requested: "

/* An amount as Kubernetes writes it; -1: it is none. */
static double read_amount(const char *text, const char **ret_end)
{
    static const struct {
        const char *unit;
        double times;
    } units[] = { { "Ki", 0x1p10 }, { "Mi", 0x1p20 }, { "Gi", 0x1p30 }, { "Ti", 0x1p40 },
                  { "Pi", 0x1p50 }, { "m", 1e-3 },    { "k", 1e3 },     { "M", 1e6 },
                  { "G", 1e9 },     { "T", 1e12 },    { "P", 1e15 } };
    char *end = NULL;
    double amount = strtod(text, &end);
    *ret_end = end;
    if (end == text)
        return -1;
    for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
        size_t len = strlen(units[i].unit);
        if (strncmp(end, units[i].unit, len) != 0)
            continue;
        *ret_end = end + len;
        return amount * units[i].times;
    }
    return amount;
}

/* In "a=1,b=2": the amount of 'name'; -1: it is not there. */
static double amount_of(const char *list, const char *name, size_t len)
{
    const char *end;
    while (list && *list) {
        if (strncmp(list, name, len) == 0 && list[len] == '=')
            return read_amount(list + len + 1, &end);
        size_t n = strcspn(list, ", ");
        list = list[n] == ',' && list[n + 1] != ' ' ? list + n + 1 : NULL;
    }
    return -1;
}

/* "exceeded quota: q, requested: cpu=9, used: cpu=1, limited: cpu=4": it asks for more than there
 * is in all. */
static bool is_above_quota(const char *message)
{
    const char *requested = strstr(message, NAMES);
    const char *limited = strstr(message, "limited: ");
    if (!requested || !limited)
        return false;
    for (const char *at = requested + strlen(NAMES); *at;) {
        size_t len = strcspn(at, "=, ");
        const char *end = at + len;
        if (*end != '=')
            break;
        double wanted = read_amount(end + 1, &end);
        double most = amount_of(limited + strlen("limited: "), at, len);
        if (most >= 0 && wanted > most)
            return true;
        if (*end != ',' || end[1] == ' ')
            break;
        at = end + 1;
    }
    return false;
}

k8s_refusal k8s_refusal_of(int status, const char *message, bool is_own)
{
    if (status == 403 && strstr(message, "exceeded quota: "))
        return is_above_quota(message) ? K8S_REFUSED_JOB : K8S_REFUSED_NOW;
    bool is_right = status == 403 && strncmp(message, "pods is forbidden: ", 19) == 0;
    bool is_namespace = strncmp(message, "namespaces ", 11) == 0 ||
                        strstr(message, "because it is being terminated");
    bool is_missing = is_namespace && (status == 404 || status == 403);
    return is_own && (is_right || is_missing) ? K8S_REFUSED_EVERY : K8S_REFUSED_JOB;
}
