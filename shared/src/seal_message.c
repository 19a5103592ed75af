/* Sealed messages on their way out and in, and which of them count (ob/seal.h). Owns nothing. Never
 * writes a message in clear. Invariant: what a receiver believes of a message's sender comes from
 * the key that opened it, not from the text. The owner's thread. */
#include <string.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/seal.h"
#include "ob/topics.h"

int ob_seal_send(ob_seal *seal,
                 const ob_seal_owner *owner,
                 ob_bus *bus,
                 ob_point point,
                 const char *topic,
                 int32_t partition,
                 const char *key,
                 size_t key_len,
                 const char *text,
                 size_t len,
                 void *ref,
                 ob_error *err)
{
    ob_cleanup(ob_freep) char *sealed = NULL;
    size_t sealed_len = 0;
    int r = ob_seal_write(seal, owner, topic, text, len, &sealed, &sealed_len, err);
    if (r < 0)
        return r;
    return ob_bus_send(bus, point, topic, partition, key, key_len, sealed, sealed_len, ref, err);
}

/* Many small values cost far more than a text of their length: memory and time of parsing, and of
 * whoever looks at them. No executor's report is like that. */
static int parse(const char *topic,
                 const char *text,
                 size_t len,
                 json_t **ret,
                 const char **ret_type,
                 int64_t *ret_epoch,
                 ob_error *err)
{
    size_t max = OB_SEAL_VALUES + len / OB_SEAL_VALUE_BYTES;
    if (strcmp(topic, OB_TOPIC_EXECUTIONS) == 0 && len <= OB_MESSAGE_MAX &&
        ob_json_values(text, len) > max)
        return ob_fail(err, EINVAL, "message of %zu bytes has more than %zu values", len, max);
    return ob_message_parse(text, len, ret, ret_type, ret_epoch, err);
}

int ob_seal_parse(const ob_seal *seal,
                  const ob_bus_msg *msg,
                  json_t **ret,
                  const char **ret_type,
                  int64_t *ret_epoch,
                  ob_error *err)
{
    json_t *json = NULL;
    if (!ob_seal_is(msg->data, msg->len)) {
        int r = parse(msg->topic, msg->data, msg->len, &json, ret_type, ret_epoch, err);
        if (r == 0)
            (void)json_object_del(json, "seal");
        *ret = r == 0 ? json : *ret;
        return r;
    }
    ob_seal_opened m = { 0 };
    int r = ob_seal_read(seal, msg->topic, msg->data, msg->len, &m, err);
    if (r == 0)
        r = parse(msg->topic, m.text, m.len, &json, ret_type, ret_epoch, err);
    free(m.text);
    if (r < 0)
        return r;
    (void)json_object_set_new(json, "instance", ob_json_text(m.owner.instance));
    (void)json_object_set_new(json, "seal",
                              json_pack("{s:o, s:I}", "salt", ob_json_text(m.owner.salt), "number",
                                        (json_int_t)(m.number & INT64_MAX)));
    *ret = json;
    return 0;
}

static json_t *seal_of(const json_t *msg)
{
    return json_object_get(msg, "seal");
}

bool ob_seal_is_sealed(const json_t *msg)
{
    return seal_of(msg) != NULL;
}

const char *ob_seal_salt_of(const json_t *msg)
{
    return ob_json_str(seal_of(msg), "salt", "");
}

void ob_seal_trust_set(ob_seal_trust *trust, const char *salt, const char *token_hash)
{
    (void)snprintf(trust->token_hash, sizeof(trust->token_hash), "%s",
                   token_hash ? token_hash : "");
    if (!salt || !*salt || strcmp(salt, trust->salt) == 0)
        return;
    (void)snprintf(trust->salt, sizeof(trust->salt), "%s", salt);
    trust->number = 0; /* another key, another count */
}

static bool has_former_token(const ob_seal_trust *trust, const json_t *msg)
{
    char hash[OB_TOKEN_HASH_TEXT];
    const char *token = ob_json_str(msg, "token", "");
    if (!*token || !*trust->token_hash)
        return false;
    ob_token_hash(token, hash);
    return strcmp(hash, trust->token_hash) == 0;
}

bool ob_seal_accepts(ob_seal_trust *trust, const json_t *msg)
{
    const char *salt = ob_seal_salt_of(msg);
    if (*trust->salt)
        return strcmp(salt, trust->salt) == 0;
    if (!ob_seal_is_sealed(msg))
        return has_former_token(trust, msg);
    if (strcmp(salt, OB_SEAL_FIRST_SALT) != 0 && !has_former_token(trust, msg))
        return false;
    ob_seal_trust_set(trust, salt, trust->token_hash);
    return true;
}

bool ob_seal_repeats(ob_seal_trust *trust, json_t *msg)
{
    json_t *seal = seal_of(msg);
    uint64_t number = (uint64_t)ob_json_int(seal, "number", 0);
    if (!seal || ob_json_bool(seal, "counted", false))
        return false;
    if (number <= trust->number)
        return true;
    trust->number = number;
    (void)json_object_set_new(seal, "counted", json_true());
    return false;
}
