/* The null runtime's own settings, and the line that a run says (null_word.h). Owns nothing: the
 * file belongs to a test, which made it. One write appends a line, so lines of several executors
 * are in the order in which they were said. Thread: the loop's. */
#include "null_word.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ob/id.h"

const ob_config_field null_fields[] = {
    { "OPENBATCH_NULL_WORD", OB_CONFIG_STRING, offsetof(null_settings, word), "",
      "for tests, with the runtime null: file to which each run appends a line when it starts and "
      "when it ends; empty: none",
      0, 0 },
    { 0 },
};

/* <job> <attempt> start|end <seconds> <nonce> <run> [<exit code>] */
void null_word_say(const char *file,
                   const char *run,
                   int attempt,
                   int64_t at_boot_ms,
                   int64_t began_boot_ms,
                   int code)
{
    char line[256], job[OB_RUN_TEXT];
    (void)snprintf(job, sizeof(job), "%s", run);
    job[strcspn(job, "/")] = '\0';
    int n = snprintf(line, sizeof(line), "%s %d %s %.3f %lld %s", job, attempt,
                     code < 0 ? "start" : "end", (double)at_boot_ms / 1000,
                     (long long)began_boot_ms, run);
    n += code < 0 ? snprintf(line + n, sizeof(line) - (size_t)n, "\n")
                  : snprintf(line + n, sizeof(line) - (size_t)n, " %d\n", code);
    int fd = *file ? open(file, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    ssize_t written = write(fd, line, (size_t)n);
    (void)written;
    (void)close(fd);
}
