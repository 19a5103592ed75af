/* The notice that this instance is about to go: a Spot interruption, or the executor's own leaving.
 * It counts on the boot clock, outlives the process, and is told until the instance is gone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "event_loop.h"
#include "spool.h"

typedef struct notice notice;

typedef struct notice_config {
    loop *loop;
    spool *spool;
    int64_t term_ms; /* so long before the end 'term' is called */
    void (*tell)(void *arg);
    void (*term)(int64_t left_ms, void *arg); /* what runs is to end; also after a restart */
    void *arg;
} notice_config;

/* Goes on with what the spool knows. */
notice *notice_new(const notice_config *config);
void notice_free(notice *n);
/* The instance goes in 'in_ms' from now. A notice that is there already counts when it ends
 * sooner. */
void notice_give(notice *n, int64_t in_ms);
/* Milliseconds to the end, 0 when it has come; -1: no notice. */
int64_t notice_left_ms(const notice *n);
