/* Members of the operations on scheduling policies. Data only; read-only after the start. They are
 * those of the AWS Batch API reference. */
#include "request/ops_fields.h"

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
               .why = "there are no quota shares; a queue cannot be given such a policy")

const api_field fields_create_scheduling_policy[] = {
    STRING("name", REQUIRED),
    COMMON,
    TAGS("tags"),
    END,
};
const api_field fields_update_scheduling_policy[] = { STRING("arn", REQUIRED), COMMON, END };
const api_field fields_delete_scheduling_policy[] = { STRING("arn", REQUIRED), END };
const api_field fields_describe_scheduling_policies[] = {
    STRINGS("arns", .max = 100, REQUIRED),
    END,
};
const api_field fields_list_scheduling_policies[] = { PAGE, END };
