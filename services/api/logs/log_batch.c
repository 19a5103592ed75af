/* Turns chunks of many streams into a few statements over arrays: open the streams, append their
 * lines, move their ends. Owns nothing between calls.
 *
 * Invariants: a chunk carries the byte offset of its first line, and only what lies past the
 * stream's end is appended, so a chunk that comes twice changes nothing; a chunk behind a gap
 * waits, and a gap that lasts GAP_MS is stored as one marked line (docs/architecture.md, "Logs").
 * What waits is bounded (log_patience.c), and so is a gap: nobody loses more than GAP_MAX at once.
 * Of a run nothing is stored that is more than LIMIT_SLACK past its limit. Times within a stream
 * never fall and are never later than their arrival. Thread: the intake's. */
#include "log_batch.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "log_store.h"
#include "ob/clock.h"
#include "ob/id.h"
#include "ob/message.h"
#include "request/api_metrics.h"

#define GAP_MS (30 * 1000)
#define GAP_MAX (1LL << 32)     /* bytes: some times what is kept of a run */
#define PART_BYTES (16 * 1024)  /* of a line in the Docker Engine */
#define APPEND_BYTES (4u << 20) /* of one statement */
#define LIMIT_SLACK 1024        /* an executor's own line about the limit comes after it */
#define NAME_BYTES 512          /* longer names do not fit the index of log_stream */

typedef struct stream {
    log_position at;
    char *name; /* the key of the table */
    bool moved;
    UT_hash_handle hh;
} stream;

typedef struct batch {
    ob_db *db;
    int64_t now_ms;
    stream *streams;
    log_lines lines;
    size_t cap, bytes;
    int64_t limit; /* bytes of a run's output; 0: none */
    log_refused refused;
    int64_t n_lines, n_gaps; /* of the whole transaction */
    void **owned;            /* decoded texts; of marked lines too */
} batch;

log_chunk *log_chunk_new(json_t *msg, size_t bytes)
{
    log_chunk *c = ob_calloc(1, sizeof(*c));
    c->msg = msg;
    c->bytes = bytes;
    c->since_ms = ob_mono_ms();
    return c;
}

void log_chunk_free(log_chunk *chunk)
{
    json_decref(chunk->msg);
    log_run_unref(chunk->run);
    free(chunk);
}

void log_chunks_free(log_chunk **list)
{
    log_chunk *c, *next;
    DL_FOREACH_SAFE(*list, c, next)
    log_chunk_free(c);
    *list = NULL;
}

static log_key key_of(const log_chunk *c)
{
    return (log_key){
        .account = c->run->account,
        .region = c->run->region,
        .group = c->run->group,
        .stream = c->run->stream,
    };
}

bool log_chunk_is_usable(const log_chunk *chunk)
{
    log_key key = key_of(chunk);
    return key.stream[0] != '\0' && key.group[0] != '\0' && strlen(key.account) <= NAME_BYTES &&
           strlen(key.region) <= NAME_BYTES && strlen(key.group) <= NAME_BYTES &&
           strlen(key.stream) <= NAME_BYTES;
}

/* ---- streams --------------------------------------------------------------------------------- */

static stream *stream_of(batch *b, const log_chunk *c)
{
    log_key key = key_of(c);
    ob_cleanup(ob_freep) char *name =
        ob_strf("%s\n%s\n%s\n%s", key.account, key.region, key.group, key.stream);
    stream *s;
    HASH_FIND_STR(b->streams, name, s);
    if (s)
        return s;
    s = ob_calloc(1, sizeof(*s));
    s->name = ob_take(name);
    s->at.key = key;
    s->at.job_id = c->run->job_id;
    s->at.index = c->run->index;
    HASH_ADD_KEYPTR(hh, b->streams, s->name, strlen(s->name), s);
    return s;
}

static int open_streams(batch *b, log_chunk *list, ob_error *err)
{
    log_chunk *c;
    DL_FOREACH(list, c)
    (void)stream_of(b, c);
    size_t n = 0;
    ob_cleanup(ob_freep) log_position **at = ob_calloc(HASH_COUNT(b->streams) + 1, sizeof(*at));
    for (stream *s = b->streams; s; s = s->hh.next)
        at[n++] = &s->at;
    return log_store_open(b->db, at, n, b->now_ms, err);
}

