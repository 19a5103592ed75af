/* Rules for members of jobs in addition to types and limits (AWS Batch API reference, "SubmitJob").
 * Changes nothing. Pure: any thread. */
#include "job_check.h"

#include <ctype.h>
#include <string.h>

int check_share_identifier(json_t *share, const api_field_where *where)
{
    const char *text = json_string_value(share);
    for (const char *at = text; *at; at++)
        if ((unsigned char)*at >= 0x80 ||
            (!isalnum((unsigned char)*at) && !(at[0] == '*' && at[1] == '\0' && at != text)))
            return field_refuse(where, "%s %.255s may contain only letters and digits.",
                                where->path, text);
    return 0;
}
