/* Owns the meaning of a filter of ListJobs (AWS Batch API reference, "ListJobs"). Never touches the
 * database. Pure: any thread. */
#include "job_filter.h"

#include <ctype.h>
#include <string.h>

#include "ob/message.h"
#include "request/arn.h"

/* A name, or with an asterisk at its end the prefix of one: *ret_exact, or *ret_from and
 * *ret_below, which sorts after all names with that prefix (a last byte of 0x7f sorts after all
 * characters of names). False: no name can match. */
static bool read_name(list_filter *f,
                      const char *value,
                      const char **ret_exact,
                      const char **ret_from,
                      const char **ret_below)
{
    size_t len = strlen(value);
    bool prefix = len > 0 && value[len - 1] == '*';
    if (prefix)
        len--;
    if (len + 2 > FILTER_TEXT_MAX)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_' && c != '-'))
            return false;
    }
    memcpy(f->text[0], value, len);
    f->text[0][len] = '\0';
    if (!prefix) {
        *ret_exact = f->text[0];
        return len > 0;
    }
    if (len == 0)
        return true; /* all */
    memcpy(f->text[1], value, len);
    memcpy(f->text[1] + len, "\x7f", 2);
    *ret_from = f->text[0];
    *ret_below = f->text[1];
    return true;
}

static void read_job_name(list_filter *f, const char *value)
{
    f->nothing = !read_name(f, value, &f->sql.name, &f->sql.name_from, &f->sql.name_below);
    for (size_t i = 0; i < 2; i++)
        for (char *at = f->text[i]; *at; at++)
            *at = (char)tolower((unsigned char)*at);
}

static void read_definition(const api_request *req, list_filter *f, const char *value)
{
    job_filter *sql = &f->sql;
    if (!arn_is(value)) {
        f->nothing =
            !read_name(f, value, &sql->definition, &sql->definition_from, &sql->definition_below);
        return;
    }
    const char *rest = NULL;
    f->nothing = !arn_or_name(value, "job-definition", req->region, req->account, &rest) ||
                 !definition_name_split(rest, f->text[0], &sql->revision);
    sql->definition = f->text[0];
}

static int read_time(const char *value, int64_t *ret_ms, const char *name, api_reply *rep)
{
    size_t n = strspn(value, "0123456789");
    if (n < 1 || n > 15 || value[n] != '\0')
        return api_client_error(
            rep, "The value %.60s of filter %s is not a time in milliseconds since the epoch.",
            value, name);
    *ret_ms = atoll(value);
    return 0;
}

int list_filter_read(const api_request *req,
                     const json_t *filters,
                     list_filter *ret,
                     api_reply *rep)
{
    const json_t *pair = json_array_get(filters, 0);
    const char *name = ob_json_str(pair, "name", "");
    const json_t *values = json_object_get(pair, "values");
    int r = 0;
    *ret = (list_filter){ 0 };
    if (json_array_size(filters) > 1 || json_array_size(values) > 1)
        return api_client_error(rep, "Only one filter key-value pair can be specified.");
    const char *value = json_string_value(json_array_get(values, 0));
    if (value == NULL)
        return api_client_error(rep, "The filter %s needs a value.", name);
    if (strcmp(name, "JOB_NAME") == 0) {
        read_job_name(ret, value);
    } else if (strcmp(name, "JOB_DEFINITION") == 0) {
        read_definition(req, ret, value);
    } else if (strcmp(name, "SHARE_IDENTIFIER") == 0) {
        ret->sql.share = value;
    } else if (strcmp(name, "AFTER_CREATED_AT") == 0) {
        r = read_time(value, &ret->sql.after_ms, name, rep);
    } else {
        r = read_time(value, &ret->sql.before_ms, name, rep);
        ret->nothing = ret->sql.before_ms == 0;
    }
    return r;
}
