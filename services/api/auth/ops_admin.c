/* Members of OpenBatch's own operations (docs/access.md, docs/capacity.md). Data only; read-only
 * after the start. */
#include <string.h>

#include "keys.h"
#include "request/ops_fields.h"

#define KEY_ID STRING("accessKeyId", .min = 1, .max = 128, REQUIRED)

static int check_key_name(json_t *value, const api_field_where *where)
{
    for (const char *c = json_string_value(value); *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-", *c))
            return field_refuse(where, "%s may have letters, digits and +=,.@_- only.",
                                where->path);
    return 0;
}

const api_field fields_create_key[] = {
    STRING("name", .min = 1, .max = KEY_NAME_MAX, .check = check_key_name),
    STRING("policy", .min = 1),
    END,
};
const api_field fields_list_keys[] = { STRING("accessKeyId"), END };
const api_field fields_revoke_key[] = { KEY_ID, END };
const api_field fields_put_key_policy[] = { KEY_ID, STRING("policy", .min = 1, REQUIRED), END };
const api_field fields_interrupt_instance[] = {
    STRING("instanceId", .min = 1, .max = 64, REQUIRED),
    END,
};
const api_field fields_create_join_token[] = {
    STRING("computeEnvironment", .min = 1, REQUIRED),
    END,
};
