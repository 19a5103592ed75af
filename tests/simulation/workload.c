/* Draws a history's work. What it submits is written as the api writes it (sim_pg_submit), and the
 * oracle is told what was accepted. Owns the ids of queues. One thread. */
#include "workload.h"

#include <stdio.h>
#include <string.h>

#include "ob/error.h"
#include "ob/topics.h"
#include "oracle.h"

#define QUEUES_MAX 4
#define ENVIRONMENTS_MAX 3
#define RECENT 24

static struct {
    dice d;
    int64_t queues[QUEUES_MAX];
    bool fair[QUEUES_MAX];
    int n_queues;
    const pg_job *recent[RECENT]; /* jobs that others may depend on */
    size_t n_recent;
    size_t left; /* jobs to be submitted */
    int64_t until_us;
    int pending; /* events */
    uint64_t ids;
    bool stops_many; /* clients also stop all jobs of a queue that match */
    bool big;        /* many jobs have a long description, and fit one instance */
} w;

bool workload_done(void)
{
    return w.pending == 0;
}

/* In the order of time, as the api's; of this stream, so that faults do not change it. */
static ob_uuid new_id(void)
{
    ob_uuid id = ob_uuid_from_ms((SIM_EPOCH_US + world_now_us()) / 1000);
    uint64_t n = ++w.ids, bits = dice_next(&w.d);
    id.b[6] = (uint8_t)(0x70 | (n >> 16 & 0x0f));
    id.b[7] = (uint8_t)(n >> 8);
    id.b[8] = (uint8_t)(0x80 | (n >> 2 & 0x3f));
    id.b[9] = (uint8_t)((n & 3) << 6);
    memcpy(id.b + 10, &bits, 6);
    return id;
}

static int64_t put_environment(int n)
{
    char name[32];
    bool spot = dice_in(&w.d, 3);
    static const char *const types[] = { "m5.large", "m5.xlarge", "m5.2xlarge", "m5" };
    (void)snprintf(name, sizeof(name), "ce-%d", n);
    ob_cleanup(ob_freep) char *body = ob_strf(
        "{\"computeResources\":{\"type\":\"%s\",\"allocationStrategy\":\"BEST_FIT_PROGRESSIVE\","
        "\"minvCpus\":0,\"maxvCpus\":32,\"instanceTypes\":[\"%s\"]}}",
        spot ? "SPOT" : "EC2", types[dice_below(&w.d, ARRAY_SIZE(types))]);
    const pg_compute_environment row = { .account = "123456789012",
                                         .region = "us-east-1",
                                         .name = name,
                                         .uuid = new_id(),
                                         .type = "MANAGED",
                                         .enabled = 1,
                                         .resource_type = spot ? "SPOT" : "EC2",
                                         .min_vcpus = 0,
                                         .max_vcpus = dice_between(&w.d, 1, 4) * 8,
                                         .desired_vcpus = PG_NULL,
                                         .body = body,
                                         .unmanaged_vcpus = PG_NULL };
    return sim_pg_put_environment(&row);
}

static int64_t put_queue(int n, const int64_t *environments, int n_environments)
{
    char name[32], list[64];
    int64_t policy = PG_NULL;
    int first = (int)dice_below(&w.d, n_environments);
    w.fair[n] = dice_in(&w.d, 2);
    (void)snprintf(name, sizeof(name), "q-%d", n);
    if (n_environments > 1 && dice_in(&w.d, 2))
        (void)snprintf(list, sizeof(list), "{%lld,%lld}", (long long)environments[first],
                       (long long)environments[(first + 1) % n_environments]);
    else
        (void)snprintf(list, sizeof(list), "{%lld}", (long long)environments[first]);
    if (w.fair[n])
        policy = sim_pg_put_policy(&(pg_scheduling_policy){
            .account = "123456789012",
            .region = "us-east-1",
            .name = name,
            .body = "{\"fairsharePolicy\":{\"shareDecaySeconds\":60,\"shareDistribution\":["
                    "{\"shareIdentifier\":\"gold\",\"weightFactor\":0.5}]}}" });
    const pg_job_queue row = { .account = "123456789012",
                               .region = "us-east-1",
                               .name = name,
                               .enabled = 1,
                               .priority = dice_between(&w.d, 1, 10),
                               .ce_ids = list,
                               .body = "{}",
                               .policy_id = policy };
    return sim_pg_put_queue(&row);
}

/* ---- Jobs ---- */

static const char *const kind_words[] = {
    [KIND_OK] = "ok",   [KIND_FAIL] = "fail",       [KIND_FLAKY] = "flaky",
    [KIND_OOM] = "oom", [KIND_NOSTART] = "nostart", [KIND_STUBBORN] = "stubborn",
};

