/* See kube_world.h. */
#include "unit.h"

#include "kube_world.h"
#include "ob/clock.h"

#define PATIENCE_MS 20000
#define SETTLE_STEPS 20

void kube_world_begin(kube_world *w)
{
    ob_error err = { 0 };
    fake_kube_open(&w->server);
    if (ob_kube_new(w->server.dir, FAKE_KUBE_ARN, &w->k, &err) < 0)
        fail_msg("%s", err.text);
}

void kube_world_end(kube_world *w)
{
    ob_kube_free(w->k);
    fake_kube_close(&w->server);
}

void kube_world_step(kube_world *w)
{
    ob_http_step(ob_kube_http(w->k), 2);
    (void)fake_kube_serve(&w->server);
}

void kube_world_wait(kube_world *w, size_t requests)
{
    int64_t end_ms = ob_mono_ms() + PATIENCE_MS;
    while (w->server.n < requests) {
        assert_true(ob_mono_ms() < end_ms);
        kube_world_step(w);
    }
    assert_int_equal(w->server.n, requests);
}

void kube_world_settle(kube_world *w)
{
    for (int i = 0; i < SETTLE_STEPS; i++)
        kube_world_step(w);
}
