/* See answers.h. Owns nothing. Any thread. */
#include "answers.h"

#include "ob/id.h"

void answer_render(ob_buf *out, const effect_dependents *answer)
{
    ob_buf_clear(out);
    ob_buf_str(out, "{\"jobs\":[");
    for (size_t i = 0; i < answer->n; i++) {
        const effect_dependent *d = &answer->list[i];
        char id[OB_UUID_TEXT];
        ob_uuid_format(&d->id, id);
        ob_buf_addf(out, "%s[\"%s\",%d,%s]", i ? "," : "", id, d->index,
                    d->n_to_n ? "true" : "false");
    }
    ob_buf_addf(out, "],\"more\":%s}", answer->more ? "true" : "false");
}
