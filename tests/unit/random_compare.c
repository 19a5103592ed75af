/* Loaded equals live; see random_history.h. */
#include "random_history.h"

#include <stdio.h>
#include <stdlib.h>

#include "ob/error.h"

static char *text_of(const engine_effects *effects)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);
    for (int update = 0; update < 2; update++) {
        const effect_live *rows = update ? effects->live_update : effects->live_insert;
        for (size_t i = 0; i < (update ? effects->n_live_update : effects->n_live_insert); i++)
            fprintf(f,
                    "live%d %d:%d %d run %d attempt %d on %s at %ld %ld flags %d %s bulk %d %s %d"
                    " waits %d\n",
                    update, rows[i].id.b[15], rows[i].index, rows[i].state, rows[i].run,
                    rows[i].attempt, rows[i].instance_id ? rows[i].instance_id : "-",
                    (long)rows[i].started_at_ms, (long)rows[i].runnable_at_ms, rows[i].flags,
                    rows[i].stop_reason ? rows[i].stop_reason : "-", rows[i].bulk_state,
                    rows[i].bulk_reason ? rows[i].bulk_reason : "-",
                    rows[i].counts[OB_JOB_RUNNABLE], rows[i].waits);
    }
    for (size_t i = 0; i < effects->n_live_delete; i++)
        fprintf(f, "delete %d:%d\n", effects->live_delete[i].id.b[15],
                effects->live_delete[i].index);
    for (size_t i = 0; i < effects->n_done; i++)
        fprintf(f, "done %d:%d %d %s\n", effects->done[i].id.b[15], effects->done[i].index,
                effects->done[i].state, effects->done[i].reason ? effects->done[i].reason : "-");
    for (size_t i = 0; i < effects->n_attempts; i++)
        fprintf(f, "attempt %d:%d %d %s\n", effects->attempts[i].id.b[15],
                effects->attempts[i].index, effects->attempts[i].attempt,
                effects->attempts[i].reason);
    for (size_t i = 0; i < effects->n_events; i++)
        fprintf(f, "event %d:%d-%d %d attempt %d run %d %s\n", effects->events[i].id.b[15],
                effects->events[i].idx_lo, effects->events[i].idx_hi, effects->events[i].state,
                effects->events[i].attempt, effects->events[i].run,
                effects->events[i].instance_id ? effects->events[i].instance_id : "-");
    for (size_t i = 0; i < effects->n_orders; i++)
        fprintf(f, "order %d %s %d:%d/%d\n", effects->orders[i].kind,
                effects->orders[i].instance_id, effects->orders[i].run.id.b[15],
                effects->orders[i].run.index, effects->orders[i].run.run);
    for (size_t i = 0; i < effects->n_reasons; i++)
        fprintf(f, "reason %ld %d %s\n", (long)effects->reasons[i].queue_id,
                effects->reasons[i].need.mcpu,
                effects->reasons[i].reason ? effects->reasons[i].reason : "-");
    (void)fclose(f);
    return text;
}

static void end_a_run(const engine_wanted *run, void *arg)
{
    engine **both = arg;
    if (run->state != RUN_RUNNING)
        return;
    engine_run_report r = { .run = run->run,
                            .state = RUN_EXITED,
                            .started = true,
                            .has_exit_code = true,
                            .exit_code = run->run.id.b[15] % 2 };
    engine_report(both[2], (const char *)(void *)both[3], &r);
}

static int by_line(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Orders, reasons and ends of one round come in no promised order among different jobs. */
static void sort_lines(char *text)
{
    size_t n = 0, size = strlen(text);
    char **lines = ob_calloc(size + 1, sizeof(*lines)), *copy = ob_strdup(text);
    for (char *at = strtok(copy, "\n"); at; at = strtok(NULL, "\n"))
        lines[n++] = at;
    qsort(lines, n, sizeof(*lines), by_line);
    char *to = text;
    for (size_t i = 0; i < n; i++)
        to += sprintf(to, "%s\n", lines[i]);
    free(copy);
    free(lines);
}

static void assert_same(char *live, char *loaded)
{
    sort_lines(live);
    sort_lines(loaded);
    size_t same = 0;
    for (size_t i = 0; live[i] && live[i] == loaded[i]; i++)
        same = live[i] == '\n' ? i + 1 : same;
    if (strcmp(live, loaded) != 0)
        fail_msg("live and loaded decide differently:\n%.*s\n%.*s", (int)strcspn(live + same, "\n"),
                 live + same, (int)strcspn(loaded + same, "\n"), loaded + same);
}

/* The decision is then thrown away: a new leader takes over. */
void history_compare_with_loaded(history *h)
{
    for (size_t i = 0; i < h->n_places; i++) /* a new leader has not heard of it */
        history_set_unwell(h, &h->places[i], false);
    history_one_round(h); /* nothing is left to read */
    for (int64_t due; (due = engine_next_due(h->w.e)) != INT64_MAX || engine_dirty(h->w.e);) {
        /* nor to wait for, which a new leader forgets */
        if (due != INT64_MAX && due > h->w.now_ms + 1000)
            h->w.now_ms = due - 1000;
        history_one_round(h);
    }
    engine_stats stats;
    engine_stats_get(h->w.e, &stats);
    if (stats.passed_over > 0) { /* likewise */
        history_new_leader(h);
        return;
    }
    engine *loaded = engine_new(), *live = h->w.e;
    engine_clock(loaded, h->w.steady_ms);
    history_load(h, loaded);
    engine_effects a = { 0 }, b = { 0 };
    engine_round(loaded, h->w.now_ms, &b);
    char *nothing = text_of(&b);
    assert_string_equal(nothing, "");
    free(nothing);
    engine_effects_clear(&b);
    for (int which = 0; which < 2; which++) {
        engine *e = which ? loaded : live;
        for (size_t i = 0; i < h->n_places; i++) {
            engine *arg[4] = { live, loaded, e, (engine *)(void *)h->places[i].x.id };
            engine_instance_runs(live, h->places[i].x.id, end_a_run, arg);
        }
        engine_put_instance(e, &(engine_instance){ .id = "i-new",
                                                   .ce_id = 1,
                                                   .size = NEED(5, 4000),
                                                   .vcpus = 5,
                                                   .state = OB_INSTANCE_ACTIVE });
        for (uint64_t n = 0; n < 3; n++)
            engine_submit(e, &(engine_submission){ .id = world_id(200 + n),
                                                   .queue_id = 1,
                                                   .array_size = n == 1 ? 5 : 0,
                                                   .need = NEED(1, 500),
                                                   .created_at_ms = h->w.now_ms });
        for (size_t j = 0; j < h->n_jobs; j += 5)
            engine_stop(e, &(ob_job_ref){ .id = h->jobs[j], .index = h->sizes[j] ? 1 : -1 }, j % 2,
                        "why not");
    }
    engine_round(live, h->w.now_ms + 1000, &a);
    engine_round(loaded, h->w.now_ms + 1000, &b);
    char *x = text_of(&a), *y = text_of(&b);
    assert_same(x, y);
    free(x);
    free(y);
    engine_effects_done(&a);
    engine_effects_done(&b);
    engine_free(loaded);
    history_new_leader(h);
}
