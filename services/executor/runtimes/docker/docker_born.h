/* The start times of a container engine's processes on this host. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Wall clock, milliseconds; 0: it is not visible from here, or does not run. */
typedef struct docker_birth {
    int64_t dockerd_ms;
    int64_t containerd_ms;
    bool same_view; /* dockerd sees the files that this process sees, control groups among them */
} docker_birth;

/* host: as DOCKER_HOST. Reads /proc once. */
docker_birth docker_born(const char *host);
