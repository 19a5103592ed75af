/* The form of requests and answers in AWS's query protocol (STS API reference: "Making Query
 * Requests", "Common Errors"). Owns the codes that errors have there. Knows no operation: an
 * answer's members become elements of the same names. Pure: any thread. */
#include "query_protocol.h"

#include <string.h>

#include "ob/buf.h"
#include "ob/message.h"
#include "ob/text.h"
#include "uri.h"

#define MEMBERS_MAX 64
#define XMLNS "https://sts.amazonaws.com/doc/" QUERY_VERSION "/"

static int malformed(api_reply *rep, const char *why)
{
    return api_error(rep, 400, "MalformedInput", "The request's form %s.", why);
}

int query_read(const char *form, size_t len, json_t **ret, api_reply *rep)
{
    json_auto_t *members = json_object();
    for (size_t at = 0, n = 0; at < len; n++) {
        const char *pair = form + at, *end = memchr(pair, '&', len - at);
        size_t pair_len = end ? (size_t)(end - pair) : len - at;
        const char *equals = memchr(pair, '=', pair_len);
        size_t name_len = equals ? (size_t)(equals - pair) : pair_len;
        size_t skip = name_len + (equals != NULL);
        json_auto_t *name = uri_text(pair, name_len, true);
        json_auto_t *value = uri_text(pair + skip, pair_len - skip, true);
        if (!name || !value)
            return malformed(rep, "cannot be decoded");
        if (n == MEMBERS_MAX)
            return malformed(rep, "has too many members");
        if (json_object_get(members, json_string_value(name))) /* which one counts? */
            return malformed(rep, "has a member twice");
        (void)json_object_set(members, json_string_value(name), value);
        at += pair_len + 1;
    }
    *ret = json_incref(members);
    return 0;
}

int query_no_action(const json_t *form, api_reply *rep)
{
    const char *action = ob_json_str(form, "Action", "");
    if (!*action)
        return api_error(rep, 400, "MissingAction", "Missing Action");
    return api_error(rep, 400, "InvalidAction", "Could not find operation %s for version %s",
                     ob_cut(action, 100),
                     ob_cut(ob_json_str(form, "Version", "NO_VERSION_SPECIFIED"), 20));
}

/* ---- answers --------------------------------------------------------------------------------- */

/* XML 1.0 has no other control characters, not even escaped. */
static bool is_allowed(unsigned char c)
{
    return c >= ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void add_text(ob_buf *out, const char *text)
{
    for (const char *at = text; *at; at++) {
        const char *entity = *at == '&'   ? "&amp;"
                             : *at == '<' ? "&lt;"
                             : *at == '>' ? "&gt;"
                             : *at == '"' ? "&quot;"
                                          : NULL;
        if (entity)
            ob_buf_str(out, entity);
        else
            ob_buf_add(out, is_allowed((unsigned char)*at) ? at : "?", 1);
    }
}

static void add_element(ob_buf *out, const char *name, const char *text)
{
    ob_buf_addf(out, "<%s>", name);
    add_text(out, text);
    ob_buf_addf(out, "</%s>", name);
}

/* Objects and texts; two levels, of our own making. */
static void add_members(ob_buf *out, json_t *object)
{
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        if (json_is_object(value)) {
            ob_buf_addf(out, "<%s>", name);
            add_members(out, value);
            ob_buf_addf(out, "</%s>", name);
        } else {
            add_element(out, name, json_string_value(value));
        }
    }
}

static const char *code_of(const api_reply *rep)
{
    static const struct {
        const char *code, *here;
    } codes[] = {
        { "AccessDeniedException", "AccessDenied" },
        { "ClientException", "ValidationError" },
        { "ExpiredTokenException", "ExpiredToken" },
        { "IncompleteSignatureException", "IncompleteSignature" },
        { "InvalidSignatureException", "SignatureDoesNotMatch" },
        { "MissingAuthenticationTokenException", "MissingAuthenticationToken" },
        { "RequestEntityTooLargeException", "RequestEntityTooLarge" },
        { "SerializationException", "MalformedInput" },
        { "ServiceUnavailableException", "ServiceUnavailable" },
        { "UnrecognizedClientException", "InvalidClientTokenId" },
    };
    if (strcmp(rep->code, "ServerException") == 0)
        return rep->status == 503 ? "ServiceUnavailable" : "InternalFailure";
    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(rep->code, codes[i].code) == 0)
            return codes[i].here;
    return rep->code;
}

static void add_error(ob_buf *out, const api_reply *rep, const char *request_id)
{
    char message[sizeof rep->message];
    ob_buf_addf(out, "<ErrorResponse xmlns=\"%s\"><Error>", XMLNS);
    add_element(out, "Type", rep->status < 500 ? "Sender" : "Receiver");
    add_element(out, "Code", code_of(rep));
    add_element(out, "Message", ob_text_into(message, sizeof message, rep->message));
    ob_buf_str(out, "</Error>");
    add_element(out, "RequestId", request_id);
    ob_buf_str(out, "</ErrorResponse>\n");
}

char *query_answer(const char *operation, const api_reply *rep, const char *request_id)
{
    ob_buf out = { 0 };
    if (rep->code) {
        add_error(&out, rep, request_id);
        return out.at;
    }
    ob_buf_addf(&out, "<%sResponse xmlns=\"%s\"><%sResult>", operation, XMLNS, operation);
    add_members(&out, rep->body);
    ob_buf_addf(&out, "</%sResult><ResponseMetadata>", operation);
    add_element(&out, "RequestId", request_id);
    ob_buf_addf(&out, "</ResponseMetadata></%sResponse>\n", operation);
    return out.at;
}
