/* An executor of the simulation, made of the product's parts on its instance's disk and engine. */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "parts.h"
#include "sim.h"

#define NOTICE_FD 3

/* A file in memory. It stays: nobody counts the descriptors of a history. */
static char *token_file(const char *token)
{
    int fd = memfd_create("token", 0);
    if (fd < 0 || write(fd, token, strlen(token)) < 0)
        abort();
    return ob_strf("/proc/self/fd/%d", fd);
}

static settings *configure(const executor_start *s)
{
    settings *c = settings_new();
    c->instance = ob_strdup(s->id);
    c->dir = ob_strf("/sim/%s", s->id);
    c->token_file = token_file(s->token);
    c->ce = ob_strdup(s->ce);
    c->type = ob_strdup("sim");
    c->runtime = ob_strdup("sim");
    c->privileged = ob_strdup("allow");
    c->host_mounts = ob_strdup("allow");
    c->devices = ob_strdup("allow");
    c->imds = ob_strdup("");
    c->join_token = ob_strdup("");
    c->heartbeat_ms = SIM_HEARTBEAT_MS;
    c->notice_ms = SIM_NOTICE_MS;
    c->term_ms = 2000;
    c->leave_ms = 5000;
    c->common.home = ob_strdup("/sim");
    c->common.run_dir = ob_strdup("/sim/run");
    c->common.guarded_dirs = ob_strdup("");
    return c;
}

static void on_notice(int fd, uint32_t events, void *arg)
{
    (void)fd, (void)events;
    const executor *x = arg;
    if (x->notice)
        notice_give(x->notice, x->config->notice_ms);
}

void sim_executor(process *self)
{
    const executor_start *s = self->arg;
    executor *x = ob_calloc(1, sizeof(*x));
    ob_error err = { 0 };
    x->signal_fd = -1;
    x->config = configure(s);
    sim_disk_mount(s->disk);
    sim_runtime_on(s->engine);
    int r = parts_make(x, &err);
    if (x->signal_fd >= 0)
        (void)close(x->signal_fd); /* notices come by sim_executor_notice */
    x->signal_fd = -1;
    if (r == 0)
        r = loop_watch(x->loop, WORLD_FD + NOTICE_FD, 0, on_notice, x, &err);
    if (r == 0)
        r = parts_work(x, &err);
    if (r < 0)
        trace_say("the executor fails: %s", err.text);
    parts_free(x);
    world_exit(r < 0 ? 1 : 0);
}

void sim_executor_notice(process *of)
{
    world_signal(of, NOTICE_FD);
}