static int move_streams(batch *b, ob_error *err)
{
    size_t n = 0;
    ob_cleanup(ob_freep) log_position **at = ob_calloc(HASH_COUNT(b->streams) + 1, sizeof(*at));
    for (stream *s = b->streams; s; s = s->hh.next)
        if (s->moved)
            at[n++] = &s->at;
    return n ? log_store_move(b->db, at, n, b->now_ms, err) : 0;
}

/* ---- lines ----------------------------------------------------------------------------------- */

/* One line of a chunk: [at, text] or [at, null, base64]. Returns its bytes (free *ret_owned, or
 * NULL), or NULL if it is not a line. */
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

/* The span of a line in the output: it is given if it is more than the line's bytes and its end. No
 * part of a line is empty, except for one at its end. */
static int64_t line_span(const json_t *line, int len)
{
    const json_t *said = json_array_get(line, 3);
    int64_t span = json_integer_value(said);
    bool sound = json_is_integer(said) && span >= len && span <= 2 * (int64_t)len + 2;
    return sound ? span : (int64_t)len + 1;
}

/* The part of a line that is already stored if 'done' bytes of the output after its start are; -1:
 * all. The engine stores a long line in parts, which executors of an earlier version sent one by
 * one. */
static int stored_part(const json_t *line, int len, int64_t done)
{
    if (done <= 0)
        return 0;
    if (json_array_size(line) <= 3 || done >= line_span(line, len))
        return -1;
    int64_t bytes = done - done / (PART_BYTES + 1);
    return bytes < len ? (int)bytes : len;
}

static void forget_lines(batch *b)
{
    for (size_t i = 0; i < b->lines.n; i++)
        free(b->owned[i]);
    b->lines.n = 0;
    b->bytes = 0;
}

static int append_lines(batch *b, ob_error *err)
{
    int r = b->lines.n ? log_store_append(b->db, &b->lines, b->now_ms, err) : 0;
    forget_lines(b);
    return r;
}

static void reserve(batch *b)
{
    log_lines *l = &b->lines;
    if (l->n < b->cap)
        return;
    b->cap = b->cap ? b->cap * 2 : 1024;
    l->streams = ob_realloc(l->streams, b->cap * sizeof(*l->streams));
    l->times = ob_realloc(l->times, b->cap * sizeof(*l->times));
    l->numbers = ob_realloc(l->numbers, b->cap * sizeof(*l->numbers));
    l->texts = ob_realloc(l->texts, b->cap * sizeof(*l->texts));
    l->lens = ob_realloc(l->lens, b->cap * sizeof(*l->lens));
    b->owned = ob_realloc(b->owned, b->cap * sizeof(*b->owned));
}

/* Takes one line, which ends at 'end_offset' of its stream. */
static void
add_line(batch *b, stream *s, int64_t at_ms, const void *text, int len, void *owned, int64_t end)
{
    log_position *at = &s->at;
    log_lines *l = &b->lines;
    if (at_ms <= 0 || at_ms > b->now_ms)
        at_ms = b->now_ms;
    if (at_ms < at->last_ms)
        at_ms = at->last_ms;
    reserve(b);
    l->streams[l->n] = at->id;
    l->times[l->n] = at_ms;
    l->numbers[l->n] = at->lines++;
    l->texts[l->n] = text;
    l->lens[l->n] = len;
    b->owned[l->n++] = owned;
    b->bytes += (size_t)len;
    b->n_lines++;
    if (at->first_ms == 0)
        at->first_ms = at_ms;
    at->last_ms = at_ms;
    at->end_offset = end;
    s->moved = true;
}

static void add_gap(batch *b, stream *s, int64_t offset)
{
    char *text = ob_strf("[OpenBatch: %lld bytes of output were lost here]",
                         (long long)(offset - s->at.end_offset));
    b->n_gaps++;
    add_line(b, s, b->now_ms, text, (int)strlen(text), text, offset);
}

/* Is this position behind all that is kept of a run? An executor stops before, so this is only sent
 * by one that does not do as it should. */
static bool is_past(const batch *b, int64_t end)
{
    return b->limit > 0 && end > LIMIT_SLACK && end - LIMIT_SLACK > b->limit;
}

