/* The connection to the engine, its events and listings. */
#pragma once

#include "docker_model.h"

void docker_connect(docker *d);
void docker_engine_done(docker *d);
