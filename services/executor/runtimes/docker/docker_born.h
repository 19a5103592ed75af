/* When the processes of a container engine on this host began. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Wall clock, milliseconds; 0: it cannot be seen from here, or does not live. */
typedef struct docker_birth {
    int64_t dockerd_ms;
    int64_t containerd_ms;
    bool same_view; /* dockerd sees the files that this process sees, control groups among them */
} docker_birth;

/* host: as DOCKER_HOST. Reads /proc once. */
docker_birth docker_born(const char *host);
