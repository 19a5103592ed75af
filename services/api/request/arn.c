/* ARNs and names of AWS Batch, and the parts of ECS that its answers mention. Owns their form;
 * looks nothing up. Pure: any thread. */
#include "arn.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/error.h"

__attribute__((format(printf, 5, 6))) static void arn_write(
    char *out, const char *service, const char *region, const char *account, const char *fmt, ...)
{
    int n = snprintf(out, API_ARN_MAX, "arn:aws:%s:%s:%s:", service, region, account);
    if (n < 0 || n >= API_ARN_MAX)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(out + n, API_ARN_MAX - (size_t)n, fmt, args);
    va_end(args);
}

void arn_compute_environment(char *out, const char *region, const char *account, const char *name)
{
    arn_write(out, "batch", region, account, "compute-environment/%s", name);
}

void arn_job_queue(char *out, const char *region, const char *account, const char *name)
{
    arn_write(out, "batch", region, account, "job-queue/%s", name);
}

void arn_scheduling_policy(char *out, const char *region, const char *account, const char *name)
{
    arn_write(out, "batch", region, account, "scheduling-policy/%s", name);
}

void arn_job_definition(
    char *out, const char *region, const char *account, const char *name, int revision)
{
    arn_write(out, "batch", region, account, "job-definition/%s:%d", name, revision);
}

void arn_job(char *out, const char *region, const char *account, const char *ref)
{
    arn_write(out, "batch", region, account, "job/%s", ref);
}

void arn_ecs_cluster(char *out, const char *region, const char *account, const char *cluster)
{
    arn_write(out, "ecs", region, account, "cluster/%s", cluster);
}

void arn_ecs_task(
    char *out, const char *region, const char *account, const char *cluster, const char *task)
{
    arn_write(out, "ecs", region, account, "task/%s/%s", cluster, task);
}

void arn_ecs_container_instance(
    char *out, const char *region, const char *account, const char *cluster, const char *id)
{
    arn_write(out, "ecs", region, account, "container-instance/%s/%s", cluster, id);
}

bool arn_is(const char *text)
{
    return strncmp(text, "arn:", 4) == 0;
}

/* Copies the text before 'end' and moves past it. */
static bool take(const char **at, char end, char *out, size_t size)
{
    const char *stop = strchr(*at, end);
    if (!stop || (size_t)(stop - *at) >= size)
        return false;
    if (out) {
        memcpy(out, *at, (size_t)(stop - *at));
        out[stop - *at] = '\0';
    }
    *at = stop + 1;
    return true;
}

/* aws, aws-cn, aws-us-gov ... */
static bool is_partition(const char *text)
{
    return strcmp(text, "aws") == 0 ||
           (strncmp(text, "aws-", 4) == 0 && text[4] &&
            text[4 + strspn(text + 4, "abcdefghijklmnopqrstuvwxyz-")] == '\0');
}

/* The common prefix of all ARNs; *ret_rest: the text after it. */
static bool parse_head(const char *text, const char *service, arn_parts *ret, const char **ret_rest)
{
    char partition[32], of[16];
    if (!arn_is(text))
        return false;
    const char *at = text + 4;
    if (!take(&at, ':', partition, sizeof partition) || !is_partition(partition) ||
        !take(&at, ':', of, sizeof of) || strcmp(of, service) != 0 ||
        !take(&at, ':', ret->region, sizeof ret->region) ||
        !take(&at, ':', ret->account, sizeof ret->account))
        return false;
    *ret_rest = at;
    return true;
}

bool arn_parse(const char *text, arn_parts *ret)
{
    const char *at;
    if (!parse_head(text, "batch", ret, &at) || !take(&at, '/', ret->kind, sizeof ret->kind))
        return false;
    ret->rest = at;
    return *at != '\0';
}

char *arn_log_group(const char *text, bool or_arn, const char *region, const char *account)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
    static const char mark[] = "log-group:";
    bool is_arn = or_arn && arn_is(text);
    if (is_arn) {
        arn_parts parts;
        if (!parse_head(text, "logs", &parts, &text) || strcmp(parts.region, region) != 0 ||
            strcmp(parts.account, account) != 0 || strncmp(text, mark, sizeof mark - 1) != 0)
            return NULL;
        text += sizeof mark - 1;
    }
    size_t n = strlen(text), good = 0;
    if (is_arn && n > 2 && strcmp(text + n - 2, ":*") == 0)
        n -= 2;
    while (good < n && (strchr(letters, text[good]) || strchr(".-_/#", text[good])))
        good++;
    return n >= 1 && n < LOG_NAME_MAX && good == n ? ob_strf("%.*s", (int)n, text) : NULL;
}

bool arn_or_name(
    const char *text, const char *kind, const char *region, const char *account, const char **ret)
{
    if (!arn_is(text)) {
        *ret = text;
        return true;
    }
    arn_parts parts;
    if (!arn_parse(text, &parts) || strcmp(parts.kind, kind) != 0 ||
        strcmp(parts.region, region) != 0 || strcmp(parts.account, account) != 0)
        return false;
    *ret = parts.rest;
    return true;
}

static bool name_span(const char *name, size_t len)
{
    if (len < 1 || len > 128 || !isalnum((unsigned char)name[0]))
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c >= 0x80 || (!isalnum(c) && c != '_' && c != '-'))
            return false;
    }
    return true;
}

bool name_is_valid(const char *name)
{
    return name_span(name, strlen(name));
}

bool definition_name_split(const char *text, char name[API_NAME_MAX], int *ret_revision)
{
    size_t len = strcspn(text, ":");
    if (!name_span(text, len))
        return false;
    int revision = 0;
    if (text[len] == ':') {
        const char *digits = text + len + 1;
        size_t n = strspn(digits, "0123456789");
        if (n < 1 || n > 9 || digits[n] != '\0' || digits[0] == '0')
            return false;
        revision = atoi(digits);
    }
    memcpy(name, text, len);
    name[len] = '\0';
    *ret_revision = revision;
    return true;
}
