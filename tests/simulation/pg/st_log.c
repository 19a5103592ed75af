/* The statements of the api's intake of output (services/api/sql/queries/log_intake.sql). */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "log_intake_sql.h"
#include "ob/mem.h"
#include "pg_internal.h"

/* NULL comes last, as in an ORDER BY. */
static int cmp_names(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) : !a - !b;
}

/* ---- Missing groups and streams ---- */

static int cmp_groups(const void *a, const void *b)
{
    const pg_log_group *x = *(const pg_log_group *const *)a, *y = *(const pg_log_group *const *)b;
    int order = cmp_names(x->account, y->account);
    order = order ? order : cmp_names(x->region, y->region);
    return order ? order : cmp_names(x->name, y->name);
}

static void make_groups(pg_run *run)
{
    size_t n = 0, rows = pg_arg_rows(run);
    pg_log_group **new = pg_alloc((rows + 1) * sizeof(*new));
    for (size_t i = 0; i < rows; i++) {
        pg_log_group *g = pg_row_new(PG_LOG_GROUP);
        *g = (pg_log_group){ .account = pg_text_at(run, 0, i),
                             .region = pg_text_at(run, 1, i),
                             .name = pg_text_at(run, 2, i),
                             .created_at_ms = pg_int(run, 3) };
        if (!pg_get(run->s, PG_LOG_GROUP, g))
            new[n++] = g;
    }
    qsort(new, n, sizeof(*new), cmp_groups);
    for (size_t i = 0; i < n && !run->stop.set; i++)
        if (i == 0 || cmp_groups(&new[i - 1], &new[i]) != 0)
            (void)pg_insert_new(run, PG_LOG_GROUP, new[i]);
}

static int cmp_streams(const void *a, const void *b)
{
    const pg_log_stream *x = *(const pg_log_stream *const *)a;
    const pg_log_stream *y = *(const pg_log_stream *const *)b;
    int order = cmp_names(x->account, y->account);
    order = order ? order : cmp_names(x->region, y->region);
    order = order ? order : cmp_names(x->log_group, y->log_group);
    return order ? order : cmp_names(x->name, y->name);
}

static pg_log_stream *new_stream(pg_run *run, size_t i)
{
    pg_log_stream *s = pg_row_new(PG_LOG_STREAM);
    const char *job = pg_text_at(run, 4, i);
    *s = (pg_log_stream){ .account = pg_text_at(run, 0, i),
                          .region = pg_text_at(run, 1, i),
                          .log_group = pg_text_at(run, 2, i),
                          .name = pg_text_at(run, 3, i),
                          .idx = pg_int_at(run, 5, i),
                          .created_at_ms = pg_int(run, 6) };
    if (job && !ob_uuid_parse(job, strlen(job), &s->job_id))
        pg_fail(run, "22P02", "invalid input syntax for type uuid");
    return s;
}

static void make_streams(pg_run *run)
{
    size_t n = 0, rows = pg_arg_rows(run);
    pg_log_stream **new = pg_alloc((rows + 1) * sizeof(*new));
    for (size_t i = 0; i < rows; i++) {
        pg_log_stream *s = new_stream(run, i);
        if (!pg_get(run->s, PG_LOG_STREAM, s))
            new[n++] = s;
    }
    qsort(new, n, sizeof(*new), cmp_streams);
    for (size_t i = 0; i < n && !run->stop.set; i++) {
        new[i]->id = pg_next_number(PG_LOG_STREAM); /* also of one that is there by now */
        (void)pg_insert_new(run, PG_LOG_STREAM, new[i]);
    }
}

/* ---- Streams ---- */

/* A row of log_open's result. */
typedef struct opened {
    const pg_log_stream *s;
    size_t ord;
} opened;

static int cmp_opened(const void *a, const void *b)
{
    int64_t x = ((const opened *)a)->s->id, y = ((const opened *)b)->s->id;
    return (x > y) - (x < y);
}

static void open_streams(pg_run *run)
{
    size_t n = 0, rows = pg_arg_rows(run);
    opened *found = pg_alloc((rows + 1) * sizeof(*found));
    for (size_t i = 0; i < rows && !run->stop.set; i++) {
        pg_log_stream key = { .account = pg_text_at(run, 0, i),
                              .region = pg_text_at(run, 1, i),
                              .log_group = pg_text_at(run, 2, i),
                              .name = pg_text_at(run, 3, i) };
        pg_rec *rec = pg_find(run->s, PG_LOG_STREAM, &key);
        if (rec && pg_lock_row(run, rec, false))
            found[n++] = (opened){ pg_see(run->s, rec), i + 1 };
    }
    qsort(found, n, sizeof(*found), cmp_opened);
    for (size_t i = 0; i < n; i++) {
        pg_out_row(run);
        pg_put_int(run, (int64_t)found[i].ord);
        pg_put_int(run, found[i].s->id);
        pg_put_int(run, found[i].s->end_offset);
        pg_put_int(run, found[i].s->lines);
        pg_put_int(run, found[i].s->first_at_ms);
        pg_put_int(run, found[i].s->last_at_ms);
    }
}

