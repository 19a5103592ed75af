/* The table of containers, and what any step does with one. */
#pragma once

#include "docker_model.h"

/* Advances the containers at the end of this turn. */
void docker_dirty(docker *d);
/* Advances the containers after a while. */
void docker_later(docker *d, int64_t delay_ms);
container *docker_find(docker *d, const char *run);
container *docker_add(docker *d, const char *run, container_step step);
/* Also removes it from the table. */
void container_free(container *c);

/* One request of the container's step. */
void container_request(container *c,
                       ob_point point,
                       const char *method,
                       const char *path,
                       const json_t *body,
                       ob_http_on_reply on_reply);
/* Call it first in each reply: the request is over. false: there was no answer; the step is tried
 * again when the engine is back. */
bool container_answered(container *c, const ob_http_reply *reply);
/* The step's next request waits for a while. */
void container_wait(container *c, int64_t delay_ms);
/* Takes the engine's id from its answer, if that has one. */
void container_take_id(container *c, const json_t *body);
/* Ends the reading of its output and forgets the incomplete lines. */
void container_drop_output(container *c);

/* The engine reports that the container no longer runs. */
void container_died(container *c);
void container_tell_running(container *c, int64_t started_at_ms);
void container_tell_end(container *c, const runtime_end *end);
/* Ends a run that did not start. reason: NULL or text (copied). */
void container_end_unstarted(container *c, const char *reason);
/* The same, with the engine's answer: "<kind>: <its text>". exit_code: -1: none. */
void container_end_failed(container *c,
                          const char *kind,
                          const ob_http_reply *reply,
                          int exit_code);
