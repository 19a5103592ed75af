/* The input for a container and its labels. */
#pragma once

#include <jansson.h>

#include "ob/id.h"

typedef struct docker_spec {
    const ob_run_ref *ref;
    int attempt;
    const json_t *spec;
    const char *home, *instance, *ce; /* for labels; ce also when the spec names none */
    const char *copy;                 /* for a label; NULL or empty: none */
    const json_t *secrets;            /* values by the variable's name; NULL: none */
    const json_t *log_secrets;        /* values by the log driver's option; NULL: none */
    const char *gpus;                 /* indices, "0,3"; NULL: none */
    int64_t pids_limit;               /* of processes and threads; 0: none */
} docker_spec;

/* Labels of each container. */
#define DOCKER_LABEL_HOME "openbatch.home"
#define DOCKER_LABEL_COPY "openbatch.copy"
#define DOCKER_LABEL_INSTANCE "openbatch.instance"
#define DOCKER_LABEL_RUN "openbatch.run"
#define DOCKER_LABEL_CE "openbatch.ce"
#define DOCKER_LABEL_GPUS "openbatch.gpus"
#define DOCKER_LABEL_TAG "openbatch.tag."          /* and a tag's name */
#define DOCKER_LABEL_EXECUTOR "openbatch.executor" /* the docker provider's; empty on jobs */
#define DOCKER_LABEL_COMPOSE "com.docker.compose.project"
