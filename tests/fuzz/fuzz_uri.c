/* Members of a request that are in its path and its query.
 * Covers: services/api/http/uri.c */
#include "fuzz.h"

#include "http/uri.h"
#include "ob/json.h"
#include "ob/text.h"

#define PREFIX "/v1/tags/"

/* Each byte as %XX. */
static void encode(const char *text, char *out)
{
    for (; *text; text++)
        out += sprintf(out, "%%%02X", (unsigned char)*text);
    *out = '\0';
}

static void check_lists(json_t *body)
{
    const char *name;
    json_t *value, *item;
    size_t i;
    json_object_foreach(body, name, value)
    {
        FUZZ_CHECK(ob_text_is_utf8(name, strlen(name)));
        FUZZ_CHECK(json_is_array(value) || strcmp(name, "resourceArn") == 0);
        json_array_foreach(value, i, item)
            FUZZ_CHECK(ob_text_is_utf8(json_string_value(item), json_string_length(item)));
    }
}

/* However it is encoded, it is read as the same text. */
static void check_encoded(const char *arn)
{
    ob_cleanup(ob_freep) char *path = ob_calloc(1, sizeof(PREFIX) + 3 * strlen(arn));
    ob_cleanup(ob_freep) char *query = ob_calloc(1, sizeof("tagKeys=") + 3 * strlen(arn));
    json_auto_t *body = json_object();
    api_reply *rep = ob_calloc(1, sizeof(*rep));
    encode(arn, stpcpy(path, PREFIX));
    encode(arn, stpcpy(query, "tagKeys="));
    FUZZ_CHECK(uri_members(path, PREFIX, "resourceArn", query, body, rep) == 0);
    const char *tag = json_string_value(json_array_get(json_object_get(body, "tagKeys"), 0));
    FUZZ_CHECK(strcmp(json_string_value(json_object_get(body, "resourceArn")), arn) == 0);
    FUZZ_CHECK(strcmp(tag, arn) == 0);
    api_reply_done(rep);
    free(rep);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_cleanup(ob_freep) char *rest = fuzz_part(&in, NULL), *query = fuzz_rest(&in, NULL);
    ob_cleanup(ob_freep) char *path = ob_strf(PREFIX "%s", rest);
    json_auto_t *body = json_object();
    api_reply *rep = ob_calloc(1, sizeof(*rep));
    int r = uri_members(path, PREFIX, "resourceArn", query, body, rep);
    FUZZ_CHECK((r < 0) == (rep->code != NULL));
    if (r == 0) {
        const char *arn = json_string_value(json_object_get(body, "resourceArn"));
        FUZZ_CHECK(arn && strlen(arn) <= strlen(rest));
        check_lists(body);
        check_encoded(arn);
    }
    api_reply_done(rep);
    free(rep);
    return 0;
}
