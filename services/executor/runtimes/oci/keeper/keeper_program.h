/* The program that makes a container: crun or runc. */
#pragma once

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define KEEPER_PROGRAM_NONE 127 /* its exit code if it could not be started */

/* args: its path first. null: /dev/null, its input; ends: its output and its errors; mask: the
 * signals that are blocked in it. Its process, or -1 with errno. */
pid_t keeper_program_start(const char *const args[],
                           int null,
                           const int ends[2],
                           const sigset_t *mask);

/* Why it has failed: the last text of its own log, or how it ended (status: of waitpid). */
void keeper_program_error(
    const char *path, int status, const char *log_file, char *why, size_t size);

/* The beginning of a file, as far as it fits. False: it is missing or empty. */
bool keeper_read_text(const char *path, char *out, size_t size);
