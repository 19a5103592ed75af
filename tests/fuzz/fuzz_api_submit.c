/* A job definition and a submission that go together: what becomes of parameters, overrides and
 * tags, and whether the scheduler and the executor read it as the api wrote it.
 * Covers: services/api/jobs/container_resolve.c services/api/jobs/job_detail.c
 * services/api/jobs/pod_resolve.c services/api/jobs/references.c services/api/jobs/submit_check.c
 * services/api/definitions/pod_check.c services/scheduler/detail.c */
#include "fuzz.h"

#include "api_alone.h"
#include "body.h"
#include "detail.h"
#include "jobs/job_detail.h"
#include "jobs/submit_check.h"
#include "ob/json.h"
#include "ob/message.h"
#include "ob/text.h"
#include "operations.h"
#include "request/names.h"
#include "runtimes/docker/docker_spec.h"

#define BODY_MAX 8192

static json_t *body_of(const char *text)
{
    json_t *body = NULL;
    if (strlen(text) > BODY_MAX ||
        ob_json_parse_as(text, strlen(text), OB_JSON_BRIEF, &body, NULL) < 0)
        return NULL;
    return body;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    fuzz_input in = fuzz_begin(data, size);
    uint8_t queue = fuzz_byte(&in);
    ob_cleanup(ob_freep) char *texts[2] = { fuzz_part(&in, NULL), NULL };
    ob_cleanup(ob_freep) char *second = fuzz_part(&in, NULL);
    texts[1] = second;
    size_t which = seed / 7 % 2;
    json_auto_t *body = body_of(texts[which]);
    if (!json_is_object(body) || seed % 5 == 0)
        return LLVMFuzzerMutate(data, size, max);
    const api_operation *op = api_operation_named(which ? "SubmitJob" : "RegisterJobDefinition");
    body_mutate(op->fields, body, seed);
    ob_cleanup(ob_freep) char *changed = json_dumps(body, JSON_COMPACT);
    ob_cleanup(ob_freep) char *out =
        ob_strf("%c%s\xff%s", queue, which ? texts[0] : changed, which ? changed : texts[1]);
    size_t len = strlen(out);
    if (!changed || queue == 0 || len > max)
        return LLVMFuzzerMutate(data, size, max);
    memcpy(data, out, len);
    return len;
}

/* The scheduler cuts members out of the text without parsing it: they are the same. */
static void check_detail(const char *detail)
{
    json_auto_t *whole = ob_json_read_text(detail);
    const char *name, *pos = detail;
    json_t *value;
    detail_span key, span;
    size_t n = 0;
    FUZZ_CHECK(json_is_object(whole));
    while (detail_next(&pos, &key, &span))
        n++;
    FUZZ_CHECK(n == json_object_size(whole));
    json_object_foreach(whole, name, value)
    {
        FUZZ_CHECK(detail_get(detail, name, &span));
        ob_cleanup(ob_freep) char *cut = ob_strf("[%.*s]", (int)span.len, span.at);
        json_auto_t *read = ob_json_read_text(cut);
        FUZZ_CHECK(json_equal(json_array_get(read, 0), value));
    }
    FUZZ_CHECK(strcmp(ob_json_str(whole, "jobId", ""), "018f0000-0000-7000-8000-000000000001") ==
               0);
}

/* As the executor gets it. */
static void check_container(const char *detail)
{
    json_auto_t *whole = ob_json_read_text(detail);
    json_t *container = json_object_get(whole, "container");
    if (!container) /* a pod */
        return;
    json_auto_t *spec = json_pack("{s:O}", "container", container);
    const ob_run_ref ref = { .index = -1, .run = 1 };
    docker_spec in = {
        .ref = &ref, .attempt = 1, .spec = spec, .home = "/", .instance = "i-1", .ce = "c"
    };
    json_t *body = NULL, *volumes = NULL;
    ob_error err = { 0 };
    int r = docker_spec_body(&in, &body, &volumes, &err);
    FUZZ_CHECK(r == 0 || ob_text_is_utf8(err.text, strlen(err.text)));
    ob_cleanup(ob_freep) char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    FUZZ_CHECK(r < 0 || text);
    json_decref(body);
    json_decref(volumes);
}

static void check_job(const submission *job)
{
    FUZZ_CHECK(job->need.mcpu > 0 && job->need.mem_mib > 0 && job->need.gpus >= 0);
    FUZZ_CHECK(job->attempts >= 1 && job->attempts <= 10 && job->timeout_s >= 0);
    json_auto_t *on_exit = ob_json_read_text(job->on_exit),
                *tags = ob_json_read_text(job->task_tags);
    FUZZ_CHECK(!job->on_exit || json_is_array(on_exit));
    FUZZ_CHECK(!job->task_tags || (json_is_object(tags) && json_object_size(tags) <= 50));
    check_detail(job->detail);
    check_container(job->detail);
}

static void submit(api_request *req, const json_t *definition_body, uint8_t flags, api_reply *rep)
{
    const api_queue queue = { .id = 1,
                              .name = "q",
                              .arn = "arn:aws:batch:us-east-1:123456789012:job-queue/q",
                              .enabled = true,
                              .fair_share = flags & 1,
                              .fargate = flags & 2,
                              .eks = flags & 8 };
    api_definition definition = { .id = 1, .name = "d", .revision = 1, .active = true };
    (void)snprintf(definition.arn, sizeof(definition.arn),
                   "arn:aws:batch:us-east-1:123456789012:job-definition/d:1");
    definition.body = json_deep_copy(definition_body);
    ob_cleanup(submission_done) submission job = { .created_at_ms = 1700000000000 };
    FUZZ_CHECK(ob_uuid_parse("018f0000-0000-7000-8000-000000000001", 36, &job.id));
    int r = submit_check(req, &queue, &definition, rep);
    if (r == 0)
        r = job_detail_resolve(req, &queue, &definition, &job, rep);
    if (r == 0)
        check_job(&job);
    /* It is shared by all submissions. */
    FUZZ_CHECK(json_equal(definition.body, definition_body));
    api_alone_check_reply(r, rep);
    json_decref(definition.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static api_reply rep;
    fuzz_input in = fuzz_begin(data, size);
    uint8_t flags = fuzz_byte(&in);
    ob_cleanup(ob_freep) char *register_text = fuzz_part(&in, NULL),
                              *submit_text = fuzz_part(&in, NULL);
    json_auto_t *definition = body_of(register_text), *body = body_of(submit_text);
    const api_operation *registers = api_operation_named("RegisterJobDefinition"),
                        *submits = api_operation_named("SubmitJob");
    if (!json_is_object(definition) || !json_is_object(body))
        return 0;
    if (api_operation_check(registers, definition, "id", &rep) == 0 &&
        api_operation_check(submits, body, "id", &rep) == 0 &&
        (json_object_get(definition, "containerProperties") ||
         json_object_get(definition, "eksProperties"))) {
        json_auto_t *stored = fields_copy(registers->fields, definition);
        api_request req = api_alone_request(submits, body, submit_text);
        submit(&req, stored, flags, &rep);
        names_done(&req);
    }
    api_reply_done(&rep);
    return 0;
}
