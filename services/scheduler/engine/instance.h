/* Instances and the runs on them. */
#pragma once

#include "model.h"

instance *instance_find(engine *e, const char *id); /* NULL when unknown */
instance *instance_get(engine *e, const char *id);  /* made when unknown */
void instance_count(instance *i, int sign); /* what it adds to its environment; -1: takes it away */
void instance_free(engine *e, instance *i); /* it has no run, and is neither held nor kept */
run *run_add(engine *e, job *j, instance *on); /* uses capacity; j becomes placed */
void run_remove(engine *e, run *r);            /* gives it back */
void instances_free(engine *e);
