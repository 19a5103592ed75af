/* The states of a container: a small enum for each thing that changes by itself. Each is set by one
 * function of docker_moves.c, which has the table of its moves. */
#pragma once

/* What is done with it next. A slot is held from STEP_CREATE until a step that needs none. */
typedef enum container_step {
    STEP_FOUND,  /* nobody has said yet what becomes of it */
    STEP_QUEUED, /* waits for a slot */
    STEP_CREATE,
    STEP_PULL,  /* waits for its image, without a slot */
    STEP_DOUBT, /* the engine could not make it; is it well? */
    STEP_START,
    STEP_INTENT, /* it is to be started as soon as the disk has that */
    STEP_STARTING,
    STEP_RUN,
    STEP_INSPECT, /* how does it stand? */
    STEP_ENDED,   /* the end was told */
    STEP_REMOVE,  /* the container, then its volumes */
} container_step;

typedef enum container_origin {
    ORIGIN_OWN,      /* this process makes it */
    ORIGIN_ADOPTED,  /* made before this process was */
    ORIGIN_REBOOTED, /* the same, and the host has restarted since it was to be started */
} container_origin;

/* What is known of its start. */
typedef enum container_start {
    START_NONE,     /* nobody has asked for it */
    START_INTENDED, /* it runs, or ran, or may have: its start was intended, durably */
    START_UNKNOWN,  /* nobody can say whether somebody asked; stays so */
} container_start;

/* What an inspection has not found yet, and the next one may. */
typedef enum container_second_look {
    SECOND_LOOK_NONE,
    SECOND_LOOK_START, /* a start that a process that is gone has asked for */
    SECOND_LOOK_END,   /* the reason for SIGKILL, or the event of an end that may be made up */
} container_second_look;

typedef enum container_stop {
    STOP_NONE,
    STOP_WANTED,
    STOP_SENT,
} container_stop;

typedef enum output_state {
    OUTPUT_UNWANTED,
    OUTPUT_IDLE,     /* to be read */
    OUTPUT_FOLLOWED, /* being read, from before the end */
    OUTPUT_WHOLE,    /* being read, from after the end: this reading is complete */
    OUTPUT_UNSURE,   /* a following reading has ended: is its last part the container's last? */
    OUTPUT_CHECKED,  /* the container's last part is being read */
    OUTPUT_OVER,     /* output_end was told */
} output_state;
