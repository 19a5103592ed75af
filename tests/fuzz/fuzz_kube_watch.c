/* A list and watch of a Kubernetes cluster that answers anything, cuts its stream anywhere, and is
 * silent. What the watch tells is compared with a model.
 * Covers: shared/src/kube_watch.c shared/src/kube_held.c shared/src/kube.c
 * shared/src/kube_answer.c */
#include "fuzz.h"

#include "http_script.h"
#include "kube_file.h"
#include "ob/clock.h"
#include "ob/hash.h"
#include "ob/json.h"
#include "ob/kube_watch.h"
#include "ob/text.h"

#define ARN "arn:aws:eks:us-east-1:123456789012:cluster/a"
#define STEPS_MAX 60
#define LONG_PART (1u << 20)
#define LINE_MAX_BYTES (2u << 20) /* of kube_watch.c */

/* ---- time and files, instead of the host's (-Wl,--wrap) ---- */

static int64_t now_ms;

__typeof__(ob_mono_ms) __wrap_ob_mono_ms;
__typeof__(ob_mono_us) __wrap_ob_mono_us;
__typeof__(kube_file_read) __wrap_kube_file_read;

int64_t __wrap_ob_mono_ms(void)
{
    return now_ms;
}

int64_t __wrap_ob_mono_us(void)
{
    return now_ms * 1000;
}

