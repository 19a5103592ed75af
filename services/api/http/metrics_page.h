/* GET /metrics and GET /metrics/shares, for the operator's Prometheus. */
#pragma once

#include "exchange.h"

/* Does the request ask for one of them? */
bool metrics_are_asked(const exchange *x);
/* Answers it, if it has the token. Returns the status. */
int metrics_answer(exchange *x);
