/* Streams of output: lines are grouped into chunks, and a chunk is kept until the broker has it.
 * Owns the chunks. Never uses the wall clock; never drops a line.
 *
 * Invariants: a line's offset is the sum of the spans of all lines before it, so reading a
 * container's output again gives the same offsets. The first line after a pause is sent in the same
 * turn, later ones at least every 100 ms. Chunks of a run are sent in order; if one is lost, it and
 * all later ones are sent again. Memory is limited: a stream with too much on its way is not read,
 * and no stream is read if all together have too much. If a run's output would exceed the limit, it
 * gets one marked line, always at the same offset, and nothing after it. Thread: the loop's. */
#include "output.h"

#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "ob/clock.h"
#include "ob/log.h"
#include "ob/log_target.h"
#include "ob/message.h"
#include "ob/topics.h"
#include "output_text.h"

#define GROUP_MS 100
#define RETRY_MS 200
#define CHUNK_TEXT (200u * 1024)
/* Of lines; the longest one alone is below 350 KB. */
#define CHUNK_MAX (OB_MESSAGE_MAX - 8u * 1024)
#define STREAM_BYTES (1u << 20)
#define ALL_BYTES (6u << 20)

typedef enum chunk_state { CHUNK_QUEUED, CHUNK_SENT, CHUNK_DONE } chunk_state;

typedef struct chunk {
    struct stream *stream;
    chunk_state state;
    char *text;
    size_t len;
    int64_t end; /* offset after its last line */
    struct chunk *prev, *next;
} chunk;

typedef struct stream {
    logs *l;
    char run[OB_RUN_TEXT];
    char *name;
    int64_t next;   /* offset after the last accepted line */
    int64_t read;   /* offset of the current reading */
    log_text lines; /* not in a chunk yet */
    int64_t first;  /* their offset */
    chunk *chunks;
    size_t bytes; /* of chunks */
    int sent;     /* chunks without a result yet */
    bool lost;    /* one of them was not delivered */
    bool full;    /* its reader waits */
    bool ended, end_made;
    int64_t last_ms; /* when lines were put into a chunk */
    UT_hash_handle hh;
} stream;

struct logs {
    logs_config config;
    stream *streams;
    size_t bytes;
    bool dirty;
    loop_timer timer;
};

static void on_time(void *arg)
{
    ((logs *)arg)->dirty = true;
}

logs *logs_new(const logs_config *config)
{
    logs *l = ob_calloc(1, sizeof(*l));
    l->config = *config;
    l->timer = (loop_timer){ .fn = on_time, .arg = l };
    return l;
}

static void flush_later(logs *l, int64_t delay_ms)
{
    if (!l->timer.armed || l->timer.at_ms > ob_boot_ms() + delay_ms)
        loop_timer_set(l->config.loop, &l->timer, delay_ms);
}

static stream *find(const logs *l, const char *run)
{
    stream *s = NULL;
    HASH_FIND_STR(l->streams, run, s);
    return s;
}

/* One of the stream's. */
static void chunk_free(stream *s, chunk *c)
{
    DL_DELETE(s->chunks, c);
    s->bytes -= c->len;
    s->l->bytes -= c->len;
    free(c->text);
    free(c);
}

static void stream_free(stream *s)
{
    chunk *c, *next;
    DL_FOREACH_SAFE(s->chunks, c, next)
    chunk_free(s, c);
    HASH_DEL(s->l->streams, s);
    free(s->name);
    free(s->lines.text);
    free(s);
}

void logs_free(logs *l)
{
    if (!l)
        return;
    stream *s, *next;
    HASH_ITER(hh, l->streams, s, next)
    stream_free(s);
    loop_timer_stop(l->config.loop, &l->timer);
    free(l);
}

void logs_open(logs *l, const char *run, const json_t *target)
{
    if (find(l, run))
        return;
    stream *s = ob_calloc(1, sizeof(*s));
    s->l = l;
    (void)snprintf(s->run, sizeof(s->run), "%s", run);
    s->name = ob_strdup(ob_json_str(target, "stream", ""));
    HASH_ADD_STR(l->streams, run, s);
}

void logs_begin(logs *l, const char *run)
{
    stream *s = find(l, run);
    if (s) {
        s->read = 0;
        s->full = false;
    }
}

/* What a message says of its run. */
static void add_head(const stream *s, ob_buf *t)
{
    const ob_seal *sealed_by = s->l->config.seal;
    ob_message_begin(t, "log", 0);
    if (*sealed_by->former) {
        ob_buf_str(t, ",\"token\":");
        ob_buf_json(t, sealed_by->former);
    }
    ob_buf_str(t, ",\"run\":");
    ob_buf_json(t, s->run);
}

/* Closes the collected lines into a chunk. */
static void seal(stream *s)
{
    bool end = s->ended;
    ob_buf t = { 0 };
    add_head(s, &t);
    ob_buf_addf(&t, ",\"offset\":%lld,\"lines\":[", (long long)s->first);
    if (s->lines.len > 0)
        ob_buf_add(&t, s->lines.text, s->lines.len);
    ob_buf_str(&t, end ? "],\"end\":true}" : "],\"end\":false}");

    chunk *c = ob_calloc(1, sizeof(*c));
    c->stream = s;
    c->text = t.at;
    c->len = t.len;
    c->end = s->next;
    DL_APPEND(s->chunks, c);
    s->bytes += c->len;
    s->l->bytes += c->len;
    s->first = s->next;
    free(s->lines.text);
    s->lines = (log_text){ 0 };
    s->last_ms = ob_boot_ms();
    s->end_made = end;
}

