/* Judges answers about who waits for a job, by the rows as their commit leaves them. Owns nothing.
 * One thread. */
#include "ob/json.h"
#include "oracle_seen.h"

/* The job that was asked about; NULL: the question is not deleted by this commit. */
static const ob_uuid *asked_about(const sim_pg_commit *commit, int64_t seq)
{
    for (size_t i = 0; i < commit->n; i++) {
        const sim_pg_change *c = &commit->changes[i];
        const pg_inbox *question = c->before;
        if (c->table == PG_INBOX && question && !c->after && question->seq == seq)
            return &question->job_id;
    }
    return NULL;
}

/* Dependencies on the job that are not over. */
static size_t waiting_for(const ob_uuid *id)
{
    size_t at = 0, n = 0;
    for (const pg_live *l; (l = sim_pg_next(PG_LIVE, &at));) {
        const job *j = l->waits == PG_NULL ? NULL : seen_job(&l->job_id);
        for (size_t i = 0; j && i < j->n_deps; i++)
            n += j->deps[i].type != OB_DEP_SEQUENTIAL && (l->waits >> i & 1) &&
                 ob_uuid_cmp(&j->deps[i].id, id) == 0;
    }
    return n;
}

static bool waits_for(const ob_uuid *waiter, const ob_uuid *id)
{
    const job *j = seen_job(waiter);
    const pg_live *l = sim_pg_find(PG_LIVE, &(pg_live){ .job_id = *waiter, .idx = -1 });
    for (size_t i = 0; j && l && l->waits != PG_NULL && i < j->n_deps; i++)
        if ((l->waits >> i & 1) && ob_uuid_cmp(&j->deps[i].id, id) == 0)
            return true;
    return false;
}

void judge_answer(const sim_pg_commit *commit, const pg_answer *answer)
{
    const ob_uuid *id = asked_about(commit, answer->seq);
    json_auto_t *body = ob_json_read_text(answer->body);
    const json_t *jobs = json_object_get(body, "jobs"), *one;
    char name[OB_RUN_TEXT];
    size_t i;
    if (!id)
        broken("-", "question %lld is answered and not deleted", (long long)answer->seq);
    seen_ref(id, -1, name);
    json_array_foreach(jobs, i, one)
    {
        ob_uuid waiter;
        const char *text = json_string_value(json_array_get(one, 0));
        if (!text || !ob_uuid_parse(text, strlen(text), &waiter) || !waits_for(&waiter, id))
            broken(name, "it is answered that %s waits for it", text ? text : "nobody");
    }
    if (!json_is_true(json_object_get(body, "more")) && json_array_size(jobs) != waiting_for(id))
        broken(name, "%zu jobs wait for it, and %zu are answered", waiting_for(id),
               json_array_size(jobs));
}
