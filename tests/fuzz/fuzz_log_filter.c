/* Filter patterns of FilterLogEvents, and the lines that they take.
 * Covers: services/api/logs/log_filter.c */
#include "fuzz.h"

#include "logs/log_filter.h"

/* The line in quotation marks, which must find the line itself. */
static char *quoted(const char *line)
{
    char *out = ob_calloc(2 * strlen(line) + 3, 1), *at = out;
    *at++ = '"';
    for (; *line; line++) {
        if (*line == '"' || *line == '\\')
            *at++ = '\\';
        *at++ = *line;
    }
    *at = '"';
    return out;
}

static void check_phrase(const char *line, char kind, bool wanted)
{
    ob_cleanup(ob_freep) char *phrase = quoted(line);
    ob_cleanup(ob_freep) char *pattern = ob_strf("%.*s%s", kind != '+', &kind, phrase);
    log_filter *filter = NULL;
    int r = log_filter_new(pattern, &filter, NULL);
    FUZZ_CHECK((r == 0) == (*line != '\0'));
    if (r < 0)
        return;
    FUZZ_CHECK(log_filter_takes(filter, line, strlen(line)) == wanted);
    log_filter_free(filter);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    size_t len;
    ob_cleanup(ob_freep) char *pattern = fuzz_part(&in, NULL), *line = fuzz_rest(&in, &len);
    log_filter *filter = NULL;
    ob_error err = { 0 };
    check_phrase(line, '+', true);
    check_phrase(line, '?', true);
    check_phrase(line, '-', false);
    if (log_filter_new(pattern, &filter, &err) < 0) {
        FUZZ_CHECK(strncmp(err.text, "Invalid filter pattern: ", 24) == 0);
        return 0;
    }
    bool takes = log_filter_takes(filter, line, len);
    FUZZ_CHECK(takes || !log_filter_is_empty(filter));
    /* Blanks around it mean nothing. */
    ob_cleanup(ob_freep) char *wider = ob_strf(" \t%s\n ", pattern);
    log_filter *other = NULL;
    FUZZ_CHECK(log_filter_new(wider, &other, NULL) == 0);
    FUZZ_CHECK(log_filter_takes(other, line, len) == takes);
    log_filter_free(other);
    log_filter_free(filter);
    return 0;
}
