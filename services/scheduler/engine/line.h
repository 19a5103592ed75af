/* The order in which a queue's classes are served. One line at a time. */
#pragma once

#include "model.h"

void line_start(engine *e, queue *q);
class *line_first(const engine *e); /* NULL: nobody is left */
/* The first class has one job less; its next job is 'at' (NULL: none). */
void line_serve(engine *e, job *at);
void line_skip(engine *e); /* the first class leaves the line */
