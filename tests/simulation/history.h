/* One history: a world with its services, its clients and its faults, from beginning to rest. */
#pragma once

#include "faults.h"

typedef struct history_result {
    bool broken;
    char subject[64]; /* the job, run or instance concerned */
    char text[512];
    int64_t at_us;
    uint64_t digest;
    size_t jobs, runs, n_faults;
    fault faults[FAULTS_MAX];
    int64_t ended_us;
} history_result;

/* Runs it in this process, whose memory it leaves behind. 'mask' has a bit for each fault that is
 * to happen. When something is broken it does not return: *ret is filled, and the process ends. */
void history_run(uint64_t seed, uint64_t kinds, uint64_t mask, size_t jobs, history_result *ret);
