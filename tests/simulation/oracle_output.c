/* The output that is stored, line by line. Owns the streams that it has seen. One thread. */
#include <string.h>

#include "oracle_seen.h"
#include "sim_engine.h"

/* A bytea as PostgreSQL writes it. */
static void text_of(const char *bytes, char *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    size_t n = 0;
    for (bytes += 2; n + 1 < size && *bytes; bytes += 2)
        out[n++] =
            (char)((strchr(digits, bytes[0]) - digits) * 16 + (strchr(digits, bytes[1]) - digits));
    out[n] = '\0';
}

static output *output_of(int64_t id)
{
    output *v;
    HASH_FIND(hh, seen.outputs, &id, sizeof(id), v);
    if (v)
        return v;
    v = ob_calloc(1, sizeof(*v));
    v->id = id;
    HASH_ADD(hh, seen.outputs, id, sizeof(v->id), v);
    return v;
}

/* Each line once, in order; and a mark where some are lost, if Kafka has lost any. */
void seen_line(const pg_log_event *row)
{
    char line[256], name[OB_RUN_TEXT];
    output *v = output_of(row->stream_id);
    text_of(row->message, line, sizeof(line));
    trace_step("line", (uint64_t)row->stream_id, (uint64_t)row->n, "line %lld of stream %lld: %s",
               (long long)row->n, (long long)row->stream_id, line);
    const char *subject = v->of ? v->of->name : "-";
    if (row->n != v->lines++ || row->at_ms < v->at_ms)
        broken(subject, "line %lld of stream %lld is not its next one", (long long)row->n,
               (long long)row->stream_id);
    v->at_ms = row->at_ms;
    if (strncmp(line, "[OpenBatch: ", strlen("[OpenBatch: ")) == 0) {
        if (!seen.output_late)
            broken(subject, "output of stream %lld is said to be lost, but nothing was",
                   (long long)row->stream_id);
        v->gap = v->gaps = true;
        return;
    }
    int number = engine_line_number(line, name);
    run *r = number < 0 ? NULL : seen_run(name);
    if (!r || !r->started)
        broken(subject, "a line is stored that no run has written: %s", line);
    if ((v->of && v->of != r) || (r->stream && r->stream != v->id))
        broken(name, "output of run %s is in streams of different runs", name);
    if (number < v->next)
        broken(name, "line %d of run %s is stored twice", number, name);
    if (number > v->next && !v->gap)
        broken(name, "line %d of run %s is stored, but not line %d", number, name, v->next);
    v->of = r;
    v->next = number + 1;
    v->gap = false;
    r->stream = v->id;
    r->stored++;
}

/* A container is removed only when its output is with Kafka. What is sent again too late (its
 * executor stood still) is lost as well. */
void judge_output(void)
{
    for (const run *r = seen.runs; r && !seen.output_lost; r = r->hh.next) {
        bool late = seen.output_late && (!r->stream || output_of(r->stream)->gaps);
        if (r->removed && r->stored != r->written && !late)
            broken(r->name, "%d of %d lines of run %s are stored", r->stored, r->written, r->name);
    }
}
