/* Owns the intake of batch.logs: chunks of container output become rows of log_event, in order,
 * without loss or duplicate.
 *
 * Invariants: a chunk carries the byte offset of its first line, and only what lies past the
 * stream's end is appended; offsets of the topic are committed after the rows, and never past a
 * chunk that waits for a gap to close, so a restart reads it again. A gap that lasts GAP_MS is
 * stored as one marked line (docs/architecture.md, "Logs"). Chunks of executors whose token is
 * wrong are dropped. Thread: its own, with its own connection and bus. */
#include "logs.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "log_store.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/message.h"
#include "ob/topics.h"

#define GAP_MS (30 * 1000)
#define POLL_MS 200
#define POLL_MAX 200
#define RETRY_MS 500
#define TOKENS_MAX 10000
#define NAME_BYTES 512 /* longer names do not fit into the index of log_stream */

typedef struct chunk {
    json_t *msg;
    int64_t since_ms; /* monotonic: when it arrived */
    struct chunk *prev, *next;
} chunk;

typedef struct known_token {
    char instance[OB_INSTANCE_TEXT];
    char hash[OB_TOKEN_HASH_TEXT];
    UT_hash_handle hh;
} known_token;

typedef struct intake {
    pthread_t thread;
    atomic_bool stopping;
    api_ctx *ctx;
    ob_bus *bus;
    ob_db *db;
    chunk *pending;   /* arrived, not yet in PostgreSQL; in order of arrival */
    bool uncommitted; /* rows are stored whose topic offsets are not committed yet */
    known_token *tokens;
    char *kafka_password;
} intake;

static intake *the_intake;

static void on_msg(const ob_bus_msg *msg, void *arg)
{
    intake *in = arg;
    json_t *parsed = NULL;
    const char *type;
    int64_t epoch;
    in->uncommitted = true;
    if (ob_message_parse(msg->data, msg->len, &parsed, &type, &epoch, NULL) < 0)
        return;
    if (strcmp(type, "log") != 0) {
        json_decref(parsed);
        return;
    }
    chunk *c = ob_calloc(1, sizeof(*c));
    c->msg = parsed;
    c->since_ms = ob_mono_ms();
    DL_APPEND(in->pending, c);
}

static void forget_tokens(intake *in)
{
    known_token *t, *next;
    HASH_ITER(hh, in->tokens, t, next)
    {
        HASH_DEL(in->tokens, t);
        free(t);
    }
}

/* Does the chunk come from the instance it names? A hash that differs is read again: an instance
 * that is launched once more gets a new token. */
static int check_token(intake *in, const json_t *msg, bool *ret_ok, ob_error *err)
{
    const char *instance = ob_json_str(msg, "instance", "");
    char hash[OB_TOKEN_HASH_TEXT];
    known_token *t;
    *ret_ok = false;
    if (strlen(instance) >= OB_INSTANCE_TEXT)
        return 0;
    ob_token_hash(ob_json_str(msg, "token", ""), hash);
    HASH_FIND_STR(in->tokens, instance, t);
    if (t != NULL && strcmp(hash, t->hash) == 0) {
        *ret_ok = true;
        return 0;
    }
    ob_cleanup(ob_freep) char *known = NULL;
    int r = log_store_token_hash(in->db, instance, &known, err);
    if (r < 0)
        return r;
    if (known == NULL)
        return 0;
    if (t == NULL) {
        if (HASH_COUNT(in->tokens) >= TOKENS_MAX)
            forget_tokens(in);
        t = ob_calloc(1, sizeof(*t));
        snprintf(t->instance, sizeof(t->instance), "%s", instance);
        HASH_ADD_STR(in->tokens, instance, t);
    }
    snprintf(t->hash, sizeof(t->hash), "%s", known);
    *ret_ok = strcmp(hash, t->hash) == 0;
    return 0;
}

/* A name that PostgreSQL refuses would hold up all that comes behind it. */
static bool key_is_usable(const log_key *key)
{
    return key->stream[0] != '\0' && strlen(key->account) <= NAME_BYTES &&
           strlen(key->region) <= NAME_BYTES && strlen(key->group) <= NAME_BYTES &&
           strlen(key->stream) <= NAME_BYTES;
}

/* One line of a chunk: [at, text] or [at, null, base64]. Returns its bytes (*ret_owned is to be
 * freed, or NULL), or NULL when it is none. */
