/* Members of the operations on tags. Data only; read-only after the start. They are those of the
 * AWS Batch API reference. */
#include "request/ops_fields.h"

const api_field fields_tag_resource[] = {
    STRING("resourceArn", REQUIRED),
    MAP("tags", .min = 1, .flags = FIELD_TAGS | FIELD_REQUIRED),
    END,
};
const api_field fields_untag_resource[] = {
    STRING("resourceArn", REQUIRED),
    STRINGS("tagKeys", .min = 1, .max = 50, REQUIRED),
    END,
};
const api_field fields_list_tags_for_resource[] = { STRING("resourceArn", REQUIRED), END };
