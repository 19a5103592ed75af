/* Filter patterns of CloudWatch Logs for unstructured text (CloudWatch Logs user guide, "Filter
 * pattern syntax"). Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ob/error.h"

typedef struct log_filter log_filter;

/* Terms are separated by spaces, and each must occur. Of those after '?' one is enough, and they
 * have no effect next to a term that must occur. Those after '-' must not occur. A term in
 * quotation marks is a phrase, in which \" and \\ stand for themselves. Upper and lower case
 * differ; a term may be a part of a word. An empty pattern matches everything. *ret is new. Errors:
 * -EINVAL with a text for the caller: a pattern of JSON, of fields or a regular expression, an
 * unclosed quotation mark, '?' or '-' alone. */
int log_filter_new(const char *pattern, log_filter **ret, ob_error *err);
void log_filter_free(log_filter *filter);
void log_filter_freep(log_filter **filter);

/* Does it match everything? */
bool log_filter_is_empty(const log_filter *filter);
bool log_filter_takes(const log_filter *filter, const void *text, size_t len);
