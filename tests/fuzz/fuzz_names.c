/* Names and ARNs of resources in requests, and paging tokens.
 * Covers: services/api/request/arn.c services/api/request/paging.c */
#include "fuzz.h"

#include "ob/id.h"
#include "request/arn.h"
#include "request/paging.h"

#define REGION "us-east-1"
#define ACCOUNT "123456789012"

/* An ARN that is ours says the same as the name in it. */
static void check_arn(const char *text)
{
    static const char *const kinds[] = { "job-queue", "compute-environment", "scheduling-policy",
                                         "job-definition", "job" };
    arn_parts parts;
    bool is_arn = arn_parse(text, &parts);
    int ours = 0;
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        const char *name = NULL;
        bool taken = arn_or_name(text, kinds[i], REGION, ACCOUNT, &name);
        FUZZ_CHECK(!taken || (name && strstr(text, name)));
        FUZZ_CHECK(!taken || arn_is(text) == (name != text));
        ours += taken && is_arn;
    }
    FUZZ_CHECK(ours <= 1); /* it is of one kind */
    if (is_arn)
        FUZZ_CHECK(strlen(parts.rest) > 0 && strchr(parts.kind, '/') == NULL &&
                   strchr(parts.region, ':') == NULL && strchr(parts.account, ':') == NULL);
    char arn[API_ARN_MAX];
    const char *name = NULL;
    if (!name_is_valid(text))
        return;
    arn_job_queue(arn, REGION, ACCOUNT, text);
    FUZZ_CHECK(arn_or_name(arn, "job-queue", REGION, ACCOUNT, &name) && strcmp(name, text) == 0);
    FUZZ_CHECK(!arn_or_name(arn, "job-queue", "us-east-2", ACCOUNT, &name));
}

static void check_definition(const char *text)
{
    char name[API_NAME_MAX];
    int revision = -1;
    if (!definition_name_split(text, name, &revision))
        return;
    FUZZ_CHECK(name_is_valid(name) && revision >= 0);
    ob_cleanup(ob_freep) char *again =
        revision ? ob_strf("%s:%d", name, revision) : ob_strdup(name);
    FUZZ_CHECK(strcmp(again, text) == 0);
}

static void check_group(const char *text)
{
    ob_cleanup(ob_freep) char *by_name = arn_log_group(text, false, REGION, ACCOUNT);
    ob_cleanup(ob_freep) char *by_arn = arn_log_group(text, true, REGION, ACCOUNT);
    FUZZ_CHECK(!by_name || strcmp(by_name, text) == 0);
    if (!by_arn)
        return;
    FUZZ_CHECK(strlen(by_arn) < LOG_NAME_MAX);
    ob_cleanup(ob_freep) char *arn =
        ob_strf("arn:aws:logs:" REGION ":" ACCOUNT ":log-group:%s:*", by_arn);
    ob_cleanup(ob_freep) char *again = arn_log_group(arn, true, REGION, ACCOUNT);
    FUZZ_CHECK(again && strcmp(again, by_arn) == 0);
}

/* A token gives back what it was made of; any other text is refused. */
static void check_token(const char *text)
{
    static api_ctx ctx = { .token_key = "a key of thirty-two bytes......" };
    static api_reply rep;
    const api_request req = {
        .operation = "ListJobs", .account = ACCOUNT, .region = REGION, .ctx = &ctx
    };
    char *position = NULL;
    FUZZ_CHECK(page_token_read(&req, text, &position, &rep) < 0);
    api_reply_done(&rep);
    ob_cleanup(ob_freep) char *token = page_token_new(&req, text);
    FUZZ_CHECK(page_token_read(&req, token, &position, &rep) == 0);
    FUZZ_CHECK(strncmp(position, text, strlen(position)) == 0);
    free(position);
    token[strlen(token) / 2] ^= 1;
    FUZZ_CHECK(page_token_read(&req, token, &position, &rep) < 0);
    api_reply_done(&rep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    bool is_token = fuzz_byte(&in) == 't';
    ob_cleanup(ob_freep) char *text = fuzz_rest(&in, NULL);
    check_arn(text);
    check_definition(text);
    check_group(text);
    if (is_token)
        check_token(text);
    return 0;
}
