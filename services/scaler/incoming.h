/* Handles messages from Kafka. */
#pragma once

#include "scaler.h"

/* A message of any topic the scaler reads (ob_bus_on_msg; arg: scaler). */
void events_on_msg(const ob_bus_msg *msg, void *arg);
void events_on_bus(ob_bus_event event, void *arg);
