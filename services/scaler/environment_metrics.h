/* The metrics of environments and their instances. All functions: the loop's thread. */
#pragma once

#include "scaler.h"

/* An instance is about to change its state ('in' still has the old one). */
void environment_metrics_move(const scaler *s,
                              const instance *in,
                              ob_instance_state to,
                              int64_t now_ms);
/* A heartbeat of the instance, with figures of its executor. */
void environment_metrics_heard(const scaler *s, instance *in, const json_t *heartbeat);
/* The provider refused a launch with that error. Returns the code of the reason. */
const char *environment_metrics_refused(const scaler *s, int error);
/* Sets what is known of all environments; series of those that are gone go. Once a second. */
void environment_metrics_post(const scaler *s);
/* This process does not lead any more. */
void environment_metrics_forget(void);
