/* Instances that get no new runs for a while, or until they work again. */
#pragma once

#include "model.h"

void hold_note_refusal(engine *e, instance *i); /* it gave a run back */
void hold_note_start(engine *e, const job *j, instance *i);
void hold_note_failure(engine *e, const job *j, instance *i, const char *reason); /* of a start */
void hold_begin_trial(engine *e, instance *i); /* a run is placed on it */
void hold_end_due(engine *e);                  /* of those whose time has come */
/* For so long that its capacity does not count. */
bool hold_is_long(const engine *e, const instance *i);
void hold_forget(engine *e, instance *i); /* it is freed */
void holds_free(engine *e);
