/* Messages of batch.placements as the executor reads them, and the containers that their specs
 * become.
 * Covers: services/executor/placement.c services/executor/runtimes/docker/docker_spec.c
 * services/executor/runtimes/docker/docker_host.c services/executor/runtimes/properties.c */
#include "fuzz.h"

#include "ob/json.h"
#include "ob/message.h"
#include "output_text.h"
#include "placement.h"
#include "runtimes/docker/docker_spec.h"
#include "runtimes/properties.h"

#define INSTANCE "i-0123456789abcdef0"

typedef struct orders {
    placement_position last;
    int n; /* of the message, not counting 'advance' */
} orders;

static void on_advance(placement_position last, void *arg)
{
    orders *o = arg;
    FUZZ_CHECK(o->n == 0); /* first */
    FUZZ_CHECK(last.epoch > o->last.epoch ||
               (last.epoch == o->last.epoch && last.seq > o->last.seq));
    o->last = last;
}

static void on_confirm(const char *run, void *arg)
{
    (void)run;
    ((orders *)arg)->n++;
}

static void on_stop(const char *run, int grace_s, void *arg)
{
    (void)run;
    FUZZ_CHECK(grace_s >= 0 && grace_s <= 86400);
    ((orders *)arg)->n++;
}

static void on_plain(void *arg)
{
    ((orders *)arg)->n++;
}

/* What a container may be is the spec's; whose it is, is ours. */
static void check_body(const json_t *body, const char *run)
{
    const json_t *labels = json_object_get(body, "Labels");
    FUZZ_CHECK(strcmp(ob_json_str(labels, DOCKER_LABEL_RUN, ""), run) == 0);
    FUZZ_CHECK(strcmp(ob_json_str(labels, DOCKER_LABEL_INSTANCE, ""), INSTANCE) == 0);
    FUZZ_CHECK(strcmp(ob_json_str(labels, DOCKER_LABEL_HOME, ""), "/home") == 0);
    const json_t *host = json_object_get(body, "HostConfig");
    FUZZ_CHECK(ob_json_int(host, "Memory", 0) > 0 && ob_json_int(host, "PidsLimit", 0) == 100);
    FUZZ_CHECK(ob_json_int(host, "CpuShares", 0) >= 2);
    size_t i;
    const json_t *bind;
    json_array_foreach(json_object_get(host, "Binds"), i, bind)
    {
        /* source:/target[:ro] */
        const char *text = json_string_value(bind), *colon = strchr(text, ':');
        FUZZ_CHECK(colon && colon[1] == '/');
    }
    ob_cleanup(ob_freep) char *text = json_dumps(body, JSON_COMPACT);
    FUZZ_CHECK(text);
}

static void check_spec(const char *run, const ob_run_ref *ref, int attempt, const json_t *spec)
{
    docker_spec in = { .ref = ref,
                       .attempt = attempt,
                       .spec = spec,
                       .home = "/home",
                       .instance = INSTANCE,
                       .ce = "ce",
                       .pids_limit = 100 };
    json_t *body = NULL, *volumes = NULL;
    const char *platform = NULL;
    ob_error err = { 0 };
    (void)property_platform(spec, &platform, NULL);
    if (docker_spec_body(&in, &body, &volumes, &err) == 0)
        check_body(body, run);
    else
        FUZZ_CHECK(err.text[0]);
    json_decref(body);
    json_decref(volumes);
    json_auto_t *target = log_target(spec, ref);
    FUZZ_CHECK(!target || *ob_json_str(target, "stream", ""));
}

static void on_run(const char *run, int attempt, json_t *spec, void *arg)
{
    ob_run_ref ref;
    char same[OB_RUN_TEXT];
    ((orders *)arg)->n++;
    if (!ob_run_ref_parse(run, &ref))
        return; /* attempts.c ends it */
    ob_run_ref_format(&ref, same);
    check_spec(same, &ref, attempt, spec);
}

static void on_forgotten(const char *run, void *arg)
{
    (void)run;
    (*(int *)arg)++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    orders o = { 0 };
    placement *p = placement_new(INSTANCE, o.last,
                                 (placement_sink){ .advance = on_advance,
                                                   .confirm = on_confirm,
                                                   .stop = on_stop,
                                                   .run = on_run,
                                                   .sync = on_plain,
                                                   .leave = on_plain,
                                                   .arg = &o });
    int forgotten = 0;
    placement_set_session(p, "s");
    while (in.left > 0) {
        size_t len;
        ob_cleanup(ob_freep) char *msg = fuzz_part(&in, &len);
        ob_error err = { 0 };
        o.n = 0;
        placement_result r = placement_take(p, msg, len, &err);
        FUZZ_CHECK(r == PLACEMENT_TAKEN || o.n == 0);
        FUZZ_CHECK((r == PLACEMENT_BAD) == (err.text[0] != '\0'));
        placement_position last = placement_last(p);
        FUZZ_CHECK(last.epoch == o.last.epoch && last.seq == o.last.seq);
        /* A second time it moves nothing, and an order of runs does nothing. */
        int before = o.n;
        o.n = 0;
        r = placement_take(p, msg, len, &err);
        last = placement_last(p);
        FUZZ_CHECK(last.epoch == o.last.epoch && last.seq == o.last.seq);
        FUZZ_CHECK(o.n == 0 || (o.n == 1 && before == 1)); /* sync, leave */
        placement_bury(p, msg, last, on_forgotten, &forgotten);
    }
    FUZZ_CHECK(forgotten == 0);
    placement_free(p);
    return 0;
}
