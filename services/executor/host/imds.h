/* The Spot notice of a real EC2 host, from its instance metadata service (IMDSv2). */
#pragma once

#include "event_loop.h"
#include "ob/error.h"

typedef struct imds imds;

typedef struct imds_config {
    loop *loop;
    const char *url; /* http://169.254.169.254 */
    int64_t every_ms;
    int64_t notice_ms; /* how long a notice lasts at most */
    void (*notice)(int64_t in_ms, void *arg);
    void *arg;
} imds_config;

/* Asks at once, then again and again. Errors: -EINVAL. */
int imds_new(const imds_config *config, imds **ret, ob_error *err);
void imds_free(imds *m);

/* Pure: milliseconds from now_ms (since the epoch) to the time that an answer names, within 0 and
 * max_ms; -1: the answer says nothing of an end. */
int64_t imds_parse(const char *text, size_t len, int64_t now_ms, int64_t max_ms);
