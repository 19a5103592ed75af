/* Reads the XML of EC2's Query API with expat: instances with our tags, and errors. Owns nothing.
 * Pure: any thread. */
#include "ec2_xml.h"

#include <expat.h>
#include <string.h>

#include "ob/buf.h"
#include "ob/error.h"
#include "ob/text.h"

#define DEPTH_MAX 12
#define NAME_MAX_LEN 32

typedef struct reader {
    char names[DEPTH_MAX][NAME_MAX_LEN]; /* of the open elements, as deep as is of interest */
    int depth;
    ob_buf text; /* of the element that is read */
    ec2_instance now;
    char key[128], value[128];
    ec2_answer *out;
} reader;

/* Do the innermost open elements have these names, "a/b/c"? */
static bool at(const reader *r, const char *path)
{
    int depth = r->depth;
    size_t end = strlen(path);
    if (depth > DEPTH_MAX)
        return false;
    while (end > 0) {
        size_t begin = end;
        while (begin > 0 && path[begin - 1] != '/')
            begin--;
        if (depth == 0 || strlen(r->names[depth - 1]) != end - begin ||
            strncmp(r->names[depth - 1], path + begin, end - begin) != 0)
            return false;
        depth--;
        end = begin > 0 ? begin - 1 : 0;
    }
    return true;
}

static void on_start(void *arg, const char *name, const char **attributes)
{
    reader *r = arg;
    (void)attributes;
    if (r->depth == 0)
        (void)ob_text_into(r->out->kind, sizeof(r->out->kind), name);
    if (r->depth < DEPTH_MAX)
        (void)ob_text_into(r->names[r->depth], NAME_MAX_LEN, name);
    r->depth++;
    ob_buf_clear(&r->text);
    if (at(r, "instancesSet/item"))
        r->now = (ec2_instance){ 0 };
    else if (at(r, "tagSet/item"))
        r->key[0] = r->value[0] = '\0';
}

static void on_text(void *arg, const char *text, int len)
{
    reader *r = arg;
    ob_buf_add(&r->text, text, (size_t)len);
}

static void on_end(void *arg, const char *name)
{
    reader *r = arg;
    const char *text = r->text.len > 0 ? r->text.at : "";
    (void)name;
    if (at(r, "instancesSet/item/instanceId"))
        (void)ob_text_into(r->now.ec2_id, sizeof(r->now.ec2_id), text);
    else if (at(r, "instancesSet/item/instanceState/name"))
        (void)ob_text_into(r->now.state, sizeof(r->now.state), text);
    else if (at(r, "instancesSet/item/tagSet/item/key"))
        (void)ob_text_into(r->key, sizeof(r->key), text);
    else if (at(r, "instancesSet/item/tagSet/item/value"))
        (void)ob_text_into(r->value, sizeof(r->value), text);
    else if (at(r, "instancesSet/item/tagSet/item") && strcmp(r->key, EC2_TAG_INSTANCE) == 0 &&
             ob_instance_id_is(r->value))
        (void)ob_text_into(r->now.id, sizeof(r->now.id), r->value);
    else if (at(r, "Error/Code"))
        (void)ob_text_into(r->out->code, sizeof(r->out->code), text);
    else if (at(r, "Error/Message"))
        (void)ob_text_into(r->out->message, sizeof(r->out->message), text);
    else if (at(r, "nextToken") && r->depth == 2 && *text) {
        free(r->out->next_token);
        r->out->next_token = ob_strdup(text);
    } else if (at(r, "instancesSet/item")) {
        r->out->instances =
            ob_realloc(r->out->instances, (r->out->n + 1) * sizeof(*r->out->instances));
        r->out->instances[r->out->n++] = r->now;
    }
    r->depth--;
    ob_buf_clear(&r->text);
}

int ec2_answer_read(const char *xml, size_t len, ec2_answer *ret)
{
    *ret = (ec2_answer){ 0 };
    reader r = { .out = ret };
    XML_Parser parser = XML_ParserCreate(NULL);
    if (!parser)
        abort();
    XML_SetUserData(parser, &r);
    XML_SetElementHandler(parser, on_start, on_end);
    XML_SetCharacterDataHandler(parser, on_text);
    bool whole = XML_Parse(parser, xml, (int)len, 1) == XML_STATUS_OK;
    XML_ParserFree(parser);
    ob_buf_done(&r.text);
    return whole ? 0 : -EBADMSG;
}

static bool among(const char *code, const char *const *codes)
{
    for (; *codes; codes++)
        if (strcmp(code, *codes) == 0)
            return true;
    return false;
}

/* The codes are from "Error codes for the Amazon EC2 API". */
int ec2_answer_meaning(int status, const ec2_answer *answer)
{
    static const char *const none[] = { "InsufficientInstanceCapacity",
                                        "InsufficientHostCapacity",
                                        "InsufficientReservedInstanceCapacity",
                                        "InstanceLimitExceeded",
                                        "VcpuLimitExceeded",
                                        "MaxSpotInstanceCountExceeded",
                                        "SpotMaxPriceTooLow",
                                        "InsufficientFreeAddressesInSubnet",
                                        "InsufficientCapacity",
                                        "ReservationCapacityExceeded",
                                        "Unsupported", /* of a type, in this zone */
                                        NULL };
    static const char *const later[] = { "RequestLimitExceeded",  "Throttling",
                                         "ThrottlingException",   "Unavailable",
                                         "ServerInternal",        "InternalError",
                                         "RequestExpired",        "AuthFailure",
                                         "UnauthorizedOperation", "ExpiredToken",
                                         "InvalidClientTokenId",  "SignatureDoesNotMatch",
                                         "PendingVerification",   NULL };
    if (among(answer->code, none))
        return -ENOSPC;
    bool unclear = status < 400 || status >= 500; /* no answer, or one that says nothing */
    return unclear || among(answer->code, later) ? -EAGAIN : -EINVAL;
}

void ec2_answer_done(ec2_answer *answer)
{
    free(answer->instances);
    free(answer->next_token);
    *answer = (ec2_answer){ 0 };
}
