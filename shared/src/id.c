/* Identifiers. Owns the process's UUIDv7 counter, with its own lock. An id is never given twice,
 * and the next one is always greater, even if the clock goes back. Any thread. */
#include "ob/id.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "ob/clock.h"
#include "ob/digest.h"
#include "ob/hex.h"
#include "ob/text.h"

static const char hex_digits[] = "0123456789abcdef";

static void random_bytes(void *out, size_t n)
{
    uint8_t *p = out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0) {
            if (errno == EINTR)
                continue;
            abort(); /* repeated ids are worse than no service */
        }
        p += got;
        n -= (size_t)got;
    }
}

/* Layout (RFC 9562 §5.7): 48 bits ms, version, 12 + 20 bits counter across rand_a and the top of
 * rand_b, the rest random. The counter starts at a random place with its top bit clear in each ms;
 * when it runs over, the ms is taken from the future. */
#define COUNTER_BITS 32
#define MS_MAX ((INT64_C(1) << 48) - 1)

ob_uuid ob_uuid_new(void)
{
    return ob_uuid_new_at(ob_wall_ms());
}

ob_uuid ob_uuid_new_at(int64_t now_ms)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static int64_t last_ms = 0;
    static uint64_t counter = 0;

    uint8_t rnd[10];
    random_bytes(rnd, sizeof(rnd));
    uint32_t fresh =
        ((uint32_t)rnd[6] << 24 | (uint32_t)rnd[7] << 16 | (uint32_t)rnd[8] << 8 | rnd[9]) >> 1;

    (void)pthread_mutex_lock(&lock);
    if (now_ms > last_ms) {
        last_ms = now_ms;
        counter = fresh;
    } else if (++counter >> COUNTER_BITS) {
        last_ms++;
        counter = fresh;
    }
    uint64_t ms = (uint64_t)last_ms;
    uint64_t count = counter;
    (void)pthread_mutex_unlock(&lock);

    ob_uuid id = { 0 };
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.b[6] = (uint8_t)(0x70 | (count >> 28 & 0x0f));
    id.b[7] = (uint8_t)(count >> 20);
    id.b[8] = (uint8_t)(0x80 | (count >> 14 & 0x3f));
    id.b[9] = (uint8_t)(count >> 6);
    id.b[10] = (uint8_t)((count & 0x3f) << 2 | (rnd[5] & 0x03));
    memcpy(id.b + 11, rnd, 5);
    return id;
}

int64_t ob_uuid_ms(const ob_uuid *id)
{
    int64_t ms = 0;
    for (int i = 0; i < 6; i++)
        ms = ms << 8 | id->b[i];
    return ms;
}

ob_uuid ob_uuid_from_ms(int64_t ms)
{
    ob_uuid id = { 0 };
    if (ms < 0)
        ms = 0;
    if (ms > MS_MAX)
        ms = MS_MAX;
    for (int i = 0; i < 6; i++)
        id.b[i] = (uint8_t)(ms >> (40 - 8 * i));
    return id;
}

void ob_uuid_format(const ob_uuid *id, char out[OB_UUID_TEXT])
{
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex_digits[id->b[i] >> 4];
        *p++ = hex_digits[id->b[i] & 15];
    }
    *p = '\0';
}

bool ob_uuid_parse(const char *text, size_t len, ob_uuid *ret)
{
    if (!text || len != OB_UUID_TEXT - 1)
        return false;
    ob_uuid id = { 0 };
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text[at++] != '-')
            return false;
        int high = ob_hex_value(text[at++]);
        int low = ob_hex_value(text[at++]);
        if (high < 0 || low < 0)
            return false;
        id.b[i] = (uint8_t)(high << 4 | low);
    }
    *ret = id;
    return true;
}

int ob_uuid_cmp(const ob_uuid *a, const ob_uuid *b)
{
    return memcmp(a->b, b->b, sizeof(a->b));
}

bool ob_instance_id_is(const char *text)
{
    return strlen(text) == OB_INSTANCE_TEXT - 1 && strncmp(text, "i-", 2) == 0 &&
           strspn(text + 2, "0123456789abcdef") == OB_INSTANCE_TEXT - 3;
}

