/* What every service needs besides its own work: signals, the health socket, exit codes. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "ob/error.h"

/* Set by SIGTERM, SIGINT and SIGHUP; loops check it. */
extern atomic_bool ob_service_stopping;
/* SIGHUP has come, and neither SIGTERM nor SIGINT: a service that can should start again in the
 * same process, with the current program and settings. The other services just end, and their
 * supervisor restarts them. */
bool ob_service_again(void);
/* The same, to be asked last: from now on SIGTERM and SIGINT end the process at once, so that one
 * that comes before the next program is ready for it is not lost. */
bool ob_service_exec(void);
/* The environment, with these settings ("NAME=value"; or NULL) instead of those of the same names,
 * for an exec. The environment itself stays as it is: a thread of a library may read it at any
 * time. The caller frees it; its texts are borrowed. */
char **ob_service_environment(const char *one, const char *other);

/* Installs the handlers (SIGPIPE is ignored) and sets the process's name in logs, and keeps its
 * memory out of core files. Errors: -EINVAL (log_level), -errno. */
int ob_service_init(const char *name, const char *log_level, ob_error *err);
int ob_service_stop_fd(void); /* an eventfd that becomes readable on a stop */
/* Waits until 'fd' is readable, and then drains it, until the service is to stop, or for that time.
 * fd -1: none. */
void ob_service_wait(int fd, int timeout_ms);

/* Health on a unix socket <run_dir>/<name>.health: each connection gets one JSON object, then the
 * end of the stream. A small thread serves it; any thread of the service reports with
 * ob_health_set.
 *
 * The object: {"service":..., "ok": bool (all 'required' dependencies answer), "leader": bool if
 * set, "depends": {"postgresql": {"ok":true,"text":"..."}, ...}, "info": {...}}. info has the
 * number of dropped log lines (logLinesDropped), and, if the wall clock was set, by how much and
 * when (clockJump). If a loop has not called ob_health_beat for 10 s after its last beat, ok is
 * false ("loop": silent). Before the first report ok is false too ("starting": true). */
int ob_health_start(const char *run_dir, const char *name, ob_error *err);
void ob_health_stop(void);
void ob_health_beat(void);
void ob_health_set(const char *dependency, bool required, bool ok, const char *text);
void ob_health_leader(bool leader);
void ob_health_info(const char *name, json_t *value); /* takes the reference */
/* The same object, for the api's GET /healthz. Caller owns it. */
json_t *ob_health_object(void);
