/* openbatch-scaler: creates its parts, runs the loop, destroys them. Owns all of them. Main
 * thread. */
#include "environment_metrics.h"
#include "incoming.h"
#include "launches.h"
#include "loop.h"
#include "ob/log.h"
#include "ob/metrics.h"
#include "ob/point.h"
#include "ob/schema.h"
#include "ob/service.h"
#include "providers/local/provider_local.h"
#include "providers/providers.h"
#include "retention.h"
#include "scaler_metrics.h"
#include "scaler_store.h"
#include "silence.h"
#include "unmanaged.h"

static int make_provider(scaler *s, ob_error *err)
{
    const scaler_config *c = &s->config;
    ob_cleanup(ob_freep) char *executors =
        ob_strf("%s/secrets/kafka-executor.password", c->common.home);
    const provider_context context = { .home = c->common.home,
                                       .run_dir = c->common.run_dir,
                                       .kafka_password_file =
                                           *c->common.kafka_user ? executors : NULL };
    const provider_kind *kind = providers_find(c->provider);
    if (!kind) {
        ob_cleanup(ob_freep) char *names = providers_names("or", false);
        return ob_fail(err, EINVAL, "OPENBATCH_PROVIDER must be %s, not \"%s\"", names,
                       c->provider);
    }
    if (c->unmanaged_local && !kind->on_this_host) {
        ob_cleanup(ob_freep) char *names = providers_names("or", true);
        return ob_fail(err, EINVAL, "OPENBATCH_UNMANAGED_LOCAL needs the %s provider", names);
    }
    int r = kind->make(settings_of_provider(kind), &context, &s->provider, err);
    if (r < 0)
        return r;
    s->nodes = provider_local_nodes(settings_of_provider(&provider_local), &context);
    launches_listen(s);
    return 0;
}

static int start(scaler *s, ob_error *err)
{
    const scaler_config *c = &s->config;
    ob_cleanup(ob_freep) char *redis_password = NULL;
    int r = ob_service_init(SCALER_NAME, c->common.log_level, err);
    if (r == 0 && *c->redis_password_file)
        r = ob_config_read_secret(c->redis_password_file, &redis_password, err);
    if (r == 0)
        r = ob_seal_load(&s->seal, c->seal_key_file, err);
    if (r == 0)
        r = ob_catalog_load(c->instance_types, err);
    if (r == 0)
        r = make_provider(s, err);
    const ob_bus_config bus = { .client_id = "openbatch-scaler",
                                .on_msg = events_on_msg,
                                .on_event = events_on_bus,
                                .on_delivery = silence_on_delivery,
                                .arg = s };
    if (r == 0)
        r = ob_bus_open(&c->common, &bus, &s->bus, err);
    if (r < 0)
        return r;
    s->counters = counters_new(c->redis, redis_password);
    r = ob_health_start(c->common.run_dir, SCALER_NAME, err);
    ob_metrics_register(scaler_metrics, SCALER_METRIC_COUNT);
    if (r == 0)
        r = ob_metrics_serve(c->common.run_dir, SCALER_NAME, err);
    if (r < 0)
        return r;
    ob_schema_wait(c->pg, "openbatch-scaler-starting", OB_SCHEMA_VERSION);
    r = retention_start(c, err);
    if (r < 0)
        return r;
    s->leader = ob_leader_new(c->pg, SCALER_NAME, scaler_stmts);
    s->lead = scaler_leading(s);
    return 0;
}

static void stop(scaler *s)
{
    ob_metrics_stop();
    ob_health_stop();
    retention_stop();
    scaler_forget(s);
    environment_metrics_forget();
    ob_lead_free(s->lead);
    ob_leader_free(s->leader);
    ob_bus_free(s->bus);
    ob_seal_done(&s->seal);
    counters_free(s->counters);
    if (s->provider)
        s->provider->ops->free(s->provider);
    if (s->nodes)
        s->nodes->ops->free(s->nodes);
    free(s->inbox);
    free(s->unknown);
    join_done(s);
    settings_done();
}

int main(int argc, char **argv)
{
    static scaler s;
    ob_error err = { 0 };
    int code = 0;
    ob_point_arm();
    if (settings_cli(argc, argv, &code))
        return code;
    int r = settings_load(&s.config, &err);
    if (r == 0)
        r = start(&s, &err);
    if (r == 0) {
        ob_info("service.started", NULL);
        code = ob_lead_run(s.lead);
        ob_info("service.stopped", NULL);
    } else {
        ob_log_init(SCALER_NAME, OB_LOG_INFO);
        ob_errlog("service.failed", "{s:s}", "error", err.text);
        code = 1;
    }
    stop(&s);
    return code;
}
