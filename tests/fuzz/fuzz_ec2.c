/* The ec2 provider under an EC2 that answers anything.
 * Covers: services/scaler/providers/ec2/provider_ec2.c services/scaler/providers/ec2/ec2_xml.c */
#include "fuzz.h"

#include "http_script.h"
#include "ob/clock.h"
#include "ob/log.h"
#include "ob/text.h"
#include "providers/ec2/provider_ec2.h"

#define INSTANCES 3
#define STEPS_MAX 40

static int64_t now_ms;
static provider *p;
static bool is_launched[INSTANCES], is_over[INSTANCES];

__typeof__(ob_mono_ms) __wrap_ob_mono_ms;
int64_t __wrap_ob_mono_ms(void)
{
    return now_ms;
}

static const char *id_of(size_t i)
{
    static const char *const ids[INSTANCES] = { "i-00000000000000001", "i-00000000000000002",
                                                "i-0123456789abcdef0" };
    return ids[i];
}

static void on_found(const char *id, void *arg)
{
    (void)arg;
    FUZZ_CHECK(ob_instance_id_is(id));
}

static void end(const char *id)
{
    for (size_t i = 0; i < INSTANCES; i++)
        if (strcmp(id_of(i), id) == 0)
            is_over[i] = true;
}

static void on_gone(const char *id, const char *text, void *arg)
{
    (void)arg;
    FUZZ_CHECK(ob_instance_id_is(id) && *text);
    end(id);
}

static void on_failed(const char *id, int r, const char *text, void *arg)
{
    (void)arg;
    FUZZ_CHECK(r == -ENOSPC || r == -EINVAL || r == -EAGAIN);
    FUZZ_CHECK(ob_text_is_utf8(text, strlen(text)));
    end(id);
}

static void launch(size_t i)
{
    const provider_launch_spec spec = {
        .id = id_of(i), .token = "t", .ce_name = "ce", .type = "m5.large", .size = { 2000, 8192, 0 }
    };
    if (!is_launched[i])
        is_launched[i] = p->ops->launch(p, &spec, NULL) == 0;
}

static void answer(fuzz_input *in)
{
    static const int statuses[] = { 200, 200, 400, 500, 0, 403 };
    size_t n = script_calls(), len;
    uint8_t which = fuzz_byte(in), how = fuzz_byte(in);
    ob_cleanup(ob_freep) char *body = fuzz_part(in, &len);
    if (n > 0)
        script_reply(script_call_at(which % n), statuses[how % ARRAY_SIZE(statuses)], body, len,
                     false);
}

static void step(fuzz_input *in)
{
    uint8_t what = fuzz_byte(in);
    size_t i = what / 8 % INSTANCES;
    switch (what % 8) {
    case 0:
        launch(i);
        break;
    case 1:
        p->ops->terminate(p, id_of(i), true);
        break;
    case 2:
        now_ms += (int64_t)1 << (what / 8 % 20);
        break;
    case 3:
        FUZZ_CHECK(p->ops->has(p, id_of(i)) <= 1);
        break;
    default:
        answer(in);
        break;
    }
    (void)p->ops->tick(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    ob_log_init("fuzz", OB_LOG_ERROR);
    now_ms = 1000;
    memset(is_launched, 0, sizeof(is_launched));
    memset(is_over, 0, sizeof(is_over));
    const provider_ec2_config config = { .endpoint = "http://ec2",
                                         .region = "r",
                                         .userpwd = "k:s",
                                         .image = "ami-1",
                                         .copy = "c",
                                         .kafka = "k:1" };
    FUZZ_CHECK(provider_ec2_new(&config, &p, NULL) == 0);
    p->on = (provider_sink){ .found = on_found, .gone = on_gone, .failed = on_failed };
    for (int i = 0; in.left > 0 && i < STEPS_MAX; i++)
        step(&in);
    p->ops->free(p);
    return 0;
}
