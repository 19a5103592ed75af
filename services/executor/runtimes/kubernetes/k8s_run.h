/* The table of runs, and what any step does with one. */
#pragma once

#include "k8s_model.h"

/* A refused request is sent again after that time: a right may be given again. */
#define K8S_REFUSED_MS 5000

/* Advances the runs after a while. */
void k8s_later(k8s *k, int64_t delay_ms);
k8s_run *k8s_find(k8s *k, const char *run);
k8s_run *k8s_add(k8s *k, const char *run, const char *name_space, k8s_step step);
/* Also removes it from the table. */
void k8s_run_free(k8s_run *r);

/* Of that name, in that namespace; NULL: none. */
k8s_run *k8s_find_pod(k8s *k, const json_t *pod);
/* The pod has the name of the run's: has it been made for it? */
bool k8s_is_of_run(const k8s_run *r, const json_t *pod);

/* The step's next request, and the doubt's, wait that long. */
void k8s_hold(k8s_run *r, int64_t delay_ms);

/* A request about the run's pod. what: follows the pod's path; NULL: nothing. type: of the body;
 * NULL: JSON. */
ob_http_call *k8s_request(k8s_run *r,
                          ob_point point,
                          const char *method,
                          const char *what,
                          const json_t *body,
                          const char *type,
                          ob_kube_on_reply on_reply);
/* Is the answer one that comes again at once? If it may change by itself, the step's next request
 * waits, longer each time. */
bool k8s_is_final(k8s_run *r, const ob_kube_reply *reply);
/* May the step's next request be sent? */
bool k8s_is_due(const k8s_run *r);
/* Text of an answer for people, valid until it is freed: new. */
char *k8s_error_text(const ob_kube_reply *reply);

/* Takes what the pod is now (borrowed; NULL: there is none). */
void k8s_keep_pod(k8s_run *r, const json_t *pod);
void k8s_tell_running(k8s_run *r, int64_t started_at_ms);
void k8s_tell_end(k8s_run *r, const runtime_end *end);
/* Ends a run that did not start. reason: NULL or text (copied). */
void k8s_end_unstarted(k8s_run *r, const char *reason);
/* Ends the reading of its output, and forgets an incomplete line. */
void k8s_drop_output(k8s_run *r);
/* No pod can begin on this instance now (why), or it can again (NULL). */
void k8s_set_unwell(k8s *k, const char *why);
