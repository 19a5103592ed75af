/* The envelope of internal messages: {"v":1,"type":...,"epoch":...}, with facts in arrays
 * (docs/messages.md). */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/buf.h"
#include "ob/error.h"

#define OB_MESSAGE_VERSION 1
#define OB_MESSAGE_MAX (512 * 1024)
/* The space for lists in a message, measured before each entry; the rest is for the envelope. */
#define OB_MESSAGE_ROOM (OB_MESSAGE_MAX - 64 * 1024)

/* A new message object. epoch: 0 if the sender is not a leader. The caller owns it. */
json_t *ob_message_new(const char *type, int64_t epoch);
/* The same as text, for messages that are written rather than built: appends the envelope; the
 * object stays open. type: has nothing that JSON would escape. */
void ob_message_begin(ob_buf *to, const char *type, int64_t epoch);

/* Parses and checks the envelope. *ret is new; *ret_type borrows from it. Errors: -EINVAL (not
 * JSON, no envelope), -ENOTSUP (another version). */
int ob_message_parse(const char *data,
                     size_t len,
                     json_t **ret,
                     const char **ret_type,
                     int64_t *ret_epoch,
                     ob_error *err);

/* The size in bytes of a value as ob_message_dump writes it. */
size_t ob_json_size(const json_t *value);

/* Splits a list into lists that each fit OB_MESSAGE_ROOM, in order: a new list of at least one
 * list. An entry that is too large by itself is alone in its list, and ob_bus_send refuses it. */
json_t *ob_message_split(const json_t *items);

/* Compact text of a message; *ret is new, free() it. Returns its length. */
size_t ob_message_dump(const json_t *msg, char **ret);

/* Members of facts. If a member is missing or has another type: the default. */
int64_t ob_json_int(const json_t *obj, const char *name, int64_t if_missing);
const char *ob_json_str(const json_t *obj, const char *name, const char *if_missing);
bool ob_json_bool(const json_t *obj, const char *name, bool if_missing);
