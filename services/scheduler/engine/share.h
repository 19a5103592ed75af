/* The shares of a queue, the usage of each, and the policy of a fair share. */
#pragma once

#include "model.h"

share *share_get(queue *q, const char *name); /* made when unknown; NULL: "" */
void share_free_if_unused(share *s);
void share_free(share *s);
void share_count_use(engine *e, const class *cls, int sign); /* a job of it is placed, or ends */
void share_set_policy(queue *q, const engine_policy *policy);
void shares_update(engine *e);     /* usage, weights and reservations as of now */
void shares_write_rows(engine *e); /* of those whose row is due */
/* Its usage at a later time than s->at_ms, if the vCPUs in use stay the same. */
double share_usage_at(const share *s, int64_t now_ms);
void share_set_active(share *s, bool active);