void logs_go_to(logs *l, const char *run, int64_t offset)
{
    stream *s = find(l, run);
    if (!s)
        return;
    s->read = offset;
    if (offset <= s->next)
        return;
    if (s->lines.len > 0)
        seal(s);
    s->first = s->next = offset;
}

static void take_line(stream *s, int64_t at_ns, const char *text, size_t len, size_t span)
{
    size_t before = s->lines.len;
    if (before > 0)
        log_text_add(&s->lines, ",", 1);
    log_text_add_line(&s->lines, at_ns / 1000000, text, len, span);
    if (before > 0 && s->lines.len > CHUNK_MAX) {
        log_text line = { 0 };
        log_text_add(&line, s->lines.text + before + 1, s->lines.len - before - 1);
        s->lines.len = before;
        seal(s);
        s->lines = line;
    }
    s->next += (int64_t)span;
    s->l->dirty = true;
    if (s->lines.len >= CHUNK_TEXT)
        seal(s);
}

runtime_more
logs_line(logs *l, const char *run, int64_t at_ns, const char *text, size_t len, size_t span)
{
    stream *s = find(l, run);
    if (!s || s->ended)
        return RUNTIME_ENOUGH;
    int64_t at = s->read;
    s->read += (int64_t)span;
    if (l->config.limit > 0 && s->read > l->config.limit) {
        char mark[128];
        int n = snprintf(mark, sizeof(mark), OB_LOG_LIMIT_LINE, (long long)l->config.limit);
        if (at >= s->next)
            take_line(s, at_ns, mark, (size_t)n, (size_t)n + 1);
        s->ended = true;
        l->dirty = true;
        return RUNTIME_ENOUGH;
    }
    if (at < s->next)
        return RUNTIME_GO_ON; /* accepted in an earlier reading */
    take_line(s, at_ns, text, len, span);
    s->full = s->bytes >= STREAM_BYTES || l->bytes >= ALL_BYTES;
    return s->full ? RUNTIME_WAIT : RUNTIME_GO_ON;
}

void logs_end(logs *l, const char *run)
{
    stream *s = find(l, run);
    if (s && s->next == 0) { /* each line has a span */
        stream_free(s);
        s = NULL;
    }
    if (!s) {
        l->config.out(run, l->config.arg);
        return;
    }
    s->ended = true;
    l->dirty = true;
}

void logs_drop(logs *l, const char *run)
{
    stream *s = find(l, run);
    if (s && s->sent == 0)
        stream_free(s);
    else if (s)
        logs_end(l, run);
}

/* Sends the queued chunks in order. */
static void send_chunks(stream *s)
{
    chunk *c;
    DL_FOREACH(s->chunks, c)
    {
        if (c->state != CHUNK_QUEUED)
            continue;
        if (ob_seal_send(s->l->config.seal, NULL, s->l->config.bus, OB_POINT_EXECUTOR_LOG,
                         OB_TOPIC_LOGS, -1, s->name, strlen(s->name), c->text, c->len, c,
                         NULL) < 0) {
            flush_later(s->l, RETRY_MS); /* the producer's queue is full */
            return;
        }
        c->state = CHUNK_SENT;
        s->sent++;
    }
}

static void flush_stream(stream *s)
{
    if (s->lines.len > 0 || (s->ended && !s->end_made)) {
        int64_t due = s->last_ms + GROUP_MS - ob_boot_ms();
        if (s->ended || due <= 0)
            seal(s);
        else
            flush_later(s->l, due);
    }
    if (s->chunks && !s->lost)
        send_chunks(s);
}

void logs_flush(logs *l)
{
    if (!l->dirty)
        return;
    l->dirty = false;
    stream *s, *next;
    HASH_ITER(hh, l->streams, s, next)
    flush_stream(s);
}

/* Readers that waited for free memory. */
static void resume_readers(logs *l)
{
    stream *s, *next;
    HASH_ITER(hh, l->streams, s, next)
    {
        if (!s->full || s->bytes > STREAM_BYTES / 2 || l->bytes > ALL_BYTES / 2)
            continue;
        s->full = false;
        l->config.resume(s->run, l->config.arg);
    }
}

void logs_delivered(logs *l, void *ref, bool ok)
{
    chunk *c = ref;
    stream *s = c->stream;
    s->sent--;
    c->state = ok ? CHUNK_DONE : CHUNK_QUEUED;
    if (!ok && !s->lost)
        ob_warn("output.undelivered", "{s:s}", "run", s->run);
    s->lost |= !ok;
    while (s->chunks && s->chunks->state == CHUNK_DONE) {
        int64_t end = s->chunks->end;
        chunk_free(s, s->chunks);
        if (l->config.delivered)
            l->config.delivered(s->run, end, l->config.arg);
    }
    if (s->lost && s->sent == 0) {
        /* What was sent after the lost chunk came too early, because the reader wants no gap. */
        DL_FOREACH(s->chunks, c)
        c->state = CHUNK_QUEUED;
        s->lost = false;
        flush_later(l, RETRY_MS);
    }
    if (s->end_made && !s->chunks) {
        char run[OB_RUN_TEXT];
        memcpy(run, s->run, sizeof(run));
        stream_free(s);
        l->config.out(run, l->config.arg);
    }
    resume_readers(l);
}
