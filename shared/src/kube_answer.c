/* What answers of an API server mean (ob/kube.h). Pure: any thread. */
#include <string.h>

#include "ob/kube.h"
#include "ob/message.h"

#define RETRY_MAX_S 3600

/* RBAC writes `… is forbidden: User "x" cannot …`; admission writes its own reason there, about an
 * object that the user may have made. Without a Status somebody before the server has refused. */
static ob_kube_answer forbidden_kind(const json_t *status)
{
    static const char begin[] = " is forbidden: ";
    const char *message = ob_json_str(status, "message", "");
    const char *why = strstr(message, begin);
    if (strstr(message, "exceeded quota"))
        return OB_KUBE_QUOTA;
    if (strstr(message, "admission webhook"))
        return OB_KUBE_REFUSED;
    return why && strncmp(why + strlen(begin), "User \"", 6) != 0 ? OB_KUBE_REFUSED
                                                                  : OB_KUBE_FORBIDDEN;
}

ob_kube_answer ob_kube_answer_kind(int code, const json_t *status)
{
    if (code >= 200 && code < 300)
        return OB_KUBE_OK;
    switch (code) {
    case 0:
        return OB_KUBE_UNREACHABLE;
    case 401:
        return OB_KUBE_UNAUTHORIZED;
    case 403:
        return forbidden_kind(status);
    case 404:
        return OB_KUBE_NOT_FOUND;
    case 408:
        return OB_KUBE_SERVER; /* a time-out */
    case 409:
        return strcmp(ob_json_str(status, "reason", ""), "AlreadyExists") == 0 ? OB_KUBE_EXISTS
                                                                               : OB_KUBE_CONFLICT;
    case 410:
        return OB_KUBE_EXPIRED;
    case 429:
        return OB_KUBE_THROTTLED;
    default:
        return code >= 400 && code < 500 ? OB_KUBE_INVALID : OB_KUBE_SERVER;
    }
}

int ob_kube_retry_after_ms(const json_t *status)
{
    json_int_t s = json_integer_value(
        json_object_get(json_object_get(status, "details"), "retryAfterSeconds"));
    return s < 0 ? 0 : s > RETRY_MAX_S ? RETRY_MAX_S * 1000 : (int)s * 1000;
}

const char *ob_kube_answer_name(ob_kube_answer kind)
{
    switch (kind) {
    case OB_KUBE_OK:
        return "done";
    case OB_KUBE_NOT_FOUND:
        return "not found";
    case OB_KUBE_EXISTS:
        return "exists already";
    case OB_KUBE_CONFLICT:
        return "has changed";
    case OB_KUBE_EXPIRED:
        return "expired";
    case OB_KUBE_UNAUTHORIZED:
        return "not signed in";
    case OB_KUBE_FORBIDDEN:
        return "no right";
    case OB_KUBE_QUOTA:
        return "over the quota";
    case OB_KUBE_REFUSED:
        return "refused by a rule";
    case OB_KUBE_INVALID:
        return "not valid";
    case OB_KUBE_THROTTLED:
        return "too many requests";
    case OB_KUBE_SERVER:
        return "server error";
    case OB_KUBE_UNREACHABLE:
        return "not reachable";
    }
    return "unknown";
}

const char *ob_kube_meta(const json_t *object, const char *member)
{
    return ob_json_str(json_object_get(object, "metadata"), member, "");
}