static job_plan draw_plan(void)
{
    job_plan plan = { .kind = KIND_OK, .for_ms = dice_between(&w.d, 20, 3000) };
    if (dice_in(&w.d, 4))
        plan.kind = (job_kind)dice_below(&w.d, KIND_COUNT);
    plan.number = (int)dice_between(&w.d, 1, plan.kind == KIND_FLAKY ? 2 : 3);
    if (dice_in(&w.d, 12))
        plan.for_ms = dice_between(&w.d, 3000, 20000);
    return plan;
}

typedef struct dependency_texts {
    char ids[512], idxs[64], types[64];
} dependency_texts;

static void add_dependency(dependency_texts *t, const ob_uuid *id, int index, int type)
{
    char text[OB_UUID_TEXT];
    ob_uuid_format(id, text);
    char number[16], kind[16];
    (void)snprintf(number, sizeof(number), "%d", index);
    (void)snprintf(kind, sizeof(kind), "%d", type);
    const struct {
        char *to;
        size_t size;
        const char *add;
    } parts[] = { { t->ids, sizeof(t->ids), text },
                  { t->idxs, sizeof(t->idxs), number },
                  { t->types, sizeof(t->types), kind } };
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
        size_t len = strlen(parts[i].to);
        if (len > 0)
            len--; /* over the brace */
        (void)snprintf(parts[i].to + len, parts[i].size - len, "%s%s}", len ? "," : "{",
                       parts[i].add);
    }
}

static void draw_dependencies(pg_job *row, dependency_texts *t)
{
    if (row->array_size > 0 && dice_in(&w.d, 5))
        add_dependency(t, &row->id, -1, OB_DEP_SEQUENTIAL);
    for (int i = (int)dice_between(&w.d, 1, 2); i > 0 && w.n_recent > 0 && dice_in(&w.d, 3); i--) {
        size_t n = w.n_recent < RECENT ? w.n_recent : RECENT;
        const pg_job *on = w.recent[dice_below(&w.d, (int64_t)n)];
        bool pairs = on->array_size > 0 && on->array_size == row->array_size && dice_in(&w.d, 2);
        if (strstr(t->ids, "-") && ob_uuid_cmp(&on->id, &row->id) == 0)
            continue;
        add_dependency(t, &on->id, -1, pairs ? OB_DEP_N_TO_N : OB_DEP_PLAIN);
    }
    if (t->ids[0]) {
        row->dep_ids = ob_strdup(t->ids);
        row->dep_idxs = ob_strdup(t->idxs);
        row->dep_types = ob_strdup(t->types);
    }
}

/* Members of a job's container beside its command. */
static char *more_of(void)
{
    if (dice_in(&w.d, 8))
        return ob_strdup(",\"logConfiguration\":{\"logDriver\":\"awslogs\",\"options\":"
                         "{\"awslogs-group\":\"g\",\"awslogs-stream-prefix\":\"p\"}}");
    if (!w.big || dice_in(&w.d, 4))
        return ob_strdup("");
    int len = (int)dice_between(&w.d, 40, 58) * 1024; /* some of them fill a message */
    ob_cleanup(ob_freep) char *value = ob_calloc((size_t)len + 1, 1);
    memset(value, 'x', (size_t)len);
    return ob_strf(",\"environment\":[{\"name\":\"LONG\",\"value\":\"%s\"}]", value);
}

static char *detail_of(const pg_job *row, const job_plan *plan, int queue)
{
    char id[OB_UUID_TEXT];
    ob_uuid_format(&row->id, id);
    ob_cleanup(ob_freep) char *more = more_of();
    return ob_strf(
        "{\"jobArn\":\"arn:aws:batch:us-east-1:123456789012:job/%s\",\"jobQueue\":"
        "\"arn:aws:batch:us-east-1:123456789012:job-queue/q-%d\",\"container\":{\"image\":\"i\","
        "\"command\":[\"%s\",\"%lld\",\"%d\"]%s}}",
        id, queue, kind_words[plan->kind], (long long)plan->for_ms, plan->number, more);
}

