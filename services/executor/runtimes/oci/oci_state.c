/* Reads a state. A later line counts more: a container that was about to begin and then was refused
 * has not begun. Owns nothing. Any thread. */
#include "oci_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/text.h"
#include "oci_words.h"

#define LINE_MAX_BYTES 2048

static void copy(char *out, size_t size, const char *text)
{
    (void)ob_text_copy(out, size, text, strlen(text));
}

static void take_end(oci_state *s, const char *rest)
{
    int code = -1, cut = 0;
    long oom = 0;
    long long ended_ms = 0, cpu_ms = 0, peak_bytes = 0;
    int n = sscanf(rest, "%d %ld %lld %d %lld %lld", &code, &oom, &ended_ms, &cut, &cpu_ms,
                   &peak_bytes);
    if (n < 4 || code < 0 || code > 255)
        return;
    s->result = OCI_RESULT_END;
    s->code = code;
    s->oom = oom > 0;
    s->ended_ms = ended_ms;
    s->is_cut = cut != 0;
    s->cpu_ms = cpu_ms;
    s->peak_bytes = peak_bytes;
}

static void take_refusal(oci_state *s, const char *rest)
{
    const char *text = strchr(rest, ' ');
    s->result = OCI_RESULT_REFUSED;
    s->by_host = strncmp(rest, "job ", 4) != 0;
    copy(s->why, sizeof(s->why), text ? text + 1 : "");
}

static void take(oci_state *s, const char *word, const char *rest)
{
    if (strcmp(word, OCI_SAID_BOOT) == 0) {
        copy(s->boot, sizeof(s->boot), rest);
    } else if (strcmp(word, OCI_SAID_KEEPER) == 0) {
        s->keeper = atoi(rest);
    } else if (strcmp(word, OCI_SAID_START) == 0) {
        s->may_have_begun = true;
    } else if (strcmp(word, OCI_SAID_RUNNING) == 0) {
        s->running_ms = strtoll(rest, NULL, 10);
    } else if (strcmp(word, OCI_SAID_END) == 0) {
        take_end(s, rest);
    } else if (strcmp(word, OCI_SAID_LOST) == 0) {
        s->result = OCI_RESULT_LOST;
        copy(s->why, sizeof(s->why), rest);
    } else if (strcmp(word, OCI_SAID_REFUSED) == 0) {
        take_refusal(s, rest);
    } else if (strcmp(word, OCI_SAID_STOPPED) == 0) {
        s->result = OCI_RESULT_STOPPED;
    } else if (strcmp(word, OCI_SAID_CLEAN) == 0) {
        s->clean = true;
    }
}

void oci_state_read(const char *text, size_t len, oci_state *ret)
{
    char line[LINE_MAX_BYTES];
    *ret = (oci_state){ 0 };
    for (const char *end; len > 0 && (end = memchr(text, '\n', len));) {
        size_t n = (size_t)(end - text);
        size_t kept = n < sizeof(line) - 1 ? n : sizeof(line) - 1;
        memcpy(line, text, kept);
        line[kept] = '\0';
        char *space = strchr(line, ' ');
        if (space)
            *space = '\0';
        take(ret, line, space ? space + 1 : "");
        text += n + 1;
        len -= n + 1;
    }
}

bool oci_run_of_name(const char *name, char out[OB_RUN_TEXT])
{
    char text[OB_RUN_TEXT], again[OB_RUN_TEXT];
    ob_run_ref ref;
    const size_t before = strlen("ob-") + OB_UUID_TEXT - 1;
    if (strncmp(name, "ob-", 3) != 0 || strlen(name) >= sizeof(text) || strlen(name) <= before ||
        name[before] != '-')
        return false;
    (void)snprintf(text, sizeof(text), "%s", name + 3);
    char *last = strrchr(text, '-');
    *last = '/';
    if (last != text + OB_UUID_TEXT - 1)
        text[OB_UUID_TEXT - 1] = ':';
    if (!ob_run_ref_parse(text, &ref))
        return false;
    ob_run_container_name(&ref, again);
    ob_run_ref_format(&ref, out);
    return strcmp(again, name) == 0;
}
