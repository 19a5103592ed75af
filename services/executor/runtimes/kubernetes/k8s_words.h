/* Names that others see on our pods, and that we look for, beside those of ob/kube_pod.h.
 * Constants only. */
#pragma once

#define K8S_LABEL_JOB "batch.amazonaws.com/job-id"
#define K8S_LABEL_NODE "batch.amazonaws.com/node-uid"
#define K8S_LABEL_INSTANCE "openbatch.io/instance"
/* Labels cannot have a run's text. */
#define K8S_ANNOTATION_RUN "openbatch.io/run"
/* What AWS calls Default. */
#define K8S_CONTAINER "default"