static const void *line_bytes(const json_t *line, int *ret_len, void **ret_owned)
{
    const json_t *text = json_array_get(line, 1);
    *ret_owned = NULL;
    if (json_is_string(text)) {
        *ret_len = (int)json_string_length(text);
        return json_string_value(text);
    }
    const char *encoded = json_string_value(json_array_get(line, 2));
    if (encoded == NULL)
        return NULL;
    size_t len = strlen(encoded);
    unsigned char *bytes = ob_calloc(len + 1, 1);
    int n = EVP_DecodeBlock(bytes, (const unsigned char *)encoded, (int)len);
    if (n < 0 || len < 4) {
        free(bytes);
        *ret_len = 0;
        return len == 0 ? "" : NULL;
    }
    n -= (encoded[len - 1] == '=') + (encoded[len - 2] == '=');
    *ret_len = n;
    *ret_owned = bytes;
    return bytes;
}

typedef struct lines {
    int64_t *times;
    const void **texts;
    void **owned;
    int *lens;
    size_t n;
} lines;

static void lines_done(lines *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->owned[i]);
    free(l->times);
    free(l->texts);
    free(l->owned);
    free(l->lens);
}

/* Takes the lines that lie past 'end'; returns the offset behind the chunk's last line. */
static int64_t lines_past(lines *l, const json_t *list, int64_t offset, int64_t end)
{
    size_t i;
    json_t *line;
    size_t max = json_array_size(list) + 1;
    l->times = ob_calloc(max, sizeof(*l->times));
    l->texts = ob_calloc(max, sizeof(*l->texts));
    l->owned = ob_calloc(max, sizeof(*l->owned));
    l->lens = ob_calloc(max, sizeof(*l->lens));
    json_array_foreach(list, i, line)
    {
        int len;
        void *owned;
        const void *bytes = line_bytes(line, &len, &owned);
        if (bytes == NULL)
            continue;
        bool is_new = offset >= end;
        offset += len + 1;
        if (!is_new) {
            free(owned);
            continue;
        }
        l->times[l->n] = json_integer_value(json_array_get(line, 0));
        l->texts[l->n] = bytes;
        l->owned[l->n] = owned;
        l->lens[l->n++] = len;
    }
    return offset;
}

static int append_gap(intake *in, log_position *at, int64_t offset, int64_t now_ms, ob_error *err)
{
    char text[96];
    snprintf(text, sizeof(text), "[OpenBatch: %lld bytes of output were lost here]",
             (long long)(offset - at->end_offset));
    const void *texts[1] = { text };
    int lens[1] = { (int)strlen(text) };
    return log_store_append(in->db, at, &now_ms, texts, lens, 1, offset, now_ms, err);
}

/* Stores what is new of a chunk. *ret_waits: it lies behind a gap that may still close. */
static int store_chunk(intake *in, const chunk *c, bool *ret_waits, ob_error *err)
{
    const log_key key = {
        .account = ob_json_str(c->msg, "account", ""),
        .region = ob_json_str(c->msg, "region", ""),
        .group = ob_json_str(c->msg, "group", "/aws/batch/job"),
        .stream = ob_json_str(c->msg, "stream", ""),
    };
    int64_t offset = ob_json_int(c->msg, "offset", 0);
    int64_t now_ms = ob_wall_ms();
    log_position at;
    bool ok;
    *ret_waits = false;
    int r = check_token(in, c->msg, &ok, err);
    if (r < 0)
        return r;
    if (!ok || !key_is_usable(&key)) {
        ob_warn("log.chunk_refused", "{s:s}", "instance", ob_json_str(c->msg, "instance", ""));
        return 0;
    }
    r = log_store_open(in->db, &key, now_ms, &at, err);
    if (r < 0)
        return r;
    if (offset > at.end_offset) {
        if (ob_mono_ms() - c->since_ms < GAP_MS) {
            *ret_waits = true;
            return 0;
        }
        r = append_gap(in, &at, offset, now_ms, err);
        if (r < 0)
            return r;
    }
    ob_cleanup(lines_done) lines l = { 0 };
    int64_t end = lines_past(&l, json_object_get(c->msg, "lines"), offset, at.end_offset);
    if (l.n == 0)
        return 0;
    return log_store_append(in->db, &at, l.times, l.texts, l.lens, l.n, end, now_ms, err);
}

