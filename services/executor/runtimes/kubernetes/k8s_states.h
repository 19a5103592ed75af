/* The states of a run's pod: a small enum for each thing that changes by itself. Each is set by one
 * function of k8s_moves.c, which has the table of its moves. */
#pragma once

/* What is done with it next. */
typedef enum k8s_step {
    K8S_STEP_INTENT, /* it is to be made as soon as the disk has that */
    K8S_STEP_CREATE,
    K8S_STEP_CHECK, /* there is a pod of its name: is it this run's? */
    K8S_STEP_LIVE,  /* it is there; how does it stand? */
    K8S_STEP_SEEK,  /* an executor before this one wanted it: is it there? */
    K8S_STEP_FOUND, /* the same, and nobody has said yet what becomes of it */
    K8S_STEP_ENDED, /* the end was told */
    K8S_STEP_REMOVE,
    K8S_STEP_GONE, /* nothing holds it any more; Kubernetes will say that it is gone */
} k8s_step;

typedef enum k8s_stop_state {
    K8S_STOP_NONE,
    K8S_STOP_WANTED,
    K8S_STOP_SENT,
} k8s_stop_state;

/* The list of the pods that are there. */
typedef enum k8s_list {
    K8S_LIST_NONE, /* there was none yet */
    K8S_LIST_HERE, /* it is complete */
    K8S_LIST_TOLD, /* the executor was told so */
} k8s_list;

/* What is not certain, and a GET will tell. */
typedef enum k8s_doubt {
    K8S_DOUBT_NONE,
    K8S_DOUBT_THERE, /* is it still there, although it left the watch? */
    K8S_DOUBT_ASKED,
} k8s_doubt;

typedef enum k8s_output_state {
    K8S_OUTPUT_UNWANTED,
    K8S_OUTPUT_IDLE,     /* to be read */
    K8S_OUTPUT_FOLLOWED, /* being read, from before the container's end */
    K8S_OUTPUT_WHOLE,    /* being read, from after its end: this reading is complete */
    K8S_OUTPUT_OVER,     /* output_end was told */
} k8s_output_state;
