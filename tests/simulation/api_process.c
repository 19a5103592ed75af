/* An api of the simulation: its intake of output, as the thread of services/api/logs/logs.c runs
 * it. What clients ask for is in workload.c. It owns nothing that outlives it. */
#include "logs/log_intake.h"
#include "ob/service.h"
#include "sim.h"

#define RETRY_US (500 * MS_US)

void sim_api(process *self)
{
    static const ob_config_common common;
    static const ob_seal seal;
    const log_intake_config config = { .common = &common, .pg = "simulated", .seal = &seal };
    log_intake *intake = NULL;
    (void)self;
    (void)log_intake_new(&config, &intake, NULL);
    while (!atomic_load(&ob_service_stopping))
        if (log_intake_turn(intake, NULL) < 0)
            world_sleep(RETRY_US);
    log_intake_free(intake);
    world_exit(0);
}
