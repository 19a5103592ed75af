/* Queue snapshots to and from text. Owns nothing. Any thread. */
#include "snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ob/id.h"
#include "ob/json.h"
#include "ob/text.h"

void snapshot_render(ob_buf *out, const effect_front *front)
{
    ob_buf_clear(out);
    ob_buf_str(out, "{\"front\":[");
    for (size_t i = 0; i < front->n_front; i++) {
        char id[OB_RUN_TEXT];
        ob_job_ref_format(&(ob_job_ref){ .id = front->front[i].id, .index = front->front[i].index },
                          id);
        ob_buf_addf(out, "%s[\"%s\",%" PRId64 "]", i ? "," : "", id, front->front[i].since_ms);
    }
    ob_buf_addf(out, "],\"mcpu\":%" PRId64 ",\"shares\":[", front->mcpu);
    for (size_t i = 0; i < front->n_shares; i++) {
        ob_buf_str(out, i ? ",[" : "[");
        ob_buf_json(out, front->shares[i].share);
        ob_buf_addf(out, ",%" PRId64 "]", front->shares[i].mcpu);
    }
    ob_buf_addf(out, "],\"activeShares\":%zu}", front->active_shares);
}

size_t snapshot_parse(const char *body, engine_front *out, size_t max)
{
    json_auto_t *snapshot = NULL;
    size_t n = 0, i;
    const json_t *entry;
    if (!body || ob_json_parse(body, strlen(body), &snapshot, NULL) < 0)
        return 0;
    json_array_foreach(json_object_get(snapshot, "front"), i, entry)
    {
        const char *id = json_string_value(json_array_get(entry, 0));
        ob_job_ref ref;
        if (!id || n == max || !ob_job_ref_parse(id, &ref))
            break;
        out[n++] = (engine_front){ .id = ref.id,
                                   .index = ref.index,
                                   .since_ms = json_integer_value(json_array_get(entry, 1)) };
    }
    return n;
}

const char *snapshot_counts_render(char out[SNAPSHOT_COUNTS_TEXT],
                                   const int64_t counts[OB_JOB_STATE_COUNT])
{
    char *at = out;
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++) {
        *at++ = i ? ',' : '{';
        at = ob_text_number(at, counts[i]);
    }
    *at++ = '}';
    *at = '\0';
    return out;
}

bool snapshot_counts_parse(const char *text, int64_t out[OB_JOB_STATE_COUNT])
{
    for (int i = 0; i < OB_JOB_STATE_COUNT; i++) {
        char *end = NULL;
        if (!text || *text != (i ? ',' : '{'))
            return false;
        out[i] = strtoll(text + 1, &end, 10);
        if (end == text + 1)
            return false;
        text = end;
    }
    return strcmp(text, "}") == 0;
}