void ob_instance_id_new(char out[OB_INSTANCE_TEXT])
{
    uint8_t rnd[9];
    char hex[19];
    random_bytes(rnd, sizeof(rnd));
    ob_hex(rnd, sizeof(rnd), hex);
    (void)snprintf(out, OB_INSTANCE_TEXT, "i-%.17s", hex); /* ASCII */
}

void ob_token_new(char *out, size_t bytes)
{
    uint8_t rnd[256];
    assert(bytes <= sizeof(rnd));
    random_bytes(rnd, bytes);
    ob_hex(rnd, bytes, out);
    explicit_bzero(rnd, sizeof(rnd));
}

/* A decimal number without sign or leading zeros, up to 'end'. Returns its end or NULL. */
static const char *parse_number(const char *text, int32_t *ret)
{
    int64_t n = 0;
    const char *p = text;
    while (*p >= '0' && *p <= '9') {
        n = n * 10 + (*p++ - '0');
        if (n > INT32_MAX)
            return NULL;
    }
    if (p == text || (*text == '0' && p - text > 1))
        return NULL;
    *ret = (int32_t)n;
    return p;
}

/* <uuid>[:<index>]; returns what follows, or NULL. */
static const char *parse_ref(const char *text, ob_job_ref *ret)
{
    ob_job_ref ref = { .index = -1 };
    if (!text || strnlen(text, OB_UUID_TEXT - 1) < OB_UUID_TEXT - 1 ||
        !ob_uuid_parse(text, OB_UUID_TEXT - 1, &ref.id))
        return NULL;
    const char *p = text + OB_UUID_TEXT - 1;
    if (*p == ':')
        p = parse_number(p + 1, &ref.index);
    if (p)
        *ret = ref;
    return p;
}

bool ob_job_ref_parse(const char *text, ob_job_ref *ret)
{
    ob_job_ref ref;
    const char *end = parse_ref(text, &ref);
    if (!end || *end)
        return false;
    *ret = ref;
    return true;
}

void ob_job_ref_format(const ob_job_ref *ref, char out[OB_RUN_TEXT])
{
    ob_uuid_format(&ref->id, out);
    char *end = out + OB_UUID_TEXT - 1;
    if (ref->index >= 0) {
        *end++ = ':';
        end = ob_text_number(end, ref->index);
    }
    *end = '\0';
}

bool ob_run_ref_parse(const char *text, ob_run_ref *ret)
{
    ob_job_ref job;
    int32_t run = 0;
    const char *end = parse_ref(text, &job);
    if (!end || *end != '/')
        return false;
    end = parse_number(end + 1, &run);
    if (!end || *end || run < 1)
        return false;
    *ret = (ob_run_ref){ .id = job.id, .index = job.index, .run = run };
    return true;
}

void ob_run_ref_format(const ob_run_ref *ref, char out[OB_RUN_TEXT])
{
    ob_job_ref_format(&(ob_job_ref){ .id = ref->id, .index = ref->index }, out);
    char *end = out + strlen(out);
    *end++ = '/';
    *ob_text_number(end, ref->run) = '\0';
}

void ob_run_container_name(const ob_run_ref *ref, char out[OB_RUN_TEXT])
{
    char id[OB_UUID_TEXT];
    ob_uuid_format(&ref->id, id);
    if (ref->index >= 0)
        (void)snprintf(out, OB_RUN_TEXT, "ob-%s-%d-%d", id, ref->index, ref->run);
    else
        (void)snprintf(out, OB_RUN_TEXT, "ob-%s-%d", id, ref->run);
}

void ob_token_hash(const char *token, char out[OB_TOKEN_HASH_TEXT])
{
    uint8_t digest[OB_SHA256_BYTES];
    ob_sha256(token, strlen(token), digest);
    ob_hex(digest, sizeof(digest), out);
}

void ob_run_task_id(const ob_run_ref *ref, char out[OB_TASK_TEXT])
{
    char text[OB_RUN_TEXT];
    uint8_t digest[OB_SHA256_BYTES];
    ob_run_ref_format(ref, text);
    ob_sha256(text, strlen(text), digest);
    ob_hex(digest, (OB_TASK_TEXT - 1) / 2, out);
}
