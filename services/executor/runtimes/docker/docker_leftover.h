/* What is left of a start without a clear answer. */
#pragma once

#include <stdbool.h>

typedef enum leftover {
    LEFTOVER_MAY_HAVE_BEGUN,
    LEFTOVER_NOT_BEGUN, /* proven: the job's command did not begin, and will not */
    LEFTOVER_BEGUN,     /* proven: a process was the job's command, and was killed */
} leftover;

/* Ends all processes of a container (by its full id) that the engine does not know to run, and says
 * whether they prove that the job's command began, or did not. The container was asked to be
 * started once at most. stayed: DOCKER_HOST of an engine whose dockerd has lived since it was asked
 * and has answered with an error just now; else NULL. */
leftover docker_leftover_end(const char *id, const char *stayed);

/* A container's control group, somewhere below root, lives from before its first process until the
 * engine has noted its end. Also true if that cannot be found out. */
bool docker_leftover_group(const char *root, const char *id);
