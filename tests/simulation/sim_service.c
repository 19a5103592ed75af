/* ob/service.h for simulated processes: SIGTERM is world_stop. Health has no reader here. */
#include "ob/service.h"

#include "sim.h"

#define STOP_FD 0

/* A process looks at it after each wait; who is told to stop, is told when it runs. */
atomic_bool ob_service_stopping;

int ob_service_stop_fd(void)
{
    return WORLD_FD + STOP_FD;
}

void sim_service_enter(const process *p)
{
    atomic_store(&ob_service_stopping, p && p->stopping);
}

void ob_service_wait(int fd, int timeout_ms)
{
    process *self = world_process();
    int64_t until_us = world_now_us() + timeout_ms * MS_US;
    while (world_now_us() < until_us && !self->stopping &&
           (fd < WORLD_FD || !world_take_signal(self, fd - WORLD_FD)))
        world_wait_until(until_us);
}

int ob_service_init(const char *name, const char *log_level, ob_error *err)
{
    (void)name, (void)log_level, (void)err;
    return 0;
}

int ob_health_start(const char *run_dir, const char *name, ob_error *err)
{
    (void)run_dir, (void)name, (void)err;
    return 0;
}

void ob_health_stop(void)
{
}

void ob_health_beat(void)
{
}

void ob_health_set(const char *dependency, bool required, bool ok, const char *text)
{
    (void)dependency, (void)required, (void)ok, (void)text;
}

void ob_health_leader(bool leader)
{
    (void)leader;
}

void ob_health_info(const char *name, json_t *value)
{
    (void)name;
    json_decref(value);
}

json_t *ob_health_object(void)
{
    return json_object();
}
