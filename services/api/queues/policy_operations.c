/* The operations on scheduling policies: members, access rules, handlers. Data only; read-only
 * after the start. The members are those of the AWS Batch API reference. */
#include "policy_operations.h"
#include "request/field_tables.h"

#include "sched_policy_check.h"

static const api_field share[] = {
    STRING("shareIdentifier", .min = 1, .max = 256, REQUIRED),
    NUMBER("weightFactor", .check = check_weight),
    END,
};
static const api_field fair_share[] = {
    INT("shareDecaySeconds", .max = 604800),
    INT("computeReservation", .max = 99),
    OBJECTS("shareDistribution", share, .max = 500, .check = check_shares),
    END,
};
static const api_field quota_share[] = {
    STRING("idleResourceAssignmentStrategy", .choice = "FIFO", REQUIRED),
    END,
};

#define COMMON                                                                                     \
    OBJECT("fairsharePolicy", fair_share),                                                         \
        OBJECT("quotaSharePolicy", quota_share, KEPT,                                              \
               .why = "there are no quota shares; a queue cannot have such a policy")

static const api_field fields_create_scheduling_policy[] = {
    STRING("name", REQUIRED),
    COMMON,
    TAGS("tags"),
    END,
};
static const api_field fields_update_scheduling_policy[] = { STRING("arn", REQUIRED), COMMON, END };
static const api_field fields_delete_scheduling_policy[] = { STRING("arn", REQUIRED), END };
static const api_field fields_describe_scheduling_policies[] = {
    STRINGS("arns", .max = 100, REQUIRED),
    END,
};
static const api_field fields_list_scheduling_policies[] = { PAGE, END };

const api_operation policy_operations[] = {
    { API_BATCH, "/v1/createschedulingpolicy", "CreateSchedulingPolicy",
      op_create_scheduling_policy, fields_create_scheduling_policy, .check = sched_policy_check,
      .made = "arn",
      .access = &(const access_rule){ .uses = { { ACCESS_NEW_SCHEDULING_POLICY, "name" } } } },
    { API_BATCH, "/v1/updateschedulingpolicy", "UpdateSchedulingPolicy",
      op_update_scheduling_policy, fields_update_scheduling_policy, .check = sched_policy_check,
      .access = &(const access_rule){ .uses = { { ACCESS_ARN, "arn" } } } },
    { API_BATCH, "/v1/deleteschedulingpolicy", "DeleteSchedulingPolicy",
      op_delete_scheduling_policy, fields_delete_scheduling_policy,
      .access = &(const access_rule){ .uses = { { ACCESS_ARN, "arn" } } } },
    { API_BATCH, "/v1/describeschedulingpolicies", "DescribeSchedulingPolicies",
      op_describe_scheduling_policies, fields_describe_scheduling_policies, .audit = AUDIT_NOTHING,
      .access = &(const access_rule){ .shows = { "schedulingPolicies", "arn" } } },
    { API_BATCH, "/v1/listschedulingpolicies", "ListSchedulingPolicies",
      op_list_scheduling_policies, fields_list_scheduling_policies, .audit = AUDIT_NOTHING,
      .access = &(const access_rule){ .shows = { "schedulingPolicies", "arn" } } },
    { 0 },
};
