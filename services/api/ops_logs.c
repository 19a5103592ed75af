/* Members of CloudWatch Logs' operations. Data only; read-only after the start. They are those of
 * the CloudWatch Logs API reference. */
#include "ops_fields.h"

const api_field fields_get_log_events[] = {
    STRING("logGroupName"),
    STRING("logGroupIdentifier"),
    STRING("logStreamName", REQUIRED),
    INT("startTime", .min = 0, .max = INT64_MAX / 1024),
    INT("endTime", .min = 0, .max = INT64_MAX / 1024),
    STRING("nextToken"),
    INT("limit"),
    BOOL("startFromHead"),
    BOOL("unmask"),
    END,
};
