/* A scheduler of the simulation: makes its parts as main.c of services/scheduler does, and leads.
 * It owns nothing that outlives it. Its publisher and its retention do not run here. */
#include "leading.h"
#include "peers.h"
#include "publisher.h"
#include "report_messages.h"
#include "scheduler_store.h"
#include "sim.h"
#include "sweep.h"
#include "topology.h"

static void on_bus_event(ob_bus_event event, void *arg)
{
    scheduler *s = arg;
    if (event == OB_BUS_REASSIGNED)
        s->reconcile_owed = true;
    ob_lead_bus_event(s->lead, event);
}

void sim_scheduler(process *self)
{
    scheduler *s = ob_calloc(1, sizeof(*s));
    const ob_bus_config bus = { .client_id = "openbatch-scheduler",
                                .on_msg = reports_on_message,
                                .on_event = on_bus_event,
                                .arg = s };
    s->config.pg = ob_strdup("simulated");
    (void)ob_bus_open(&s->config.common, &bus, &s->bus, NULL);
    s->leader = ob_leader_new(s->config.pg, SCHEDULER_NAME, scheduler_stmts);
    s->peers = peers_new();
    s->topology = topology_new();
    s->reports = json_array();
    s->lead = leading_new(s);
    int code = ob_lead_run(s->lead);
    (void)self;
    world_exit(code);
}

/* ---- The publisher ---- */

void publisher_lead(publisher *p, int64_t epoch)
{
    (void)p, (void)epoch;
}

void publisher_kick(publisher *p)
{
    (void)p;
}

uint64_t publisher_count(publisher *p)
{
    (void)p;
    return 0;
}

int64_t publisher_round(publisher *p)
{
    (void)p;
    return INT64_MAX;
}

uint64_t publisher_skipped(publisher *p)
{
    (void)p;
    return 0;
}

int64_t publisher_stuck_ms(publisher *p)
{
    (void)p;
    return 0;
}
