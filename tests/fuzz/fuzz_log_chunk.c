/* Chunks of batch.logs: as an executor writes lines of output, and as the api reads any message.
 * Covers: services/api/logs/log_batch.c services/executor/output_text.c */
#include "fuzz.h"

#include <utlist.h>

#include "logs/log_batch.h"
#include "ob/buf.h"
#include "ob/json.h"
#include "output_text.h"

/* ---- the stream, instead of PostgreSQL (-Wl,--wrap) ---- */

static int64_t end_offset, lines, last_ms;
static ob_buf stored; /* all lines, each with its end */

__typeof__(ob_db_sql) __wrap_ob_db_sql;
__typeof__(ob_db_commit) __wrap_ob_db_commit;
__typeof__(log_store_open) __wrap_log_store_open;
__typeof__(log_store_move) __wrap_log_store_move;
__typeof__(log_store_append) __wrap_log_store_append;

int __wrap_ob_db_sql(ob_db *db, const char *sql, const ob_params *p, PGresult **ret, ob_error *err)
{
    (void)db, (void)sql, (void)p, (void)ret, (void)err;
    return 0;
}

int __wrap_ob_db_commit(ob_db *db, ob_point point, ob_error *err)
{
    (void)db, (void)point, (void)err;
    return 0;
}

int __wrap_log_store_open(
    ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err)
{
    (void)db, (void)now_ms, (void)err;
    FUZZ_CHECK(n == 1);
    at[0]->id = 1;
    at[0]->end_offset = end_offset;
    at[0]->lines = lines;
    at[0]->last_ms = last_ms;
    return 0;
}

int __wrap_log_store_move(
    ob_db *db, log_position *const *at, size_t n, int64_t now_ms, ob_error *err)
{
    (void)db, (void)err;
    FUZZ_CHECK(n == 1 && at[0]->end_offset >= end_offset && at[0]->lines >= lines);
    FUZZ_CHECK(at[0]->last_ms >= last_ms && at[0]->last_ms <= now_ms);
    end_offset = at[0]->end_offset;
    lines = at[0]->lines;
    last_ms = at[0]->last_ms;
    return 0;
}

int __wrap_log_store_append(ob_db *db, const log_lines *l, int64_t now_ms, ob_error *err)
{
    (void)db, (void)err;
    for (size_t i = 0; i < l->n; i++) {
        FUZZ_CHECK(l->lens[i] >= 0 && l->times[i] > 0 && l->times[i] <= now_ms);
        FUZZ_CHECK(i == 0 || (l->times[i] >= l->times[i - 1] && l->numbers[i] > l->numbers[i - 1]));
        ob_buf_add(&stored, l->texts[i], (size_t)l->lens[i]);
        ob_buf_str(&stored, "\n");
    }
    return 0;
}

static void reset(void)
{
    end_offset = lines = last_ms = 0;
    ob_buf_clear(&stored);
}

/* ---- one run ---- */

static log_run *run_new(void)
{
    log_run *run = ob_calloc(1, sizeof(*run));
    run->account = ob_strdup("1");
    run->region = ob_strdup("r");
    run->group = ob_strdup("g");
    run->stream = ob_strdup("s");
    run->index = -1;
    run->refs = 1;
    return run;
}

/* Takes 'msg'. Gaps do not wait. */
static void take(json_t *msg)
{
    log_chunk *list = NULL, *chunk = log_chunk_new(msg, 1);
    log_refused refused = { 0 };
    chunk->run = run_new();
    FUZZ_CHECK(log_chunk_is_usable(chunk));
    DL_APPEND(list, chunk);
    chunk->hurries = true;
    FUZZ_CHECK(log_batch_store(NULL, 0, &list, &refused, NULL) == 0 && !list);
}

/* Any message; a second time it changes nothing. */
static void take_any(json_t *msg)
{
    int64_t before = end_offset;
    take(json_incref(msg));
    FUZZ_CHECK(end_offset >= before);
    before = end_offset;
    size_t len = stored.len;
    take(json_incref(msg));
    FUZZ_CHECK(end_offset == before && stored.len == len);
}

/* What an executor sends arrives as it was, whatever bytes it has. */
static void take_output(const char *output, size_t len, size_t a_chunk)
{
    int64_t offset = 0;
    ob_buf expected = { 0 };
    reset();
    while (len > 0) {
        log_text text = { 0 };
        int64_t begin = offset;
        log_text_add(&text, "[", 1);
        for (size_t n = 0; n < a_chunk && len > 0; n++) {
            const char *end = memchr(output, '\n', len);
            size_t line = end ? (size_t)(end - output) : len;
            if (n > 0)
                log_text_add(&text, ",", 1);
            log_text_add_line(&text, 1700000000000, output, line, line + 1 + line % 3 / 2);
            ob_buf_add(&expected, output, line);
            ob_buf_str(&expected, "\n");
            offset += (int64_t)(line + 1 + line % 3 / 2);
            output += line + (end != NULL);
            len -= line + (end != NULL);
        }
        log_text_add(&text, "]", 1);
        json_t *read = ob_json_read(text.text, text.len);
        FUZZ_CHECK(json_is_array(read));
        json_auto_t *msg = json_pack("{s:I, s:o}", "offset", (json_int_t)begin, "lines", read);
        take_any(msg);
        free(text.text);
    }
    FUZZ_CHECK(end_offset == offset && stored.len == expected.len);
    FUZZ_CHECK(stored.len == 0 || memcmp(stored.at, expected.at, stored.len) == 0);
    ob_buf_done(&expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_input in = fuzz_begin(data, size);
    uint8_t how = fuzz_byte(&in);
    size_t len;
    if (how & 1) {
        ob_cleanup(ob_freep) char *output = fuzz_rest(&in, &len);
        take_output(output, len, 1u + (how >> 1));
        return 0;
    }
    reset();
    while (in.left > 0) {
        ob_cleanup(ob_freep) char *text = fuzz_part(&in, &len);
        json_auto_t *msg = ob_json_read(text, len);
        if (msg)
            take_any(msg);
    }
    return 0;
}
