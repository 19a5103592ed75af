/* The operations on tags: members, access rules, handlers. Data only; read-only after the start.
 * The members are those of the AWS Batch API reference. */
#include "tag_operations.h"
#include "request/field_tables.h"

static const api_field fields_tag_resource[] = {
    STRING("resourceArn", REQUIRED),
    MAP("tags", .min = 1, .flags = FIELD_TAGS | FIELD_REQUIRED),
    END,
};
static const api_field fields_untag_resource[] = {
    STRING("resourceArn", REQUIRED),
    STRINGS("tagKeys", .min = 1, .max = 50, REQUIRED),
    END,
};
static const api_field fields_list_tags_for_resource[] = { STRING("resourceArn", REQUIRED), END };

const api_operation tag_operations[] = {
    { API_BATCH, "/v1/tags/", "TagResource", op_change_tags, fields_tag_resource,
      .in_path = "resourceArn",
      .access = &(const access_rule){ .uses = { { ACCESS_ARN, "resourceArn" } } } },
    { API_BATCH, "/v1/tags/", "UntagResource", op_change_tags, fields_untag_resource,
      .method = "DELETE", .in_path = "resourceArn",
      .access = &(const access_rule){ .uses = { { ACCESS_ARN, "resourceArn" } } } },
    { API_BATCH, "/v1/tags/", "ListTagsForResource", op_list_tags_for_resource,
      fields_list_tags_for_resource, .audit = AUDIT_NOTHING, .method = "GET",
      .in_path = "resourceArn",
      .access = &(const access_rule){ .uses = { { ACCESS_ARN, "resourceArn" } } } },
    { 0 },
};
