/* The directory of one instance whose executor runs on this host: <home>/instances/<id>. Functions
 * name an instance by its id. Called from the loop thread. */
#pragma once

#include <limits.h>
#include <stdbool.h>

#include "provider.h"

/* This copy's settings for executors; borrowed. */
typedef struct instance_dir_config {
    const char *home;
    const char *run_dir;
    const char *executor;            /* path of openbatch-executor */
    const char *kafka_password_file; /* executors' own; NULL: no SASL */
} instance_dir_config;

/* Makes the directory complete: env, token (NULL: keep the one there), type, and last run. */
int instance_dir_write(const instance_dir_config *config,
                       const provider_launch_spec *spec,
                       ob_error *err);
/* Are env, token and run there? */
bool instance_dir_complete(const char *home, const char *id);
/* Is there more than the note of an ended instance's type and size? */
bool instance_dir_alive(const char *home, const char *id);
/* Reads its nominal size. */
bool instance_dir_size(const char *home, const char *id, ob_resources *ret);
/* Is it of a node of a Kubernetes cluster? false also if its type cannot be read. */
bool instance_dir_is_node(const char *home, const char *id);
/* Removes everything except that note. */
void instance_dir_remove(const char *home, const char *id);
/* Removes the oldest notes and logs of ended instances: beyond a fixed number, and logs by their
 * age (docs/architecture.md, "Logs of the services"). */
void instance_dir_prune(const char *home);

/* The path of something in the directory, 'fmt' behind its own path. Returns 'out'. */
__attribute__((format(printf, 4, 5))) const char *
instance_dir_path(char out[PATH_MAX], const char *home, const char *id, const char *fmt, ...);
