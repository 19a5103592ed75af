/* The envelope of internal messages: {"v":1,"type":...,"epoch":...} and facts in arrays
 * (docs/messages.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"

#define OB_MESSAGE_VERSION 1
#define OB_MESSAGE_MAX (512 * 1024)
/* What lists in a message may fill, measured before each entry: the rest is for the envelope. */
#define OB_MESSAGE_ROOM (OB_MESSAGE_MAX - 64 * 1024)

/* A new message object. epoch 0 where no leader speaks. Caller owns it. */
json_t *ob_message_new(const char *type, int64_t epoch);

/* Parses and checks the envelope. *ret is new; *ret_type borrows from it. Errors: -EINVAL (no JSON,
 * no envelope), -ENOTSUP (another version). */
int ob_message_parse(const char *data,
                     size_t len,
                     json_t **ret,
                     const char **ret_type,
                     int64_t *ret_epoch,
                     ob_error *err);

/* Bytes of a value as ob_message_dump would write it. */
size_t ob_json_size(const json_t *value);

/* Cuts a list into lists that each fit OB_MESSAGE_ROOM, in order: a new list of at least one. What
 * is too large by itself stands alone, and will not be sent (ob_bus_send). */
json_t *ob_message_split(const json_t *items);

/* Compact text of a message; *ret is new, free() it. Returns its length. */
size_t ob_message_dump(const json_t *msg, char **ret);

/* Members of facts. Missing or of another type: the default. */
int64_t ob_json_int(const json_t *obj, const char *name, int64_t if_missing);
const char *ob_json_str(const json_t *obj, const char *name, const char *if_missing);
bool ob_json_bool(const json_t *obj, const char *name, bool if_missing);
