/* Answers to questions in the inbox, as JSON. */
#pragma once

#include "engine/engine.h"
#include "ob/buf.h"

/* {"jobs": [[job id, index of the child that it waits for or -1, N_TO_N or not], ...], "more":
 * there are others}; replaces what 'out' holds. */
void answer_render(ob_buf *out, const effect_dependents *answer);
