/* The ec2 provider: instances of an EC2-compatible endpoint (docs/ec2.md). Owns the list of known
 * instances. EC2 is the truth: each instance has our id in a tag, and the id is the client token of
 * its launch, so a launch that was requested twice happens once. Never waits for an answer.
 *
 * Invariants: nothing is launched before the first complete listing; an unknown instance of EC2's
 * is reported as found; the end of an instance is requested until EC2 reports it. Loop thread. */
#include <stdio.h>
#include <string.h>
#include <uthash.h>

#include "ec2_request.h"
#include "ec2_xml.h"
#include "ob/clock.h"
#include "ob/http.h"
#include "ob/log.h"
#include "ob/text.h"
#include "provider_ec2.h"

#define CALL_S 30
#define BODY_MAX (16u << 20)
#define AGAIN_MS 2000
#define LOOK_MS 5000
/* EC2 lists a launched instance only after a while. */
#define APPEARS_MS 60000
#define LACKING_MS 120000 /* a refused type is requested again before that */

typedef enum phase {
    PHASE_LAUNCHING, /* RunInstances is to be sent, or has no answer yet */
    PHASE_RUNNING,   /* EC2 has it */
    PHASE_ENDING,    /* TerminateInstances is to be sent, until EC2 says so */
} phase;

typedef struct ec2_machine {
    char id[OB_INSTANCE_TEXT];
    char ec2_id[40]; /* empty: not known yet */
    phase phase;
    bool asked;  /* a call for it is under way */
    bool seen;   /* in a listing, alive */
    bool listed; /* in the listing under way */
    char *run;   /* the parameters of RunInstances; NULL: launched by another process */
    int64_t next_ms, since_ms;
    UT_hash_handle hh;
} ec2_machine;

typedef struct ec2 {
    provider base; /* first */
    ob_http *http;
    char *endpoint, *image, *copy, *userpwd, *session, *kafka, *kafka_settings, *password,
        *user_data;
    char *sign;
    ec2_machine *instances;
    bool looking, listed; /* listed: once, wholly */
    int64_t look_at_ms;
    char lacking[300];
    int64_t lacking_until_ms;
} ec2;

typedef struct asked {
    ec2 *e;
    char id[OB_INSTANCE_TEXT];
} asked;

/* ---- Calls ---- */

static ec2_machine *find(const ec2 *e, const char *id)
{
    ec2_machine *in;
    HASH_FIND_STR(e->instances, id, in);
    return in;
}

static ec2_machine *add(ec2 *e, const char *id, phase at)
{
    ec2_machine *in = ob_calloc(1, sizeof(*in));
    (void)snprintf(in->id, sizeof(in->id), "%s", id);
    in->phase = at;
    in->since_ms = ob_mono_ms();
    HASH_ADD_STR(e->instances, id, in);
    return in;
}

