/* A scaler of the simulation: makes its parts as main.c of services/scaler does, and leads. It owns
 * nothing that outlives it. Its retention does not run here. */
#include "incoming.h"
#include "launches.h"
#include "loop.h"
#include "scaler_store.h"
#include "silence.h"
#include "sim.h"

void sim_scaler(process *self)
{
    scaler *s = ob_calloc(1, sizeof(*s));
    s->config = (scaler_config){ .pg = ob_strdup("simulated"),
                                 .redis = ob_strdup("simulated"),
                                 .scale_in_idle_ms = 3000,
                                 .heartbeat_ms = SIM_HEARTBEAT_MS,
                                 .lost_after_ms = SIM_LOST_AFTER_MS };
    s->provider = sim_provider_new();
    launches_listen(s);
    const ob_bus_config bus = { .client_id = "openbatch-scaler",
                                .on_msg = events_on_msg,
                                .on_event = events_on_bus,
                                .on_delivery = silence_on_delivery,
                                .arg = s };
    (void)ob_bus_open(&s->config.common, &bus, &s->bus, NULL);
    s->counters = counters_new(s->config.redis, NULL);
    s->leader = ob_leader_new(s->config.pg, SCALER_NAME, scaler_stmts);
    s->lead = scaler_leading(s);
    int code = ob_lead_run(s->lead);
    (void)self;
    world_exit(code);
}
