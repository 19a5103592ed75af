/* The leading loop, with fakes for everything around it: the lock, the bus, the clock, the signal
 * to stop and the service's functions. Its actions are recorded as a line of words. */
#pragma once

#include "unit.h"

#include <stdatomic.h>

#include "ob/lead.h"
#include "ob/probe.h"
#include "ob/service.h"

#define MESSAGES 10

/* What is around the loop, and what it is to come to. */
extern struct lead_world {
    int64_t now_ms;
    bool up;      /* a broker is reachable */
    int topics_r; /* of making topics */
    bool probes_return;
    int32_t silent_partition; /* of those, one whose probes are lost; -1: none */
    int32_t partitions;
    bool standby;
    int try_r, load_r, failed_r, standby_r;
    int turn_r[16]; /* of the turns, in order; the last one stays */
    int n_turns;
    int lost_at; /* the connection is lost in this turn, from 0; -1: in none */
    bool connected, keep_fails;
    int messages; /* that each look at the bus finds */
    int wait_ms;  /* that a turn asks for */
    int64_t epoch;
    const char *stop_at; /* at its 'stop_after'th call */
    int stop_after;
    int counts[8];
    char did[4096];
} w;

extern ob_probe probe;
extern ob_lead_config config;
extern ob_lead *lead; /* of config */

int begin(void **state);
int end(void **state);
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

/* Runs until 'word' was done 'n' times. Returns the exit code. */
int run_until(const char *word, int n);
/* How often this word was done. */
int count(const char *word);
/* What health says of a thing that it depends on. */
void assert_ok(const char *name, bool ok, const char *text);