static void free_secret(char *secret)
{
    if (secret)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void forget(ec2 *e, ec2_machine *in)
{
    HASH_DEL(e->instances, in);
    free_secret(in->run);
    free(in);
}

static void ask(ec2 *e, ob_point point, const char *id, const char *body, ob_http_on_reply on_reply)
{
    asked *arg = ob_calloc(1, sizeof(*arg));
    arg->e = e;
    (void)snprintf(arg->id, sizeof(arg->id), "%s", id);
    ob_cleanup(ob_freep) char *header =
        e->session ? ob_strf("X-Amz-Security-Token: %s", e->session) : NULL;
    (void)ob_http_send(e->http, point,
                       &(ob_http_request){ .method = "POST",
                                           .path = "",
                                           .body = body,
                                           .type = "application/x-www-form-urlencoded; "
                                                   "charset=utf-8",
                                           .sign = e->sign,
                                           .userpwd = e->userpwd,
                                           .header = header,
                                           .timeout_s = CALL_S,
                                           .on_reply = on_reply,
                                           .arg = arg,
                                           .free_arg = free });
}

static void warn(const char *what, const char *id, const ob_http_reply *reply, const ec2_answer *a)
{
    ob_warn("ec2.refused", "{s:s, s:s, s:i, s:s, s:s}", "what", what, "instance", id, "status",
            reply->status, "code", a->code, "error", reply->error ? reply->error : a->message);
}

/* ---- Launching ---- */

static void launch_failed(ec2 *e, ec2_machine *in, int r, const ec2_answer *a)
{
    char text[500];
    ob_text_format(text, sizeof(text), "%s: %s", a->code, a->message);
    if (r == -ENOSPC) {
        ob_text_format(e->lacking, sizeof(e->lacking), "%s", text);
        e->lacking_until_ms = ob_mono_ms() + LACKING_MS;
    }
    e->base.on.failed(in->id, r, text, e->base.on.arg);
    forget(e, in);
}

static void on_launched(const ob_http_reply *reply, void *arg)
{
    const asked *to = arg;
    ec2 *e = to->e;
    ec2_machine *in = find(e, to->id);
    ec2_answer a;
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + AGAIN_MS;
    (void)ec2_answer_read(reply->body, reply->len, &a);
    if (reply->status == 200 && a.n > 0) {
        (void)snprintf(in->ec2_id, sizeof(in->ec2_id), "%s", a.instances[0].ec2_id);
        in->since_ms = ob_mono_ms();
        if (in->phase == PHASE_LAUNCHING)
            in->phase = PHASE_RUNNING;
        if (in->phase == PHASE_RUNNING)
            e->base.on.found(in->id, e->base.on.arg);
        ob_info("instance.launched", "{s:s, s:s}", "instance", in->id, "ec2", in->ec2_id);
    } else if (strcmp(a.code, "IdempotentParameterMismatch") == 0) {
        /* It was launched before with a token that is no longer valid: it is ended, and another one
         * is launched. */
        warn("RunInstances", in->id, reply, &a);
        e->base.on.failed(in->id, -EAGAIN, "it was launched with another token", e->base.on.arg);
        in->phase = PHASE_ENDING;
    } else {
        int r = ec2_answer_meaning(reply->status, &a);
        warn("RunInstances", in->id, reply, &a);
        /* A launch that may have succeeded is not given up; it is repeated with the same token. */
        if (r != -EAGAIN && in->phase == PHASE_LAUNCHING)
            launch_failed(e, in, r, &a);
        else if (r != -EAGAIN)
            forget(e, in);
    }
    ec2_answer_done(&a);
}

/* ---- Ending ---- */

static void on_terminated(const ob_http_reply *reply, void *arg)
{
    const asked *to = arg;
    ec2_machine *in = find(to->e, to->id);
    ec2_answer a;
    if (!in)
        return;
    in->asked = false;
    in->next_ms = ob_mono_ms() + AGAIN_MS;
    (void)ec2_answer_read(reply->body, reply->len, &a);
    if (reply->status == 200 || strncmp(a.code, "InvalidInstanceID", 17) == 0) {
        ob_info("instance.removed", "{s:s, s:s}", "instance", in->id, "ec2", in->ec2_id);
        forget(to->e, in);
    } else {
        warn("TerminateInstances", in->id, reply, &a);
    }
    ec2_answer_done(&a);
}

static void terminate_it(ec2 *e, ec2_machine *in)
{
    ob_cleanup(ob_freep) char *body = ec2_terminate_instance(in->ec2_id);
    in->asked = true;
    ask(e, OB_POINT_SCALER_EC2_TERMINATE, in->id, body, on_terminated);
}

/* ---- Looking ---- */

static void look(ec2 *e, const char *next_token);

static bool is_alive(const ec2_instance *i)
{
    return strcmp(i->state, "pending") == 0 || strcmp(i->state, "running") == 0 ||
           strcmp(i->state, "stopping") == 0 || strcmp(i->state, "stopped") == 0;
}

static void found_one(ec2 *e, const ec2_instance *i)
{
    ec2_machine *in = find(e, i->id);
    if (!in)
        in = add(e, i->id, PHASE_RUNNING);
    /* Two instances with one id occur only if EC2 has dropped the client token: the later one is
     * ended. */
    if (in->ec2_id[0] && strcmp(in->ec2_id, i->ec2_id) != 0) {
        ob_cleanup(ob_freep) char *body = ec2_terminate_instance(i->ec2_id);
        ask(e, OB_POINT_SCALER_EC2_DOUBLE, "", body, on_terminated);
        return;
    }
    (void)snprintf(in->ec2_id, sizeof(in->ec2_id), "%s", i->ec2_id);
    in->listed = in->seen = true;
    if (in->phase == PHASE_LAUNCHING && !in->asked)
        in->phase = PHASE_RUNNING;
}

/* A listing is complete: missing instances are gone, or never came. */
static void compare(ec2 *e)
{
    ec2_machine *in, *next;
    int64_t now_ms = ob_mono_ms();
    e->listed = true;
    HASH_ITER(hh, e->instances, in, next)
    {
        bool missing =
            !in->listed && !in->asked && (in->seen || now_ms - in->since_ms > APPEARS_MS);
        in->listed = false;
        if (in->phase == PHASE_RUNNING && missing) {
            e->base.on.gone(in->id, "EC2 terminated it", e->base.on.arg);
            forget(e, in);
        } else if (in->phase == PHASE_ENDING && missing) {
            forget(e, in);
        } else if (in->phase == PHASE_RUNNING) {
            e->base.on.found(in->id, e->base.on.arg);
        }
    }
}

static void on_look(const ob_http_reply *reply, void *arg)
{
    ec2 *e = ((asked *)arg)->e;
    ec2_answer a;
    bool whole = ec2_answer_read(reply->body, reply->len, &a) == 0 && reply->status == 200 &&
                 strcmp(a.kind, "DescribeInstancesResponse") == 0;
    for (size_t i = 0; i < a.n; i++) {
        ec2_machine *in = find(e, a.instances[i].id);
        if (a.instances[i].id[0] && is_alive(&a.instances[i]))
            found_one(e, &a.instances[i]);
        else if (in && strcmp(in->ec2_id, a.instances[i].ec2_id) == 0)
            in->seen = true; /* it was there, so it is not only late */
    }
    e->looking = false;
    e->look_at_ms = ob_mono_ms() + LOOK_MS;
    if (!whole) /* what it lacks may be there */
        warn("DescribeInstances", "", reply, &a);
    else if (a.next_token)
        look(e, a.next_token);
    else
        compare(e);
    ec2_answer_done(&a);
}

static void look(ec2 *e, const char *next_token)
{
    ob_cleanup(ob_freep) char *body = ec2_describe_instances(e->copy, next_token);
    e->looking = true;
    ask(e, OB_POINT_SCALER_EC2_DESCRIBE, "", body, on_look);
}

/* ---- The provider ---- */

static int ec2_launch(provider *p, const provider_launch_spec *spec, ob_error *err)
{
    ec2 *e = (ec2 *)p;
    ec2_machine *in = find(e, spec->id);
    if (in && in->phase == PHASE_ENDING)
        return ob_fail_retry(err, EBUSY, "instance %s is ending", spec->id);
    if (in)
        return 0;
    if (!spec->token)
        return ob_fail_retry(err, EAGAIN, "instance %s has no token yet", spec->id);
    if (strcmp(spec->type, PROVIDER_FARGATE) == 0)
        return ob_fail(err, EINVAL, "Fargate environments are not for the ec2 provider");
    char *run = NULL;
    const ec2_settings settings = { .image = e->image,
                                    .copy = e->copy,
                                    .kafka = e->kafka,
                                    .kafka_settings = e->kafka_settings,
                                    .kafka_password = e->password,
                                    .user_data = e->user_data };
    int r = ec2_run_instances(&settings, spec, &run, err);
    if (r < 0)
        return r;
    in = add(e, spec->id, PHASE_LAUNCHING);
    in->run = run;
    return 0;
}

static void ec2_terminate(provider *p, const char *id, bool graceful)
{
    ec2 *e = (ec2 *)p;
    ec2_machine *in = find(e, id);
    (void)graceful; /* EC2 tells the machine's system to shut down either way */
    if (!in && e->listed)
        return;
    if (!in)
        in = add(e, id, PHASE_ENDING);
    if (in->phase == PHASE_LAUNCHING && !in->asked && in->next_ms == 0)
        forget(e, in); /* never asked for */
    else
        in->phase = PHASE_ENDING;
}

static int ec2_interrupt(provider *p, const char *id, ob_error *err)
{
    (void)p;
    return ob_fail(err, ENOTSUP, "instance %s: only EC2 interrupts its Spot instances", id);
}

static int ec2_has(provider *p, const char *id)
{
    const ec2 *e = (const ec2 *)p;
    if (!e->listed)
        return -EAGAIN;
    return find(e, id) ? 1 : 0;
}

static void ec2_list(provider *p)
{
    ((ec2 *)p)->look_at_ms = 0;
}

static void tick_one(ec2 *e, ec2_machine *in, int64_t now_ms)
{
    if (in->asked || now_ms < in->next_ms)
        return;
    if (in->phase == PHASE_LAUNCHING && in->run && e->listed) {
        in->asked = true;
        in->next_ms = now_ms;
        ask(e, OB_POINT_SCALER_EC2_RUN, in->id, in->run, on_launched);
    } else if (in->phase == PHASE_ENDING && in->ec2_id[0]) {
        terminate_it(e, in);
    }
}

static bool ec2_tick(provider *p)
{
    ec2 *e = (ec2 *)p;
    ec2_machine *in, *next;
    int64_t now_ms = ob_mono_ms();
    ob_http_step(e->http, 0);
    HASH_ITER(hh, e->instances, in, next)
    tick_one(e, in, now_ms);
    if (!e->looking && now_ms >= e->look_at_ms)
        look(e, NULL);
    ob_http_step(e->http, 0);
    return false;
}

static bool ec2_busy(const provider *p)
{
    return ob_http_busy(((const ec2 *)p)->http);
}

static void ec2_room(provider *p, provider_room *ret)
{
    (void)p;
    *ret = (provider_room){ .limited = false };
}

static const char *ec2_refuses(provider *p, ob_arch arch)
{
    (void)p;
    (void)arch;
    return NULL;
}

static void
ec2_lacking(provider *p, const char *type, const ob_resources *nominal, char *out, size_t size)
{
    const ec2 *e = (const ec2 *)p;
    (void)type;
    (void)nominal;
    ob_text_format(out, size, "%s",
                   e->lacking[0] && ob_mono_ms() < e->lacking_until_ms
                       ? e->lacking
                       : "InsufficientInstanceCapacity: EC2 has no capacity now");
}

static void ec2_free(provider *p)
{
    ec2 *e = (ec2 *)p;
    ec2_machine *in, *next;
    ob_http_free(e->http);
    HASH_ITER(hh, e->instances, in, next)
    forget(e, in);
    free_secret(e->userpwd);
    free_secret(e->password);
    free(e->endpoint);
    free(e->image);
    free(e->copy);
    free(e->session);
    free(e->kafka);
    free(e->kafka_settings);
    free(e->user_data);
    free(e->sign);
    free(e);
}

const provider_ops ec2_ops = { .launch = ec2_launch,
                               .terminate = ec2_terminate,
                               .interrupt = ec2_interrupt,
                               .has = ec2_has,
                               .list = ec2_list,
                               .tick = ec2_tick,
                               .busy = ec2_busy,
                               .room = ec2_room,
                               .refuses = ec2_refuses,
                               .lacking = ec2_lacking,
                               .name = "EC2",
                               .register_ms = 600000,
                               .free = ec2_free };

int provider_ec2_new(const provider_ec2_config *config, provider **ret, ob_error *err)
{
    if (!*config->region || !*config->userpwd)
        return ob_fail(err, EINVAL,
                       "the ec2 provider needs OPENBATCH_EC2_REGION and OPENBATCH_EC2_KEY_FILE");
    ec2 *e = ob_calloc(1, sizeof(*e));
    e->base.ops = &ec2_ops;
    e->endpoint = *config->endpoint ? ob_strdup(config->endpoint)
                                    : ob_strf("https://ec2.%s.amazonaws.com/", config->region);
    e->sign = ob_strf("aws:amz:%s:ec2", config->region);
    e->userpwd = ob_strdup(config->userpwd);
    e->session = config->session ? ob_strdup(config->session) : NULL;
    e->image = ob_strdup(config->image);
    e->copy = ob_strdup(config->copy);
    e->kafka = ob_strdup(config->kafka);
    e->kafka_settings = config->kafka_settings ? ob_strdup(config->kafka_settings) : NULL;
    e->password = config->kafka_password ? ob_strdup(config->kafka_password) : NULL;
    e->user_data = config->user_data ? ob_strdup(config->user_data) : NULL;
    int r =
        ob_http_new(&(ob_http_options){ .base = e->endpoint, .body_max = BODY_MAX, .proxy = true },
                    &e->http, err);
    if (r < 0) {
        ec2_free(&e->base);
        return r;
    }
    *ret = &e->base;
    return 0;
}
