/* Instances as ListInstances and DescribeInstance show them. */
#pragma once

#include <jansson.h>
#include <libpq-fe.h>

/* {"vcpus": 1.5, "memory": MiB, "gpus": n}. A new object, as below. */
json_t *instance_size_json(json_int_t mcpu, json_int_t mem_mib, json_int_t gpus);
/* From a row with INSTANCE_COL_*. */
json_t *instance_json(const PGresult *rows, int row);
