/* The state of an executor: its modules, and the stage of its life. Plain data: main.c creates and
 * frees it; the other files of this folder that include it act on it. */
#pragma once

#include "attempts.h"
#include "heartbeat.h"
#include "host/imds.h"
#include "host/notice.h"
#include "ob/bus.h"
#include "ob/seal.h"
#include "settings.h"

typedef enum executor_life {
    LIFE_WORKING,
    LIFE_LEAVING, /* started by hand, and told to end: what runs has its time */
    LIFE_GONE,    /* nothing of it is wanted any more: the next process purges it */
    LIFE_PURGING, /* this process does */
    LIFE_PURGED,
} executor_life;

typedef struct executor {
    executor_life life;
    settings *config;
    ob_seal seal; /* its instance's key */
    char host[256];
    loop *loop;
    spool *spool;
    ob_bus *bus;
    runtime *runtime;
    logs *logs;
    placement *placement;
    notice *notice;
    imds *imds;
    int signal_fd;
    heartbeat *heartbeat;
    attempts attempts;
    loop_timer second_timer, start_timer;
    bool spool_failed;
    json_t *join; /* data for joining; NULL: it was launched by the scaler */
    int64_t leaving_at_ms;
    int64_t foreign_warned_ms;
    int64_t bad_messages;
} executor;

void executor_set_life(executor *x, executor_life life);