int __wrap_kube_file_read(const char *path, char **ret, size_t *ret_len, ob_error *err)
{
    (void)path, (void)err;
    *ret =
        ob_strdup("{\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\",\"context\":{"
                  "\"cluster\":\"k\"}}],"
                  "\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"http://localhost\"}}]}");
    *ret_len = strlen(*ret);
    return 0;
}

/* ---- what the watch tells ---- */

typedef struct model {
    ob_kube *k;
    ob_kube_watch *w;
    json_t *held; /* namespace/name → [uid, number of the list that had it last] */
    json_int_t list;
    bool up;
    uint64_t hash; /* of all that was told */
} model;

static json_int_t the_list; /* counts lists that were begun */

static void on_send(const char *line)
{
    FUZZ_CHECK(strncmp(line, "GET /api/v1/pods?labelSelector=a%3Db%2Cc&", 41) == 0);
    bool is_watch = strstr(line, "watch=true");
    const char *version = strstr(line, "resourceVersion=");
    FUZZ_CHECK(is_watch ? version && version[16] != '&' && version[16] : !version);
    FUZZ_CHECK(is_watch != (strstr(line, "limit=500") != NULL));
    if (!is_watch && !strstr(line, "continue="))
        the_list++;
}

static void on_object(ob_kube_change change, json_t *object, void *arg)
{
    model *m = arg;
    const char *uid = ob_kube_meta(object, "uid");
    ob_cleanup(ob_freep) char *key =
        ob_strf("%s/%s", ob_kube_meta(object, "namespace"), ob_kube_meta(object, "name"));
    json_t *had = json_object_get(m->held, key);
    const char *had_uid = json_string_value(json_array_get(had, 0));
    m->hash = ob_hash64(ob_hash64(m->hash * 31 + change, key), uid);
    if (change == OB_KUBE_DELETED) {
        FUZZ_CHECK(had && strcmp(had_uid, uid) == 0);
        (void)json_object_del(m->held, key);
        return;
    }
    FUZZ_CHECK(!had || strcmp(had_uid, uid) == 0);
    FUZZ_CHECK(change == OB_KUBE_LISTED || m->list == the_list);
    json_t *now = json_pack("[o, I]", ob_json_text(uid), the_list);
    FUZZ_CHECK(json_object_set_new(m->held, key, now) == 0);
}

/* Only what this list had, or it would have been told as deleted. */
static void on_listed(void *arg)
{
    model *m = arg;
    const char *key;
    const json_t *one;
    FUZZ_CHECK(m->list < the_list);
    m->list = the_list;
    m->hash = m->hash * 31 + 7;
    json_object_foreach(m->held, key, one)
        FUZZ_CHECK(json_integer_value(json_array_get(one, 1)) == the_list);
}

static void on_state(bool up, ob_kube_answer kind, const char *text, void *arg)
{
    model *m = arg;
    FUZZ_CHECK(!up || !m->up);
    FUZZ_CHECK(up == (kind == OB_KUBE_OK) && text && ob_text_is_utf8(text, strlen(text)));
    FUZZ_CHECK(!up || m->list == the_list);
    m->up = up;
    m->hash = m->hash * 31 + kind;
}

/* ---- what the server does ---- */

static void add_object(ob_buf *to, uint8_t which)
{
    ob_buf_addf(to, "{\"metadata\":{\"name\":\"%c\",\"namespace\":\"%c\",\"uid\":\"%d\"}}",
                'a' + which % 4, 'n' + which / 4 % 2, which / 8 % 4);
}

static void answer_list(fuzz_input *in, script_call *call)
{
    ob_buf body = { 0 };
    uint8_t how = fuzz_byte(in);
    ob_buf_addf(&body, "{\"metadata\":{\"resourceVersion\":\"%d\",\"continue\":\"%s\"},\"items\":[",
                how, how & 1 ? "more" : "");
    for (int i = 0; i < how / 2 % 8; i++) {
        ob_buf_str(&body, i ? "," : "");
        add_object(&body, fuzz_byte(in));
    }
    ob_buf_str(&body, "]}");
    script_reply(call, 200, body.at, body.len, false);
    ob_buf_done(&body);
}

/* 'piece' bytes at a time. */
static void feed(script_call *call, const char *data, size_t len, size_t piece)
{
    if (!script_call_streams(call))
        return;
    script_data(call, "", 0);
    for (size_t at = 0; at < len; at += piece)
        script_data(call, data + at, len - at < piece ? len - at : piece);
}

static void send_event(fuzz_input *in, script_call *call, size_t piece)
{
    static const char *const types[] = { "ADDED", "MODIFIED", "DELETED", "BOOKMARK", "OTHER" };
    uint8_t how = fuzz_byte(in);
    ob_buf line = { 0 };
    if (how % 8 < ARRAY_SIZE(types)) {
        ob_buf_addf(&line, "{\"type\":\"%s\",\"object\":", types[how % 8]);
        add_object(&line, fuzz_byte(in));
    } else {
        ob_buf_addf(&line,
                    "{\"type\":\"ERROR\",\"object\":{\"code\":%d,\"reason\":\"Expired\","
                    "\"details\":{\"retryAfterSeconds\":%d}}",
                    how & 8 ? 410 : 403, how / 16);
    }
    ob_buf_str(&line, "}\n");
    feed(call, line.at, line.len, piece);
    ob_buf_done(&line);
}

static void send_long_line(script_call *call, uint8_t parts)
{
    ob_cleanup(ob_freep) char *part = ob_calloc(1, LONG_PART);
    memset(part, ' ', LONG_PART);
    for (int i = 0; i < parts && script_calls(); i++)
        feed(call, part, LONG_PART, LONG_PART);
    FUZZ_CHECK(parts * LONG_PART <= LINE_MAX_BYTES || !script_call_streams(call) ||
               script_calls() == 0);
}

static void answer(fuzz_input *in, script_call *call)
{
    static const int statuses[] = { 200, 410, 0, 401, 403, 404, 429, 500 };
    size_t len;
    int status = statuses[fuzz_byte(in) % ARRAY_SIZE(statuses)];
    ob_cleanup(ob_freep) char *body = fuzz_part(in, &len);
    script_reply(call, status, body, len, false);
}

static void act(model *m, fuzz_input *in, size_t piece)
{
    uint8_t what = fuzz_byte(in);
    script_call *call = script_calls() ? script_call_at(0) : NULL;
    size_t len;
    if (what % 8 == 0) {
        now_ms += 1 + (fuzz_byte(in) + 1) * INT64_C(700);
    } else if (what % 8 == 1) {
        ob_kube_watch_again(m->w);
    } else if (!call) {
        now_ms += 200;
    } else if (what % 8 == 2) {
        answer(in, call);
    } else if (what % 8 == 3) {
        ob_cleanup(ob_freep) char *data = fuzz_part(in, &len);
        feed(call, data, len, piece);
    } else if (what % 8 == 4 && script_call_streams(call)) {
        send_long_line(call, what / 8 % 4);
    } else if (script_call_streams(call)) {
        send_event(in, call, piece);
    } else {
        answer_list(in, call);
    }
}

static void step(model *m)
{
    int64_t next_ms = ob_kube_watch_step(m->w, now_ms);
    ob_http_flush(ob_kube_http(m->k));
    FUZZ_CHECK(script_calls() <= 1);
    /* It neither spins, nor waits for ever. */
    FUZZ_CHECK(next_ms > now_ms && next_ms <= now_ms + 3600 * 1000);
    FUZZ_CHECK(!ob_kube_watch_up(m->w) || m->up);
}

static uint64_t watch_all(const uint8_t *data, size_t size, bool in_pieces)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t piece = fuzz_byte(&in) % 16 + 1u;
    model m = { .held = json_object(), .hash = OB_HASH64 };
    now_ms = 1000;
    the_list = 0;
    script_on_send = on_send;
    FUZZ_CHECK(ob_kube_new("/dir", ARN, &m.k, NULL) == 0);
    m.w = ob_kube_watch_new(
        m.k, &(ob_kube_watch_options){ .path = "/api/v1/pods", .labels = "a=b,c" },
        &(ob_kube_watch_ops){ .object = on_object, .listed = on_listed, .state = on_state }, &m);
    step(&m);
    FUZZ_CHECK(script_calls() == 1);
    for (int i = 0; i < STEPS_MAX && in.left > 0; i++) {
        act(&m, &in, in_pieces ? piece : SIZE_MAX / 2);
        step(&m);
    }
    ob_kube_watch_free(m.w);
    ob_http_flush(ob_kube_http(m.k));
    FUZZ_CHECK(script_calls() == 0);
    ob_kube_free(m.k);
    json_decref(m.held);
    return m.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* However the stream is cut, the same is told. */
    FUZZ_CHECK(watch_all(data, size, false) == watch_all(data, size, true));
    return 0;
}
