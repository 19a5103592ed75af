/* Configuration from the environment: each program has one table of {name, type, offset, default,
 * help}. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ob/error.h"

typedef enum ob_config_type {
    OB_CONFIG_STRING, /* char *, owned by the config struct */
    OB_CONFIG_INT,    /* int64_t, decimal */
    OB_CONFIG_SECRET, /* char *, masked when printed */
    OB_CONFIG_PATH,   /* char *, must be absolute */
} ob_config_type;

typedef struct ob_config_field {
    const char *name; /* environment variable; NULL ends the table */
    ob_config_type type;
    size_t offset;            /* of the member in the program's config struct */
    const char *default_text; /* NULL: required. May contain ${NAME} of another variable */
    const char *help;         /* one line, for --help and docs/configuration.md */
    int64_t min, max;         /* OB_CONFIG_INT: the allowed range */
} ob_config_field;

/* The variables that every service has; put an ob_config_common first in the program's struct. */
typedef struct ob_config_common {
    char *home;
    char *run_dir;
    char *guarded_dirs;
    char *log_level;
    char *crash_file;
    char *account;
    char *kafka;
    char *kafka_user;
    char *kafka_password_file;
    char *kafka_settings;
    char *kafka_pid_file;
    int64_t kafka_partitions;
} ob_config_common;
extern const ob_config_field ob_config_common_fields[];

/* Default of OPENBATCH_PG, for the tables of the services that use PostgreSQL. A macro, because
 * tables are constants. */
#define OB_CONFIG_PG_DEFAULT "host=${OPENBATCH_RUN_DIR} user=openbatch dbname=openbatch"
extern const char ob_config_pg_default[];
/* OPENBATCH_JOB_RETENTION_S: the api deletes jobs, the scheduler their remaining rows. */
#define OB_CONFIG_JOB_RETENTION_DEFAULT "604800"
#define OB_CONFIG_JOB_RETENTION_HELP "seconds that jobs are kept after their end; 0: for ever"
/* OPENBATCH_LOG_LIMIT_BYTES: the executor ends its reading there, the api refuses what is sent
 * nevertheless. */
#define OB_CONFIG_LOG_LIMIT_DEFAULT "1073741824"
#define OB_CONFIG_LOG_LIMIT_HELP "bytes of output kept of each attempt of a job; 0: all"

/* Fills 'out' from the environment according to 'fields' and, if common is true, to
 * ob_config_common_fields (the struct must then begin with ob_config_common). The caller zeroes
 * 'out'; after a failure it is empty again. A variable that is set but empty counts as not set; an
 * empty default is an allowed value. Errors: -EINVAL with a text that names the variable. */
int ob_config_load(void *out, const ob_config_field *fields, bool common, ob_error *err);

/* Handles --help, --version, --check-config (prints the effective values, secrets masked) and
 * --config-table (one TSV row per variable: name, default, help; docs/configuration.md is checked
 * against it). Call it before or after ob_config_load; --check-config loads the configuration
 * itself. Returns true if the program should exit with *ret_code (2: unknown argument). */
bool ob_config_cli(int argc,
                   char **argv,
                   const char *program,
                   void *out,
                   const ob_config_field *fields,
                   bool common,
                   int *ret_code);

/* A table joined from several: a program's own rows and those of its parts (runtimes, providers),
 * whose values follow the program's in one block. Zero-initialise it; free(list.fields). */
typedef struct ob_config_list {
    ob_config_field *fields; /* ended by one without a name */
    size_t n;
} ob_config_list;
/* Adds a copy of the row. offset: of its part in the block. */
void ob_config_add(ob_config_list *list, const ob_config_field *row, size_t offset);
/* Where a part may begin, at 'end' of what is before it or a little later. */
size_t ob_config_part(size_t end);

/* Frees the strings of 'out'. */
void ob_config_done(void *out, const ob_config_field *fields, bool common);

/* Reads a small secret file, without the trailing newline. *ret is new, free() it. Errors: -errno.
 */
int ob_config_read_secret(const char *path, char **ret, ob_error *err);