static void submit_one(void)
{
    static const int sizes[][2] = { { 250, 256 }, { 500, 512 }, { 1000, 1024 }, { 2000, 4096 } };
    static const int array_sizes[] = { 2, 3, 8, 8, 20 };
    const int *size = sizes[w.big ? 0 : dice_below(&w.d, ARRAY_SIZE(sizes))];
    int queue = (int)dice_below(&w.d, w.n_queues);
    job_plan plan = draw_plan();
    dependency_texts deps = { 0 };
    pg_job *row = ob_calloc(1, sizeof(*row));
    *row = (pg_job){ .id = new_id(),
                     .account = "123456789012",
                     .region = "us-east-1",
                     .queue_id = w.queues[queue],
                     .definition = kind_words[plan.kind],
                     .revision = 1,
                     .name = "j",
                     .mcpu = size[0],
                     .mem_mib = size[1],
                     .created_at_ms = (SIM_EPOCH_US + world_now_us()) / 1000,
                     .attempts = dice_between(&w.d, 1, 3),
                     .share = w.fair[queue] ? (dice_in(&w.d, 2) ? "gold" : "silver") : NULL,
                     .timeout_s = dice_in(&w.d, 15) ? 60 : 0 };
    if (dice_in(&w.d, 8))
        row->array_size = array_sizes[dice_below(&w.d, ARRAY_SIZE(array_sizes))];
    if (row->array_size > 0 && plan.for_ms > 1500)
        plan.for_ms = 1500; /* its children may come one after the other */
    draw_dependencies(row, &deps);
    row->detail = detail_of(row, &plan, queue);
    size_t made = 0;
    if (sim_pg_submit(row, NULL, 1, &made) < 0 || made != 1)
        return; /* 503: it tries again another time */
    oracle_accepted(row, &plan);
    w.recent[w.n_recent++ % RECENT] = row;
    w.left -= row->array_size > 0
                  ? (size_t)row->array_size < w.left ? (size_t)row->array_size : w.left
                  : 1;
}

static void stop_one(void)
{
    const pg_job *row = oracle_pick(dice_next(&w.d));
    if (!row)
        return;
    ob_inbox_kind kind = dice_in(&w.d, 2) ? OB_INBOX_CANCEL : OB_INBOX_TERMINATE;
    if (sim_pg_stop(kind, &row->id, -1, "no longer needed") < 0)
        return;
    oracle_stop_asked(&row->id);
    sim_kafka_ring(OB_TOPIC_COMMANDS);
}

/* All jobs of a queue, or those with a definition or share. */
static void stop_many(void)
{
    int64_t queue = w.queues[dice_below(&w.d, w.n_queues)];
    bool terminate = dice_in(&w.d, 2);
    pg_stop_request row = { .account = "123456789012",
                            .region = "us-east-1",
                            .queue_id = queue,
                            .states = terminate ? 31 : 7,
                            .name_prefix = dice_in(&w.d, 2) ? "j" : NULL,
                            .definition = dice_in(&w.d, 2) ? kind_words[KIND_OK] : NULL,
                            .revision = 0,
                            .share = dice_in(&w.d, 4) ? "gold" : NULL,
                            .terminate = terminate,
                            .reason = "no longer needed",
                            .created_at_ms = (SIM_EPOCH_US + world_now_us()) / 1000 };
    static const pg_stop_limits limits = { .open_max = 20, .queue_open_max = 5, .kept_max = 4 };
    oracle_stops_asked(queue, row.created_at_ms);
    if (sim_pg_stop_matching(&row, &limits) > 0)
        sim_kafka_ring(OB_TOPIC_COMMANDS);
}

static void ask_one(void)
{
    const pg_job *row = oracle_pick(dice_next(&w.d));
    if (row && sim_pg_stop(OB_INBOX_DEPENDENTS, &row->id, -1, NULL) == 0)
        sim_kafka_ring(OB_TOPIC_COMMANDS);
}

static void on_time(void *arg)
{
    (void)arg;
    w.pending--;
    for (int n = (int)dice_between(&w.d, 1, 12); n > 0 && w.left > 0; n--)
        submit_one();
    sim_kafka_ring(OB_TOPIC_SUBMISSIONS);
    if (dice_in(&w.d, 4))
        stop_one();
    if (w.stops_many && dice_in(&w.d, 4))
        stop_many();
    if (dice_in(&w.d, 4))
        ask_one();
    if (w.left == 0)
        return;
    w.pending++;
    int64_t left_us = w.until_us - world_now_us();
    world_after(dice_between(&w.d, 1, left_us > SECOND_US ? left_us / 10 / MS_US : 100) * MS_US,
                on_time, NULL);
}

void workload_plan(uint64_t seed, int64_t until_us, size_t jobs)
{
    memset(&w, 0, sizeof(w));
    w.d = dice_new(seed, "workload");
    w.until_us = until_us;
    w.left = jobs;
    w.big = dice_in(&w.d, 40);
    w.stops_many = dice_in(&w.d, 10);
    int64_t environments[ENVIRONMENTS_MAX];
    int n = (int)dice_between(&w.d, 1, ENVIRONMENTS_MAX);
    for (int i = 0; i < n; i++)
        environments[i] = put_environment(i);
    w.n_queues = (int)dice_between(&w.d, 1, QUEUES_MAX);
    for (int i = 0; i < w.n_queues; i++)
        w.queues[i] = put_queue(i, environments, n);
    w.pending++;
    world_after(SECOND_US, on_time, NULL);
}
