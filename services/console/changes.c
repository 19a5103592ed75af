/* A ring of changes. A reader that falls behind by more than the ring is told so ("missed"), and
 * then reads its page again. Reads only what it needs of a message: of what may come from a job
 * only the reason is passed on, as JSON text, and only to readers of events. */
#include "changes.h"

#include <string.h>
#include <time.h>

#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"

static bool copy_token(char *dst, size_t size, const char *text, const char *more)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:";
    size_t len = strlen(text), n = 0;
    while (text[n] && (strchr(letters, text[n]) || strchr(more, text[n])))
        n++;
    if (n == 0 || n != len || len >= size)
        return false;
    memcpy(dst, text, len + 1);
    return true;
}

static const char blocked_name[] = "BLOCKED";

unsigned change_kind(const char *name)
{
    if (strcmp(name, blocked_name) == 0)
        return CHANGE_KIND_BLOCKED;
    int found = ob_job_state_parse(name);
    return found < 0 ? 0 : CHANGE_KIND(found);
}

static unsigned kind_of(const job_change *one)
{
    return one->blocked ? CHANGE_KIND_BLOCKED : CHANGE_KIND(one->state);
}

/* "2026-01-31T12:00:00Z" */
static int64_t read_time(const char *text)
{
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    return rest ? (int64_t)timegm(&tm) : 0;
}

bool change_read(const char *data, size_t len, job_change *ret)
{
    json_auto_t *event = ob_json_read(data, len);
    const json_t *detail = json_object_get(event, "detail");
    const char *kind = ob_json_str(event, "detail-type", "");
    const char *queue = ob_json_str(detail, "jobQueue", "");
    *ret = (job_change){ .state = OB_JOB_RUNNABLE,
                         .at_s = read_time(ob_json_str(event, "time", "")),
                         .blocked = strcmp(kind, "Batch Job Queue Blocked") == 0 };
    (void)ob_text_into(ret->reason, sizeof ret->reason, ob_json_str(detail, "statusReason", ""));
    if (!copy_token(ret->queue, sizeof ret->queue, queue, "/"))
        return false;
    int found = ob_job_state_parse(ob_json_str(detail, "status", ""));
    if (!ret->blocked && (strcmp(kind, "Batch Job State Change") != 0 || found < 0))
        return false;
    if (!ret->blocked)
        ret->state = (uint8_t)found;
    return copy_token(ret->job, sizeof ret->job, ob_json_str(detail, "jobId", ""), "");
}

void changes_add(changes *c, const job_change *one)
{
    c->last[c->next++ % CHANGES_KEPT] = *one;
}

/* What has happened in one queue since the last message. */
typedef struct tally {
    int states[OB_JOB_STATE_COUNT];
    bool blocked, any;
} tally;

static size_t queue_of(const change_reader *reader, const job_change *one)
{
    size_t i = 0;
    while (i < reader->n_queues && strcmp(reader->queues[i], one->queue) != 0)
        i++;
    return i;
}

static void tell_queue(ob_buf *out, const char *queue, const tally *t)
{
    const char *comma = "";
    ob_buf_json(out, queue);
    ob_buf_str(out, ":{");
    for (int state = 0; state < OB_JOB_STATE_COUNT; state++) {
        if (!t->states[state])
            continue;
        ob_buf_addf(out, "%s\"%s\":%d", comma, ob_job_state_name((ob_job_state)state),
                    t->states[state]);
        comma = ",";
    }
    if (t->blocked)
        ob_buf_addf(out, "%s\"blocked\":true", comma);
    ob_buf_str(out, "}");
}

static void tell_queues(ob_buf *out, const change_reader *reader, const tally *tallies)
{
    const char *comma = "";
    ob_buf_str(out, "\"queues\":{");
    for (size_t i = 0; i < reader->n_queues; i++) {
        if (!tallies[i].any)
            continue;
        ob_buf_str(out, comma);
        tell_queue(out, reader->queues[i], &tallies[i]);
        comma = ",";
    }
    ob_buf_str(out, "}");
}

/* The latest changes, latest first; a job may be named twice, and the first state counts. */
static void tell_jobs(ob_buf *out, const changes *c, const change_reader *reader, uint64_t from)
{
    int told = 0;
    bool more = false;
    ob_buf_str(out, ",\"jobs\":[");
    for (uint64_t at = c->next; at > from && !more; at--) {
        const job_change *one = &c->last[(at - 1) % CHANGES_KEPT];
        if (one->blocked || queue_of(reader, one) == reader->n_queues)
            continue;
        more = told == CHANGE_JOBS_MAX;
        if (more)
            continue;
        ob_buf_addf(out, "%s[\"%s\",\"%s\"]", told ? "," : "", one->job,
                    ob_job_state_name((ob_job_state)one->state));
        told++;
    }
    ob_buf_addf(out, "],\"more\":%s", more ? "true" : "false");
}

static void tell_event(ob_buf *out, const job_change *one, uint64_t number)
{
    ob_buf_addf(out, "[%llu,%lld,", (unsigned long long)number, (long long)one->at_s * 1000);
    ob_buf_json(out, one->queue);
    ob_buf_addf(out, ",\"%s\",\"%s\",", one->job,
                one->blocked ? blocked_name : ob_job_state_name((ob_job_state)one->state));
    ob_buf_json(out, one->reason);
    ob_buf_str(out, "]");
}

/* The latest ones of the reader's kinds, latest first; how many others there were. Filtered before
 * they are cut. */
static void tell_events(ob_buf *out, const changes *c, const change_reader *reader, uint64_t from)
{
    int told = 0, cut = 0;
    ob_buf_str(out, ",\"events\":[");
    for (uint64_t at = c->next; at > from; at--) {
        const job_change *one = &c->last[(at - 1) % CHANGES_KEPT];
        if (!(reader->events & kind_of(one)) || queue_of(reader, one) == reader->n_queues)
            continue;
        if (told == CHANGE_EVENTS_MAX) {
            cut += !reader->is_new; /* of what was before, the latest ones are enough */
            continue;
        }
        ob_buf_str(out, told++ ? "," : "");
        tell_event(out, one, at - 1);
    }
    ob_buf_addf(out, "],\"cut\":%d", cut);
}

bool changes_tell(const changes *c, change_reader *reader, ob_buf *out)
{
    bool missed = c->next - reader->next > CHANGES_KEPT, any = missed;
    uint64_t from = missed ? c->next - CHANGES_KEPT : reader->next;
    tally *tallies = ob_calloc(reader->n_queues + 1, sizeof *tallies);
    for (uint64_t at = from; at < c->next; at++) {
        const job_change *one = &c->last[at % CHANGES_KEPT];
        size_t i = queue_of(reader, one);
        if (i == reader->n_queues)
            continue;
        any = tallies[i].any = true;
        if (one->blocked)
            tallies[i].blocked = true;
        else
            tallies[i].states[one->state]++;
    }
    if (any) {
        ob_buf_str(out, "{");
        tell_queues(out, reader, tallies);
        tell_jobs(out, c, reader, from);
        if (reader->events)
            tell_events(out, c, reader, from);
        ob_buf_addf(out, ",\"missed\":%s}", missed ? "true" : "false");
    }
    free(tallies);
    reader->is_new = false;
    reader->next = c->next;
    return any;
}