/* One transaction for all that is pending; what waits for a gap stays. */
static int store_pending(intake *in, ob_error *err)
{
    chunk *c, *next;
    chunk *waiting = NULL;
    int r = ob_db_sql(in->db, "BEGIN", NULL, NULL, err);
    if (r < 0)
        return r;
    chunk *stored = in->pending;
    in->pending = NULL;
    DL_FOREACH_SAFE(stored, c, next)
    {
        bool waits = false;
        r = store_chunk(in, c, &waits, err);
        if (r < 0)
            break;
        if (waits) {
            DL_DELETE(stored, c);
            DL_APPEND(waiting, c);
        }
    }
    if (r == 0)
        r = ob_db_sql(in->db, "COMMIT", NULL, NULL, err);
    if (r < 0) {
        ob_error ignored;
        (void)ob_db_sql(in->db, "ROLLBACK", NULL, NULL, &ignored);
        DL_CONCAT(stored, waiting);
        in->pending = stored;
        return r;
    }
    DL_FOREACH_SAFE(stored, c, next)
    {
        json_decref(c->msg);
        free(c);
    }
    in->pending = waiting;
    return 0;
}

static int open_db(intake *in, ob_error *err)
{
    if (in->db != NULL)
        return ob_db_ok(in->db) ? 0 : ob_db_reconnect(in->db, err);
    ob_db *db = NULL;
    int r = ob_db_connect(in->ctx->config->pg, "openbatch-api logs", &db, err);
    if (r == 0)
        r = ob_db_prepare(db, log_store_ingest_stmts, err);
    if (r < 0) {
        ob_db_free(db);
        return r;
    }
    in->db = db;
    return 0;
}

static int intake_turn(intake *in, ob_error *err)
{
    int r = open_db(in, err);
    if (r < 0)
        return r;
    (void)ob_bus_poll(in->bus, POLL_MS, POLL_MAX);
    if (in->pending != NULL) {
        r = store_pending(in, err);
        if (r < 0)
            return r;
    }
    if (in->uncommitted && in->pending == NULL) {
        r = ob_bus_commit(in->bus, err);
        if (r == 0)
            in->uncommitted = false;
    }
    return r;
}

static int subscribe(intake *in, ob_error *err)
{
    static const char *const topics[] = { OB_TOPIC_LOGS, NULL };
    int r = ob_bus_make_topics(in->bus, 5000, err);
    return r < 0 ? r : ob_bus_subscribe(in->bus, topics, err);
}

static void pause_ms(int ms)
{
    struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = (ms % 1000) * 1000000L };
    nanosleep(&t, NULL);
}

static void *intake_run(void *arg)
{
    intake *in = arg;
    bool subscribed = false;
    bool said = false;
    while (!atomic_load(&in->stopping)) {
        ob_error err = { 0 };
        int r = 0;
        if (!atomic_load(&in->ctx->ready)) {
            pause_ms(RETRY_MS / 5);
            continue;
        }
        if (!subscribed) {
            r = subscribe(in, &err);
            subscribed = r == 0;
        }
        if (r == 0)
            r = intake_turn(in, &err);
        if (r < 0) {
            if (!said)
                ob_warn("log.intake_failed", "{s:s}", "error", err.text);
            said = true;
            pause_ms(RETRY_MS);
        } else {
            said = false;
        }
    }
    return NULL;
}

int logs_start(api_ctx *ctx, ob_error *err)
{
    intake *in = ob_calloc(1, sizeof(*in));
    const ob_config_common *common = &ctx->config->common;
    in->ctx = ctx;
    if (common->kafka_password_file[0] != '\0') {
        int r = ob_config_read_secret(common->kafka_password_file, &in->kafka_password, err);
        if (r < 0) {
            free(in);
            return r;
        }
    }
    const ob_bus_config config = {
        .servers = common->kafka,
        .user = common->kafka_user[0] != '\0' ? common->kafka_user : NULL,
        .password = in->kafka_password,
        .client_id = "openbatch-api-logs",
        .partitions = (int32_t)common->kafka_partitions,
        .group = "openbatch-api",
        .on_msg = on_msg,
        .arg = in,
    };
    int r = ob_bus_new(&config, &in->bus, err);
    if (r == 0) {
        r = pthread_create(&in->thread, NULL, intake_run, in);
        if (r != 0)
            r = ob_fail(err, r, "cannot start the log thread: %s", strerror(r));
    }
    if (r < 0) {
        ob_bus_free(in->bus);
        free(in->kafka_password);
        free(in);
        return r;
    }
    the_intake = in;
    return 0;
}

void logs_stop(api_ctx *ctx)
{
    (void)ctx;
    intake *in = the_intake;
    chunk *c, *next;
    if (in == NULL)
        return;
    the_intake = NULL;
    atomic_store(&in->stopping, true);
    pthread_join(in->thread, NULL);
    DL_FOREACH_SAFE(in->pending, c, next)
    {
        json_decref(c->msg);
        free(c);
    }
    forget_tokens(in);
    ob_bus_free(in->bus);
    ob_db_free(in->db);
    free(in->kafka_password);
    free(in);
}
