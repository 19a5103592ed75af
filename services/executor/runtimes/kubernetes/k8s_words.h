/* Names that others see on our pods, and that we look for. Constants only. */
#pragma once

#define K8S_LABEL_CE "batch.amazonaws.com/compute-environment-uuid"
#define K8S_LABEL_JOB "batch.amazonaws.com/job-id"
#define K8S_LABEL_NODE "batch.amazonaws.com/node-uid"
#define K8S_LABEL_INSTANCE "openbatch.io/instance"
/* Labels cannot have a run's text. */
#define K8S_ANNOTATION_RUN "openbatch.io/run"
/* As long as it is there, Kubernetes keeps a pod that has ended or was deleted, with its status. */
#define K8S_FINALIZER "openbatch.io/run"
/* On nodes that are for Batch only. */
#define K8S_TAINT "batch.amazonaws.com/batch-node"
/* What AWS calls Default. */
#define K8S_CONTAINER "default"