/* Ends a stream at its limit: its end is then past it, so this happens once. */
static void add_limit(batch *b, stream *s)
{
    if (is_past(b, s->at.end_offset))
        return;
    char *text = ob_strf(OB_LOG_LIMIT_LINE, (long long)b->limit);
    add_line(b, s, b->now_ms, text, (int)strlen(text), text, b->limit + LIMIT_SLACK + 1);
}

/* Takes the new lines of a chunk, unless it is after a gap that may still close. */
static int take_chunk(batch *b, log_chunk *c, ob_error *err)
{
    stream *s = stream_of(b, c);
    int64_t offset = ob_json_int(c->msg, "offset", 0);
    int64_t begin = offset;
    size_t i;
    json_t *line;
    c->waits = false;
    if (offset < 0 || offset - s->at.end_offset > GAP_MAX) {
        b->refused.far++;
        return 0;
    }
    if (offset > s->at.end_offset && !is_past(b, s->at.end_offset)) {
        c->waits = !c->hurries && ob_mono_ms() - c->since_ms < GAP_MS;
        if (c->waits)
            return 0;
        if (!is_past(b, offset))
            add_gap(b, s, offset);
    }
    json_array_foreach(json_object_get(c->msg, "lines"), i, line)
    {
        int len;
        void *owned;
        const void *bytes = line_bytes(line, &len, &owned);
        if (bytes == NULL)
            continue;
        offset += line_span(line, len);
        if (is_past(b, offset)) {
            free(owned);
            add_limit(b, s);
            b->refused.past++;
            break;
        }
        int stored = stored_part(line, len, s->at.end_offset - begin);
        begin = offset;
        if (stored < 0 || (stored == len && len > 0)) { /* but for its end */
            free(owned);
            s->moved |= stored > 0;
            s->at.end_offset = offset > s->at.end_offset ? offset : s->at.end_offset;
            continue;
        }
        add_line(b, s, json_integer_value(json_array_get(line, 0)), (const char *)bytes + stored,
                 len - stored, owned, offset);
    }
    return b->bytes >= APPEND_BYTES ? append_lines(b, err) : 0;
}

/* ---- the transaction ------------------------------------------------------------------------- */

static void batch_done(batch *b)
{
    stream *s, *next;
    forget_lines(b);
    HASH_ITER(hh, b->streams, s, next)
    {
        HASH_DEL(b->streams, s);
        free(s->name);
        free(s);
    }
    free(b->lines.streams);
    free(b->lines.times);
    free(b->lines.numbers);
    free(b->lines.texts);
    free(b->lines.lens);
    free(b->owned);
}

static int store_all(batch *b, log_chunk *list, ob_error *err)
{
    log_chunk *c;
    int r = open_streams(b, list, err);
    if (r < 0)
        return r;
    DL_FOREACH(list, c)
    {
        r = take_chunk(b, c, err);
        if (r < 0)
            return r;
    }
    r = append_lines(b, err);
    return r < 0 ? r : move_streams(b, err);
}

int log_batch_store(
    ob_db *db, int64_t limit, log_chunk **list, log_refused *ret_refused, ob_error *err)
{
    ob_cleanup(batch_done) batch b = { .db = db, .limit = limit, .now_ms = ob_wall_ms() };
    log_chunk *c, *next;
    log_chunk *waiting = NULL;
    int r = ob_db_sql(db, "BEGIN", NULL, NULL, err);
    if (r < 0)
        return r;
    r = store_all(&b, *list, err);
    if (r == 0)
        r = ob_db_commit(db, OB_POINT_API_LOG_LINES, err);
    if (r == 0) {
        ob_metric_add(&api_metrics[API_LOG_LINES], b.n_lines);
        ob_metric_add(&api_metrics[API_LOG_GAPS], b.n_gaps);
    }
    if (r < 0) {
        ob_error ignored;
        (void)ob_db_sql(db, "ROLLBACK", NULL, NULL, &ignored);
        return r;
    }
    forget_lines(&b); /* before the chunks that they point into */
    DL_FOREACH_SAFE(*list, c, next)
    {
        if (!c->waits)
            continue;
        DL_DELETE(*list, c);
        DL_APPEND(waiting, c);
    }
    log_chunks_free(list);
    *list = waiting;
    *ret_refused = b.refused;
    return 0;
}
