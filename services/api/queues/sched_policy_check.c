/* Rules for scheduling policies (AWS Batch API reference, "FairsharePolicy"). Changes nothing.
 * Pure: any thread. */
#include "sched_policy_check.h"

#include <ctype.h>
#include <string.h>

#include "ob/message.h"

int check_weight(json_t *weight, const api_field_where *where)
{
    double value = json_number_value(weight);
    return value >= 0.0001 && value <= 999.9999
               ? 0
               : field_refuse(where, "%s must be between 0.0001 and 999.9999.", where->path);
}

/* Letters and digits, with an optional asterisk at the end. *ret_len: without it. */
static bool is_share(const char *text, size_t *ret_len)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) && (unsigned char)text[n] < 0x80)
        n++;
    *ret_len = n;
    return n <= 255 && (n > 0 || text[0] == '*') &&
           (text[n] == '\0' || (text[n] == '*' && text[n + 1] == '\0'));
}

/* Is there an identifier that both match? */
static bool overlap(const char *a, size_t a_len, const char *b, size_t b_len)
{
    if (a_len > b_len)
        return overlap(b, b_len, a, a_len);
    return strncmp(a, b, a_len) == 0 && (a_len == b_len || a[a_len] == '*');
}

int check_shares(json_t *list, const api_field_where *where)
{
    size_t i;
    json_t *share;
    json_array_foreach(list, i, share)
    {
        const char *text = ob_json_str(share, "shareIdentifier", "");
        size_t len;
        if (!is_share(text, &len))
            return field_refuse(where, "%s[%zu].shareIdentifier %.255s is not valid.", where->path,
                                i, text);
        for (size_t k = 0; k < i; k++) {
            const char *other = ob_json_str(json_array_get(list, k), "shareIdentifier", "");
            if (overlap(text, len, other, strcspn(other, "*")))
                return field_refuse(where, "%s: share identifiers %.255s and %.255s overlap.",
                                    where->path, other, text);
        }
    }
    return 0;
}

int sched_policy_check(const json_t *body, const api_field_where *where)
{
    if (json_object_get(body, "fairsharePolicy") && json_object_get(body, "quotaSharePolicy"))
        return field_refuse(where,
                            "Only one of [fairsharePolicy, quotaSharePolicy] can be specified.");
    return 0;
}
