/* openbatch-scheduler: reads its configuration, creates its parts, stands by and leads until it is
 * asked to stop. Only wiring. Thread: the loop; the publisher and the health socket have their
 * own */
#include <stddef.h>

#include "leading.h"
#include "mass_stops.h"
#include "ob/log.h"
#include "ob/metrics.h"
#include "ob/point.h"
#include "ob/schema.h"
#include "ob/service.h"
#include "peers.h"
#include "publisher.h"
#include "queue_metrics.h"
#include "report_messages.h"
#include "retention.h"
#include "round_news.h"
#include "scheduler_metrics.h"
#include "scheduler_store.h"
#include "sweep.h"
#include "topology.h"

static const ob_config_field fields[] = {
    { "OPENBATCH_PG", OB_CONFIG_STRING, offsetof(scheduler_config, pg), ob_config_pg_default,
      "libpq connection string of the database", 0, 0 },
    OB_SEAL_FIELD(offsetof(scheduler_config, seal_key_file)),
    { "OPENBATCH_JOB_RETENTION_S", OB_CONFIG_INT, offsetof(scheduler_config, job_retention_s),
      OB_CONFIG_JOB_RETENTION_DEFAULT, OB_CONFIG_JOB_RETENTION_HELP, 0, INT32_MAX },
    { "OTEL_EXPORTER_OTLP_ENDPOINT", OB_CONFIG_STRING, offsetof(scheduler_config, otlp_endpoint),
      "",
      "where traces go, by OTLP over HTTP, such as http://127.0.0.1:4318 (traces.md); empty: no "
      "traces",
      0, 0 },
    { "OTEL_EXPORTER_OTLP_HEADERS", OB_CONFIG_SECRET, offsetof(scheduler_config, otlp_headers), "",
      "headers of these requests, name=value separated by commas; values may be percent-encoded", 0,
      0 },
    { "OTEL_SERVICE_NAME", OB_CONFIG_STRING, offsetof(scheduler_config, otel_service), "openbatch",
      "service.name of traces", 0, 0 },
    { 0 },
};

static void on_bus_event(ob_bus_event event, void *arg)
{
    scheduler *s = arg;
    if (event == OB_BUS_REASSIGNED)
        s->reconcile_owed = true;
    ob_lead_bus_event(s->lead, event);
}

static int make_bus(scheduler *s, ob_error *err)
{
    const ob_bus_config bus = { .client_id = "openbatch-scheduler",
                                .on_msg = reports_on_message,
                                .on_event = on_bus_event,
                                .arg = s };
    return ob_bus_open(&s->config.common, &bus, &s->bus, err);
}

static int make(scheduler *s, ob_error *err)
{
    int r = ob_service_init(SCHEDULER_NAME, s->config.common.log_level, err);
    if (r == 0)
        r = ob_seal_load(&s->seal, s->config.seal_key_file, err);
    if (r == 0)
        r = ob_health_start(s->config.common.run_dir, SCHEDULER_NAME, err);
    ob_metrics_register(scheduler_metrics, SCHED_METRIC_COUNT);
    if (r == 0)
        r = ob_metrics_serve(s->config.common.run_dir, SCHEDULER_NAME, err);
    if (r == 0)
        r = make_bus(s, err);
    if (r == 0)
        ob_schema_wait(s->config.pg, "openbatch-scheduler-starting", OB_SCHEMA_VERSION);
    if (r == 0)
        r = publisher_new(&s->config, &s->publisher, err);
    if (r == 0)
        r = retention_start(&s->config, &s->retention, err);
    if (r < 0)
        return r;
    s->leader = ob_leader_new(s->config.pg, SCHEDULER_NAME, scheduler_stmts);
    s->peers = peers_new();
    s->topology = topology_new();
    s->reports = json_array();
    s->lead = leading_new(s);
    return 0;
}

static void done(scheduler *s)
{
    retention_stop(s->retention);
    publisher_free(s->publisher);
    ob_lead_free(s->lead);
    ob_leader_free(s->leader);
    ob_bus_free(s->bus);
    ob_seal_done(&s->seal);
    engine_free(s->engine);
    engine_effects_done(&s->effects);
    event_lag_clear(&s->lag);
    queue_metrics_forget();
    news_forget();
    peers_free(s->peers);
    topology_free(s->topology);
    json_decref(s->reports);
    free(s->inbox.seqs);
    stops_forget(s);
    free(s->stops.begun);
    ob_metrics_stop();
    ob_health_stop();
}

int main(int argc, char **argv)
{
    static scheduler s;
    ob_error err = { 0 };
    int code;
    ob_point_arm();
    if (ob_config_cli(argc, argv, "openbatch-scheduler", &s.config, fields, true, &code))
        return code;
    int r = ob_config_load(&s.config, fields, true, &err);
    if (r == 0)
        r = make(&s, &err);
    if (r < 0)
        ob_errlog("service.failed", "{s:s}", "error", err.text);
    code = r < 0 ? 1 : ob_lead_run(s.lead);
    done(&s);
    ob_config_done(&s.config, fields, true);
    return code;
}
