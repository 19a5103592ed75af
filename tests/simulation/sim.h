/* What the parts of the simulation share: the simulated Kafka, Redis, container engines and cloud,
 * the processes of the product on them, and the oracle that watches. sim_pg.h has PostgreSQL. */
#pragma once

#include <jansson.h>

#include "ob/id.h"
#include "ob/job.h"
#include "ob/seal.h"
#include "world.h"

#define SIM_HEARTBEAT_MS 1500
#define SIM_LOST_AFTER_MS 9000
#define SIM_NOTICE_MS 8000
#define SIM_EPOCH_US INT64_C(1760000000000000) /* the wall clocks' at the world's beginning */

/* ---- sim_clock.c, sim_service.c ---- */
void sim_clock_open(uint64_t seed);
/* Before a process runs: what is global to a real one. */
void sim_service_enter(const process *p);

/* ---- faults.c ---- */
/* A durable step of the running process, or the moment before one: it may be its last. Then this
 * does not return. */
void sim_step(const char *what);

/* ---- sim_kafka.c, sim_bus.c ---- */
void sim_kafka_open(uint64_t seed, int partitions);
void sim_kafka_away(int64_t for_us);         /* no broker answers */
void sim_kafka_wipe(void);                   /* all topics are deleted, with what is in them */
void sim_kafka_again(uint64_t which, int n); /* readers of a topic's partition go back n messages */
/* From now on, for that time, one message in 'in' is ... */
typedef enum bus_mischief { BUS_LOSE, BUS_TWICE, BUS_DELAY, BUS_MISCHIEF_COUNT } bus_mischief;
void sim_kafka_mischief(bus_mischief what, int in, int64_t for_us);
void sim_bus_end_process(const process *p);
int64_t sim_bus_unread(void); /* messages of output that no api has committed */
/* As the api rings after a commit. */
void sim_kafka_ring(const char *topic);

/* ---- sim_cache.c ---- */
void sim_cache_flush(void); /* Redis has lost everything */
void sim_cache_away(int64_t for_us);
/* The counters of Redis: openbatch:<key> of an instance or environment, or NULL. */
const json_t *sim_cache_get(const char *key);
size_t sim_cache_count(void);

/* ---- sim_engine.c: a host's containers ---- */
typedef struct engine_host engine_host;
engine_host *sim_engine_new(host *at, uint64_t seed);
void sim_engine_end_host(engine_host *e); /* it has lost power: its containers are gone */
void sim_engine_close(engine_host *e);    /* for ever */
size_t sim_engine_containers(const engine_host *e);
size_t sim_engine_running(const engine_host *e);
typedef enum engine_mischief {
    ENGINE_RESTARTED, /* it forgets what it was asked; containers run on */
    ENGINE_KILLED,    /* with all its containers; their ends are made up */
    ENGINE_HUNG,      /* answers nothing for a while */
    ENGINE_LOSES,     /* a container vanishes */
    ENGINE_DEAF,      /* does what it is asked, but the answer is lost */
    ENGINE_KILLS,     /* the kernel kills a container */
    ENGINE_SICK,      /* it starts nothing for a while */
    ENGINE_MISCHIEF_COUNT,
} engine_mischief;
void sim_engine_mischief(engine_host *e, engine_mischief what, uint64_t which, int64_t for_us);

/* ---- sim_cloud.c: instances ---- */
void sim_cloud_open(uint64_t seed);
/* The n-th (modulo their number) of those that run; NULL: none does. */
struct cloud_instance *sim_cloud_pick(uint64_t n);
typedef enum cloud_mischief {
    CLOUD_VANISHES,  /* an instance is gone, with all on it; the provider says so, or not */
    CLOUD_REBOOTS,   /* and is there again, without its containers */
    CLOUD_NOTICE,    /* an interruption notice from the provider's side */
    CLOUD_CUT,       /* its executor is frozen */
    CLOUD_KILLS,     /* its executor is killed */
    CLOUD_FULL,      /* launches get no capacity for a while */
    CLOUD_FORGETFUL, /* launches are done, but the answer is lost, for a while */
    CLOUD_MISCHIEF_COUNT,
} cloud_mischief;
void sim_cloud_mischief(cloud_mischief what, uint64_t which, int64_t for_us);
void sim_cloud_engine_mischief(engine_mischief what, uint64_t which, int64_t for_us);
size_t sim_cloud_hosts(void);      /* that are not gone */
size_t sim_cloud_containers(void); /* on all of them */
typedef struct provider provider;
provider *sim_provider_new(void); /* of the scaler that runs now */

/* ---- the product's processes ---- */
void sim_scheduler(process *self);
void sim_scaler(process *self);
void sim_api(process *self);
/* arg: an executor_start. */
typedef struct executor_start {
    char id[OB_INSTANCE_TEXT], token[OB_SEAL_TOKEN_TEXT];
    char ce[64];
    engine_host *engine;
    struct disk *disk;
    struct cloud_instance *instance;
} executor_start;
void sim_executor(process *self);
/* A Spot notice, as the provider's signal brings it. */
void sim_executor_notice(process *of);

void sim_runtime_on(engine_host *engine); /* the next runtime that is made is one of it */
/* A process has ended: what others kept of it goes, too. */
void sim_end_process(const process *p);

/* ---- sim_spool.c: an instance's disk ---- */
typedef struct disk disk;
disk *sim_disk_new(void);
void sim_disk_mount(disk *d);     /* the next spool_open of the running process takes it */
void sim_disk_power_off(disk *d); /* what was not synced is lost */

/* ---- oracle.c ---- */

/* The containers' own word. */
void oracle_started(const char *run, const char *instance);
/* lines: what it has written. */
void oracle_ended(const char *run, int exit_code, int lines);
void oracle_removed(const char *run, const char *instance); /* by an order of its executor */
/* The host of an instance is gone, with its containers. order: the scaler asked for it. */
void oracle_host_gone(const char *instance, bool order);
void oracle_terminated(const char *instance); /* the scaler asks for its end */

/* By the word of its executor the engine starts nothing, or works again. */
void oracle_unwell(const char *instance, bool unwell);
/* Something goes wrong, for that time: what the parts know of each other may be old. */
void oracle_trouble(int64_t for_us);
/* Kafka has lost messages of output. told: the sender knows, and sends them again. */
void oracle_output_lost(bool told);

/* What is broken: ends the history. */
__attribute__((format(printf, 2, 3), noreturn)) void
broken(const char *subject, const char *fmt, ...);
