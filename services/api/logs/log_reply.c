/* Names, errors and texts of CloudWatch Logs (CloudWatch Logs API reference). Owns nothing. Thread:
 * an HTTP worker. */
#include "log_reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ob/text.h"
#include "request/names.h"

int log_invalid(api_reply *rep, const char *fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    return api_error(rep, 400, "InvalidParameterException", "%s", text);
}

int log_bad_token(api_reply *rep)
{
    return log_invalid(rep, "The specified nextToken is invalid.");
}

int log_missing(api_reply *rep, const char *what)
{
    return api_error(rep, 400, "ResourceNotFoundException", "The specified log %s does not exist.",
                     what);
}

int log_group_of(const api_request *req, const char **ret, api_reply *rep)
{
    const api_name *name = names_of(req, ACCESS_GROUP), *id = names_of(req, ACCESS_GROUP_ID);
    if (!name && !id)
        return log_invalid(rep, "logGroupName or logGroupIdentifier is required.");
    if (name && id)
        return log_invalid(rep, "Only one of logGroupName and logGroupIdentifier may be given.");
    const api_name *group = name ? name : id;
    *ret = group->name;
    if (group->name)
        return 0;
    if (group == id && arn_is(id->text))
        return log_missing(rep, "group");
    return log_invalid(rep,
                       "1 validation error detected: Value '%.512s' at '%s' failed to satisfy "
                       "constraint: Member must satisfy regular expression pattern: "
                       "[\\.\\-_/#A-Za-z0-9]+",
                       group->text, group->member);
}

int log_group_check(api_request *req, const char *group, api_reply *rep)
{
    bool exists = false;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = log_store_group_exists(req->db, req->account, req->region, group, &exists, &rep->err);
    return r < 0 ? r : exists ? 0 : log_missing(rep, "group");
}

void log_group_arn(const api_request *req, const char *group, char out[LOG_ARN_MAX])
{
    (void)snprintf(out, LOG_ARN_MAX, "arn:aws:logs:%s:%s:log-group:%s", req->region, req->account,
                   group);
}

json_t *log_text(const void *data, size_t len)
{
    const char *bytes = data;
    json_t *plain = json_stringn(bytes, len);
    if (plain != NULL)
        return plain;
    ob_cleanup(ob_freep) char *out = ob_calloc(3 * len + 1, 1);
    size_t n = 0;
    for (size_t i = 0; i < len;) {
        size_t step = bytes[i] ? ob_utf8_sequence(bytes + i, len - i) : 1; /* NUL stays */
        if (step > 0)
            memcpy(out + n, bytes + i, step);
        else
            memcpy(out + n, "\xef\xbf\xbd", 3);
        n += step > 0 ? step : 3;
        i += step > 0 ? step : 1;
    }
    return json_stringn_nocheck(out, n);
}
