/* The operations on output: members, access rules, handlers. Data only; read-only after the start.
 * The members are those of the CloudWatch Logs API reference. */
#include "log_operations.h"
#include "request/field_tables.h"

#define GROUP                                                                                      \
    STRING("logGroupName", .min = 1, .max = 512),                                                  \
        STRING("logGroupIdentifier", .min = 1, .max = 2048)
#define TIME(n) INT(n, .min = 0, .max = INT64_MAX / 1024)
#define TOKEN STRING("nextToken", .min = 1, .max = 2048)

static const api_field fields_get_log_events[] = {
    GROUP,
    STRING("logStreamName", .min = 1, .max = 512, REQUIRED),
    TIME("startTime"),
    TIME("endTime"),
    TOKEN,
    INT("limit", .min = 1, .max = 10000),
    BOOL("startFromHead"),
    BOOL("unmask", .why = "nothing is masked"),
    END,
};
static const api_field fields_filter_log_events[] = {
    GROUP,
    STRINGS("logStreamNames", .min = 1, .max = 100),
    STRING("logStreamNamePrefix", .min = 1, .max = 512),
    TIME("startTime"),
    TIME("endTime"),
    STRING("filterPattern",
           .max = 1024,
           .why = "terms, phrases, ? and -; JSON and space-delimited patterns and regular "
                  "expressions are refused"),
    TOKEN,
    INT("limit", .min = 1, .max = 10000),
    BOOL("startFromHead"),
    BOOL("interleaved", .why = "always the case, as on AWS"),
    BOOL("unmask", .why = "nothing is masked"),
    END,
};
static const api_field fields_describe_log_groups[] = {
    STRINGS("accountIdentifiers", .max = 20, .why = "there are no linked accounts"),
    STRING("logGroupNamePrefix", .min = 1, .max = 512),
    STRING("logGroupNamePattern", .max = 512),
    TOKEN,
    INT("limit", .min = 1, .max = 50),
    BOOL("includeLinkedAccounts", .why = "there are no linked accounts"),
    STRING("logGroupClass",
           .choice = "STANDARD|INFREQUENT_ACCESS|DELIVERY|ESSENTIALS",
           .why = "all groups are STANDARD"),
    STRINGS("logGroupIdentifiers", .min = 1, .max = 50),
    END,
};
static const api_field fields_describe_log_streams[] = {
    GROUP,
    STRING("logStreamNamePrefix", .min = 1, .max = 512),
    STRING("orderBy", .choice = "LogStreamName|LastEventTime"),
    BOOL("descending"),
    TOKEN,
    INT("limit", .min = 1, .max = 50),
    END,
};

const api_operation log_operations[] = {
    { API_LOGS, "Logs_20140328.GetLogEvents", "GetLogEvents", op_get_log_events,
      fields_get_log_events, .audit = AUDIT_NOTHING, .plain = true, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_LOG_STREAM, "logStreamName" } },
                                      .of_stream = true } },
    { API_LOGS, "Logs_20140328.FilterLogEvents", "FilterLogEvents", op_filter_log_events,
      fields_filter_log_events, .audit = AUDIT_NOTHING, .plain = true, .heavy = true,
      .access =
          &(const access_rule){
              .uses = { { ACCESS_LOG_STREAM, "logStreamNames[]" },
                        { ACCESS_LOG_GROUP, ACCESS_GROUP, .unless = "logStreamNames" },
                        { ACCESS_LOG_GROUP_ID, ACCESS_GROUP_ID, .unless = "logStreamNames" } },
              .in_streams = "events" } },
    { API_LOGS, "Logs_20140328.DescribeLogGroups", "DescribeLogGroups", op_describe_log_groups,
      fields_describe_log_groups, .audit = AUDIT_NOTHING, .plain = true, .heavy = true,
      .access = &(const access_rule){ .shows = { "logGroups", "arn" } } },
    { API_LOGS, "Logs_20140328.DescribeLogStreams", "DescribeLogStreams", op_describe_log_streams,
      fields_describe_log_streams, .audit = AUDIT_NOTHING, .plain = true, .heavy = true,
      .access = &(const access_rule){ .uses = { { ACCESS_LOG_GROUP, ACCESS_GROUP },
                                                { ACCESS_LOG_GROUP_ID, ACCESS_GROUP_ID } },
                                      .in_streams = "logStreams" } },
    { 0 },
};
