/* What an engine that was killed in the middle of a start leaves behind. */
#pragma once

typedef enum leftover {
    LEFTOVER_NONE,    /* nothing: the start had not begun */
    LEFTOVER_INIT,    /* it was prepared; the job's command did not begin */
    LEFTOVER_STARTED, /* the job's command runs, or may have run */
} leftover;

/* Ends all processes of a container (by its full id) that the engine does not know to run. */
leftover docker_leftover_end(const char *id);
