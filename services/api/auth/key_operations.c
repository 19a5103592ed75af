/* The operations on access keys, OpenBatch's own (docs/access.md): members, access rules, handlers.
 * Data only; read-only after the start. */
#include <string.h>

#include "key_operations.h"
#include "keys.h"
#include "request/field_tables.h"

#define KEY_ID STRING("accessKeyId", .min = 1, .max = 128, REQUIRED)

static int check_key_name(json_t *value, const api_field_where *where)
{
    for (const char *c = json_string_value(value); *c; c++)
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-", *c))
            return field_refuse(where, "%s may contain only letters, digits and +=,.@_-.",
                                where->path);
    return 0;
}

static const api_field fields_create_key[] = {
    STRING("name", .min = 1, .max = KEY_NAME_MAX, .check = check_key_name),
    STRING("policy", .min = 1),
    END,
};
static const api_field fields_list_keys[] = { STRING("accessKeyId"), END };
static const api_field fields_revoke_key[] = { KEY_ID, END };
static const api_field fields_put_key_policy[] = { KEY_ID, STRING("policy", .min = 1, REQUIRED),
                                                   END };

static const api_field fields_check_access[] = {
    STRING("accessKeyId", .min = 1, .max = 128),
    STRING("operation", .min = 1, .max = 128, REQUIRED),
    STRING("request", .min = 1),
    END,
};

const api_operation key_operations[] = {
    { API_ADMIN, "/openbatch/v1/createkey", "CreateKey", op_create_key, fields_create_key,
      .plain = true, .sessions = SESSIONS_MAY_IF_THEY_MANAGE_KEYS, .made = "accessKeyId",
      .access = &(const access_rule){ .uses = { { 0 } } } },
    { API_ADMIN, "/openbatch/v1/listkeys", "ListKeys", op_list_keys, fields_list_keys,
      .plain = true, .sessions = SESSIONS_MAY_IF_THEY_MANAGE_KEYS, .audit = AUDIT_NOTHING,
      .access = &(const access_rule){ .uses = { { 0 } } } },
    { API_ADMIN, "/openbatch/v1/revokekey", "RevokeKey", op_revoke_key, fields_revoke_key,
      .plain = true, .sessions = SESSIONS_MAY_IF_THEY_MANAGE_KEYS,
      .access = &(const access_rule){ .uses = { { ACCESS_KEY, "accessKeyId" } } } },
    { API_ADMIN, "/openbatch/v1/putkeypolicy", "PutKeyPolicy", op_put_key_policy,
      fields_put_key_policy, .plain = true, .sessions = SESSIONS_MAY_IF_THEY_MANAGE_KEYS,
      .access = &(const access_rule){ .uses = { { ACCESS_KEY, "accessKeyId" } } } },
    { API_ADMIN, "/openbatch/v1/checkaccess", "CheckAccess", op_check_access, fields_check_access,
      .plain = true, .audit = AUDIT_NOTHING, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_KEY, "accessKeyId" } } } },
    { 0 },
};
