/* The operations on sessions: AWS STS's, whose members are those of its API reference, and our own
 * (docs/access.md). Members, access rules, handlers. Data only; read-only after the start. */
#include "session_operations.h"

#include "request/field_tables.h"
#include "session_token.h"

#define WHY_NO_MFA "there are no MFA devices"

static const api_field fields_create_session[] = {
    INT("durationSeconds", .min = SESSION_SECONDS_MIN, .max = SESSION_SECONDS_MAX),
    STRING("policy", .min = 1, .max = SESSION_POLICY_MAX),
    BOOL("manageKeys"),
    END,
};
/* A form has texts only; the handler reads the number. */
static const api_field fields_get_session_token[] = {
    STRING("DurationSeconds"),
    REFUSE("SerialNumber", .why = WHY_NO_MFA),
    REFUSE("TokenCode", .why = WHY_NO_MFA),
    END,
};
static const api_field fields_get_caller_identity[] = { END };

const api_operation session_operations[] = {
    { API_ADMIN, "/openbatch/v1/createsession", "CreateSession", op_create_session,
      fields_create_session, .plain = true, .sessions = SESSIONS_MAY_NOT, .made = "accessKeyId",
      .access = &(const access_rule){ .needs = ACCESS_NEEDS_NO_DENIAL } },
    { API_STS, "GetSessionToken", "GetSessionToken", op_get_session_token, fields_get_session_token,
      .plain = true, .sessions = SESSIONS_MAY_NOT, .made = "Credentials.AccessKeyId",
      .access = &(const access_rule){ .needs = ACCESS_NEEDS_NO_DENIAL } },
    { API_STS, "GetCallerIdentity", "GetCallerIdentity", op_get_caller_identity,
      fields_get_caller_identity, .plain = true, .audit = AUDIT_NOTHING,
      .access = &(const access_rule){ .needs = ACCESS_NEEDS_NOTHING } },
    { 0 },
};