static void move_stream(pg_run *run, pg_rec *rec, size_t i)
{
    pg_log_stream *s = pg_update(run, rec);
    if (!s)
        return;
    s->end_offset = pg_int_at(run, LOG_MOVE_END_OFFSET, i);
    s->lines = pg_int_at(run, LOG_MOVE_LINES, i);
    s->first_at_ms = pg_int_at(run, LOG_MOVE_FIRST_AT_MS, i);
    s->last_at_ms = pg_int_at(run, LOG_MOVE_LAST_AT_MS, i);
    s->last_ingested_at_ms = pg_int(run, LOG_MOVE_NOW_MS);
    (void)pg_check(run, PG_LOG_STREAM, s);
}

static void move_streams(pg_run *run)
{
    size_t at = 0, rows = pg_arg_rows(run);
    for (pg_rec *rec; !run->stop.set && (rec = pg_next(run->s, PG_LOG_STREAM, &at));) {
        int64_t id = ((const pg_log_stream *)pg_see(run->s, rec))->id;
        for (size_t i = 0; i < rows; i++)
            if (pg_int_at(run, LOG_MOVE_ID, i) == id) {
                move_stream(run, rec, i);
                break;
            }
    }
}

static void append(pg_run *run)
{
    size_t rows = pg_arg_rows(run);
    for (size_t i = 0; i < rows && !run->stop.set; i++) {
        pg_log_event *e = pg_row_new(PG_LOG_EVENT);
        *e = (pg_log_event){ .stream_id = pg_int_at(run, 1, i),
                             .at_ms = pg_int_at(run, 2, i),
                             .n = pg_int_at(run, 3, i),
                             .ingested_at_ms = pg_int(run, 0),
                             .message = pg_text_at(run, 4, i) };
        (void)pg_insert(run, PG_LOG_EVENT, e);
    }
}

/* ---- Whose output it is ---- */

static bool had_run(const pg_run *run, const pg_placement *is)
{
    const pg_placement *p = pg_get(run->s, PG_PLACEMENT, is);
    if (p && p->run == is->run)
        return true;
    pg_attempt key = { .job_id = is->job_id, .idx = is->idx };
    size_t at = pg_from(PG_ATTEMPT, &key, 2);
    for (const pg_rec *rec; (rec = pg_next_of(run->s, PG_ATTEMPT, &key, 2, &at));) {
        const pg_attempt *a = pg_see(run->s, rec);
        if (a->run == is->run && strcmp(a->instance_id, is->instance_id) == 0)
            return true;
    }
    return false;
}

/* detail::json #>> '{container,logConfiguration}' */
static const char *configuration_of(const pg_job *j)
{
    if (!strstr(j->detail, "\"logConfiguration\":"))
        return NULL;
    json_auto_t *detail = json_loads(j->detail, 0, NULL);
    const json_t *container = json_object_get(detail, "container");
    char *text = json_dumps(json_object_get(container, "logConfiguration"), JSON_COMPACT);
    const char *kept = text ? pg_keep(text, strlen(text)) : NULL;
    free(text);
    return kept;
}

static void runs(pg_run *run)
{
    size_t rows = pg_arg_rows(run);
    for (size_t i = 0; i < rows; i++) {
        pg_placement is = { .instance_id = pg_text_at(run, 3, i),
                            .job_id = *pg_uuid_at(run, 0, i),
                            .idx = pg_int_at(run, 1, i),
                            .run = pg_int_at(run, 2, i) };
        const pg_job *j = pg_get(run->s, PG_JOB, &(pg_job){ .id = is.job_id });
        if (!j || !is.instance_id || is.idx == PG_NULL || is.run == PG_NULL || !had_run(run, &is))
            continue;
        pg_out_row(run);
        pg_put_int(run, (int64_t)i + 1);
        pg_put_text(run, j->account);
        pg_put_text(run, j->region);
        pg_put_text(run, j->definition);
        pg_put_text(run, configuration_of(j));
    }
}

static void senders(pg_run *run)
{
    size_t rows = pg_arg_rows(run);
    for (size_t k = 0; k < rows; k++) {
        const char *id = pg_text_at(run, 0, k);
        const pg_instance *i = id ? pg_get(run->s, PG_INSTANCE, &(pg_instance){ .id = id }) : NULL;
        if (!i)
            continue;
        pg_out_row(run);
        pg_put_text(run, i->id);
        pg_put_text(run, i->key_salt);
        pg_put_text(run, i->token_hash);
    }
}

#define S "api"
const pg_statement pg_log_statements[] = {
    { S, "log_make_groups", "TTTi", NULL, make_groups },
    { S, "log_make_streams", "TTTTTIi", NULL, make_streams },
    { S, "log_open", "TTTT", "ord,id,end_offset,lines,first_at_ms,last_at_ms", open_streams },
    { S, "log_append", "iIIIB", NULL, append },
    { S, "log_move", "iIIIII", NULL, move_streams },
    { S, "log_runs", "UIIT", "ord,account,region,definition,configuration", runs },
    { S, "log_senders", "T", "id,key_salt,token_hash", senders },
    { 0 },
};
