/* An engine that answers but cannot start anything. */
#pragma once

#include "docker_model.h"

/* The meaning of a refused start, if the engine has run since it was asked. */
typedef enum docker_refusal {
    REFUSAL_OF_THE_JOB, /* it cannot be begun as it is */
    REFUSAL_NOT_BEGUN,  /* the engine is unwell, and the job's command did not begin */
    REFUSAL_UNCLEAR,    /* the same, but it may have begun */
} docker_refusal;

docker_refusal docker_refusal_of(const char *text);

/* Nothing is started until a probe of the engine has succeeded; waiting runs are given back. */
void docker_set_unwell(docker *d, const char *why);
/* The engine failed to create a container, for its own reasons or because of the container: a probe
 * decides which, and ends the run. */
void docker_doubt(container *c, const char *why);
/* An image that the engine has: the probe's. NULL: none. */
void docker_probe_image(docker *d, const char *image);
void docker_unwell_init(docker *d);
void docker_unwell_done(docker *d);
