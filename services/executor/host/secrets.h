/* Secrets that jobs name in valueFrom, from a directory that an operator keeps
 * (OPENBATCH_SECRETS_DIR; docs/configuration.md says how names become files). No function lets a
 * secret's value into an error's text. Thread: any. */
#pragma once

#include <jansson.h>

#include "ob/error.h"

/* Reads one secret. value_from: the name or ARN of a Systems Manager parameter, or the ARN of a
 * Secrets Manager secret, also with :json-key:: behind. dir: empty or NULL means none is
 * configured. *ret is new. Errors: -ENOENT, -EINVAL, fit for a user. */
int secrets_read(const char *dir, const char *value_from, char **ret, ob_error *err);

/* Reads a list of {name, valueFrom}. *ret is a new object of values by name. */
int secrets_read_all(const char *dir, const json_t *list, json_t **ret, ob_error *err);

/* Puts *** over every value of 'values' (an object) in 'text', which never grows. */
void secrets_hide(const json_t *values, char *text);
