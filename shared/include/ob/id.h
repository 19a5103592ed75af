/* Identifiers: time-ordered UUIDs (RFC 9562 version 7), instance ids, run ids, task ids, random
 * tokens. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ob_uuid {
    uint8_t b[16];
} ob_uuid;

#define OB_UUID_TEXT 37     /* with NUL */
#define OB_INSTANCE_TEXT 20 /* i-0123456789abcdef0 and NUL */
#define OB_TASK_TEXT 33
#define OB_RUN_TEXT 64 /* <jobId>[:<index>]/<run> and NUL */

/* A new time-ordered UUID, strictly increasing within a process. Its time is now_ms, or later if
 * the clock was set back since an earlier id was made, so use it for order and do not show it. Any
 * thread. */
ob_uuid ob_uuid_new_at(int64_t now_ms);
ob_uuid ob_uuid_new(void); /* at ob_wall_ms() */
void ob_uuid_format(const ob_uuid *id, char out[OB_UUID_TEXT]);
/* Parses the 36-character form, any case. */
bool ob_uuid_parse(const char *text, size_t len, ob_uuid *ret);
int ob_uuid_cmp(const ob_uuid *a, const ob_uuid *b);
/* The time at the beginning of a time-ordered id, in milliseconds since the epoch. */
int64_t ob_uuid_ms(const ob_uuid *id);
/* The smallest id with that time or a later one; ms below 0 or beyond the format's end is cut to
 * the format's bounds. */
ob_uuid ob_uuid_from_ms(int64_t ms);

/* i- and 17 random hexadecimal digits. */
void ob_instance_id_new(char out[OB_INSTANCE_TEXT]);
bool ob_instance_id_is(const char *text);
/* 'bytes' random bytes as lower-case hex, with NUL (2 * bytes + 1 characters). */
void ob_token_new(char *out, size_t bytes);
/* The stored form of a token: its SHA-256 as lower-case hex. */
#define OB_TOKEN_HASH_TEXT 65 /* with NUL */
void ob_token_hash(const char *token, char out[OB_TOKEN_HASH_TEXT]);

/* A job reference in the API's form: <uuid> or <uuid>:<index>. index -1 = the job itself. */
typedef struct ob_job_ref {
    ob_uuid id;
    int32_t index;
} ob_job_ref;
bool ob_job_ref_parse(const char *text, ob_job_ref *ret);
void ob_job_ref_format(const ob_job_ref *ref, char out[OB_RUN_TEXT]);

/* A run is one placement of a job: <jobId>[:<index>]/<run>, numbered from 1 (docs/architecture.md).
 */
typedef struct ob_run_ref {
    ob_uuid id;
    int32_t index; /* -1: not a child of an array */
    int32_t run;
} ob_run_ref;
bool ob_run_ref_parse(const char *text, ob_run_ref *ret);
void ob_run_ref_format(const ob_run_ref *ref, char out[OB_RUN_TEXT]);
/* Container name: ob-<jobId>[-<index>]-<run>. */
void ob_run_container_name(const ob_run_ref *ref, char out[OB_RUN_TEXT]);
/* The task id of a run, as in ECS: 32 hex digits, derived only from the run id (SHA-256). */
void ob_run_task_id(const ob_run_ref *ref, char out[OB_TASK_TEXT]);
