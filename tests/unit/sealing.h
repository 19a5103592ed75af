/* The two sides of sealed messages, for tests of sealing: a service's copy of the secret, executors
 * that were launched or that joined, and what they seal. */
#pragma once

#include "unit.h"

#include "ob/message.h"
#include "ob/seal.h"
#include "ob/topics.h"

#define ME "i-0123456789abcdef0"
#define OTHER "i-0123456789abcdef1"
#define LAUNCHED_MORE 111 /* what sealing adds with the salt of a launched instance */
#define TEXT "{\"v\":1,\"type\":\"report\",\"epoch\":0,\"session\":\"s\"}"

extern ob_seal copy; /* a service's, of a random secret */

int set_up(void **state);
int tear_down(void **state);

/* secret: 64 hexadecimal digits. */
void load(ob_seal *seal, const char *secret);

/* An executor of an instance that is launched with this salt. */
ob_seal executor_of(const char *instance, const char *salt, uint32_t generation);
ob_seal some_executor(const char *instance);
/* An executor that joins by this join token. */
ob_seal joined_by(const char *join, const char *instance);

typedef struct sealed {
    char *data;
    size_t len;
} sealed;

sealed by(ob_seal *seal, const char *topic, const char *text);
sealed order_for(ob_seal *seal, const ob_seal_owner *owner);
/* What opening it returns. */
int read_at(const ob_seal *seal, const char *topic, sealed s);
/* What reading it as JSON with the copy's secret returns. */
int parse(sealed s, const char *topic, json_t **ret);
/* This text, sealed and read. */
json_t *parsed(ob_seal *seal, const char *text);

/* What one side seals, the other one reads. more: what sealing adds. */
void opens_for_both(ob_seal *own, size_t more);
