/* What every service does around its own work: signals, the health socket, exit codes. */
#pragma once

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "ob/error.h"

/* Set by SIGTERM, SIGINT and SIGHUP; loops look at it. */
extern atomic_bool ob_service_stopping;
/* The last of them was SIGHUP: whoever can is to begin anew in the same process, with the program
 * and the settings of now; the others just end, and their supervisor does it. */
extern atomic_bool ob_service_again;

/* Installs the handlers (SIGPIPE ignored), names the process in logs. stop_fd: an eventfd that
 * becomes readable on a stop. */
int ob_service_init(const char *name, const char *log_level, ob_error *err);
int ob_service_stop_fd(void);

/* Health on a unix socket <run_dir>/<name>.health: whoever connects gets one JSON object and the
 * end of the stream. A small thread serves it; the service posts what it knows with ob_health_set,
 * any thread. The object answered:
 * {"service":..., "ok": bool (all 'required' dependencies answer), "leader": bool if set,
 * "depends": {"postgresql": {"ok":true,"text":"..."}, ...}, "info": {...}}; info says how
 * many lines of the log were dropped (logLinesDropped), and by how much and when the wall clock was
 * last set (clockJump), if ever. A loop that has not called
 * ob_health_beat for 10 s after its last beat makes ok false ("loop": silent); before anything was
 * posted ok is false too ("starting": true). */
int ob_health_start(const char *run_dir, const char *name, ob_error *err);
void ob_health_stop(void);
void ob_health_beat(void);
void ob_health_set(const char *dependency, bool required, bool ok, const char *text);
void ob_health_leader(bool leader);
void ob_health_info(const char *name, json_t *value); /* takes the reference */
/* The same object, for the api's GET /healthz. Caller owns it. */
json_t *ob_health_object(void);
