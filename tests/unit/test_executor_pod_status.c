/* From pods to what is reported of a run. The statuses are as Kubernetes 1.35 has written them,
 * shortened. */
#include "quoted.h"

#include "runtimes/kubernetes/k8s_report.h"
#include "runtimes/kubernetes/k8s_status.h"

#define ID "containerd://c0ffee0000000000000000000000000000000000000000000000000000000001"

/* ---- statuses ---- */

/* status: of a pod with the containers a and b; node: NULL: it has none. */
static k8s_status
read_pod(const char *node, const char *metadata, const char *status, k8s_known known)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("{'metadata':{%s},'spec':{%s%s%s'initContainers':[{'name':'i'}],"
                "'containers':[{'name':'b'},{'name':'a'}]},'status':{%s}}",
                metadata, node ? "'nodeName':'" : "", node ? node : "", node ? "'," : "", status);
    json_auto_t *pod = parse(text);
    k8s_status s;
    k8s_status_read(pod, &known, &s);
    return s;
}

static k8s_status read_status(const char *status)
{
    return read_pod("node-1", "", status, (k8s_known){ 0 });
}

#define DONE(name, code, reason)                                                                   \
    "{'name':'" name "','containerID':'" ID "','state':{'terminated':{'exitCode':" #code           \
    ",'reason':'" reason "','startedAt':'2026-12-02T10:00:05Z',"                                   \
    "'finishedAt':'2026-12-02T10:00:09Z'}}}"
#define RUNS(name)                                                                                 \
    "{'name':'" name "','containerID':'" ID                                                        \
    "','state':{'running':{'startedAt':'2026-12-02T10:00:05Z'}}}"
#define WAITS(name, reason, message)                                                               \
    "{'name':'" name "','state':{'waiting':{'reason':'" reason "','message':'" message "'}}}"
#define AT_5S 1796205605000
#define AT_9S 1796205609000

static void assert_end(const k8s_status *s, bool started, int code, const char *reason)
{
    assert_int_equal(s->stage, K8S_ENDED);
    assert_int_equal(s->end.started, started);
    assert_int_equal(s->end.exit_code, code);
    assert_int_equal(s->end.reason != NULL, reason != NULL);
    assert_string_equal(s->why, reason ? reason : ""); /* its reason, where it was before a copy */
}

static void a_pod_runs_when_a_container_of_the_job_does(void **state)
{
    k8s_status s = read_status("'phase':'Pending','initContainerStatuses':[" RUNS(
        "i") "],"
             "'containerStatuses':[" WAITS("a", "PodInitializing", "") "]");
    assert_int_equal(s.stage, K8S_PENDING);
    assert_int_equal(s.wait, K8S_WAIT_NONE);
    s = read_status("'phase':'Running','containerStatuses':[" RUNS("a") "," RUNS("b") "]");
    assert_int_equal(s.stage, K8S_RUNNING);
    assert_int_equal(s.started_at_ms, AT_5S);
    /* The phase follows the containers by a second. */
    s = read_status("'phase':'Running','containerStatuses':[" DONE("a", 0, "Completed") "," DONE(
        "b", 0, "Completed") "]");
    assert_int_equal(s.stage, K8S_RUNNING);
}

static void success_is_the_phase_and_its_times_are_in_order(void **state)
{
    k8s_status s = read_status("'phase':'Succeeded','containerStatuses':[" DONE(
        "a", 0, "Completed") "," DONE("b", 0, "OOMKilled") "]");
    assert_end(&s, true, 0, "Completed");
    assert_false(s.end.oom);
    assert_int_equal(s.end.started_at_ms, AT_5S);
    assert_int_equal(s.end.stopped_at_ms, AT_9S);
    s = read_status("'phase':'Succeeded','containerStatuses':[{'name':'a','state':{'terminated':"
                    "{'exitCode':0,'startedAt':'2026-12-02T10:00:05Z',"
                    "'finishedAt':'2026-12-02T10:00:04Z'}}}]");
    assert_int_equal(s.end.stopped_at_ms, AT_5S);
}

static void the_first_failure_in_the_order_of_the_job_counts(void **state)
{
    /* The kubelet sorts by name; the job has b first. */
    k8s_status s = read_status("'phase':'Failed','containerStatuses':[" DONE(
        "a", 3, "Error") "," DONE("b", 4, "Error") "]");
    assert_end(&s, true, 4, "Error");
    s = read_status("'phase':'Failed','containerStatuses':[" DONE("a", 3, "Error") "," DONE(
        "b", 0, "Completed") "]");
    assert_end(&s, true, 3, "Error");
    s = read_status("'phase':'Failed','initContainerStatuses':[" DONE(
        "i", 5, "Error") "],"
                         "'containerStatuses':[" WAITS("a", "PodInitializing", "") "]");
    assert_end(&s, true, 5, "Error");
    assert_int_equal(s.end.started_at_ms, 0);
}

static void lack_of_memory_is_told_as_ecs_tells_it(void **state)
{
    k8s_status s =
        read_status("'phase':'Failed','containerStatuses':[" DONE("a", 137, "OOMKilled") "]");
    assert_end(&s, true, 137, "OutOfMemoryError: Container killed due to memory usage");
    assert_true(s.end.oom);
}

#define START_ERROR                                                                                \
    "'phase':'Failed','containerStatuses':[{'name':'a','containerID':'" ID                         \
    "','state':{'terminated':{'exitCode':128,'reason':'StartError','message':'exec: no such "      \
    "file','startedAt':'1970-01-01T00:00:00Z','finishedAt':'2026-12-02T10:00:09Z'}}}]"

static void a_command_that_is_missing_did_not_start(void **state)
{
    k8s_status s = read_status(START_ERROR);
    assert_end(&s, false, 128, "CannotStartContainerError: exec: no such file");
}

/* The kubelet writes the same after it died while it started the container. */
static void a_start_error_of_what_ran_is_an_end(void **state)
{
    k8s_status s = read_pod("node-1", "", START_ERROR, (k8s_known){ .ran = true });
    assert_end(&s, true, 128, "CannotStartContainerError: exec: no such file");
}

/* Recorded from a kubelet that was killed. */
static void a_container_that_its_kubelet_did_not_finish_making_is_no_attempt(void **state)
{
    static const char status[] =
        "'phase':'Failed','containerStatuses':[{'name':'a','containerID':'" ID
        "','state':{'terminated':{'exitCode':128,'reason':'StartError','message':'failed to "
        "%s containerd task: failed to create shim task: context canceled: unknown',"
        "'startedAt':'1970-01-01T00:00:00Z','finishedAt':'2026-12-02T10:00:09Z'}}}]";
    char text[1024];
    (void)snprintf(text, sizeof(text), status, "create");
    k8s_status s = read_status(text);
    assert_end(&s, false, -1, NULL);
    s = read_pod("node-1", "", text, (k8s_known){ .ran = true });
    assert_true(s.end.started);
    (void)snprintf(text, sizeof(text), status, "start"); /* its command may have begun */
    s = read_status(text);
    assert_int_equal(s.end.exit_code, 128);
}

static void what_its_host_ends_is_told_apart_from_its_own_fault(void **state)
{
    static const char eviction[] =
        "'phase':'Failed','reason':'Evicted','message':'%s','conditions':"
        "[{'type':'DisruptionTarget','status':'True','reason':'TerminationByKubelet'}],"
        "'containerStatuses':[" DONE("a", 137, "Error") "]";
    char text[1024];
    (void)snprintf(text, sizeof(text), eviction, "The node was low on resource: memory. ");
    k8s_status s = read_status(text);
    assert_end(&s, true, -1, "Evicted: The node was low on resource: memory. ");
    assert_true(s.end.host_ended);
    (void)snprintf(text, sizeof(text), eviction, "Pod ephemeral local storage usage exceeds 1Mi");
    s = read_status(text);
    assert_end(&s, true, -1, "Evicted: Pod ephemeral local storage usage exceeds 1Mi");
    assert_false(s.end.host_ended);
    s = read_status(
        "'phase':'Failed','reason':'NodeShutdown','message':'m','containerStatuses':[" WAITS(
            "a", "ContainerCreating", "") "]");
    assert_end(&s, false, -1, NULL);
}

/* Its containers may have begun on the node, and may run on. */
static void a_pod_whose_node_is_gone_may_have_run(void **state)
{
    k8s_status s = read_status(
        "'phase':'Failed','message':'PodGC: node no longer exists','conditions':[{'type':"
        "'DisruptionTarget','status':'True','reason':'DeletionByPodGC'}],"
        "'containerStatuses':[" WAITS("a", "ContainerCreating", "") "]");
    assert_end(&s, true, -1, "Deleted: PodGC: node no longer exists");
    assert_true(s.end.host_ended);
    s = read_status("'phase':'Failed','conditions':[{'type':'DisruptionTarget','status':'True',"
                    "'reason':'DeletionByPodGC'}],'containerStatuses':[" RUNS("a") "]");
    assert_end(&s, true, -1, "Deleted: the pod was deleted");
}

static void a_refusal_of_the_kubelet_for_want_of_space_is_no_attempt(void **state)
{
    k8s_status s = read_status("'phase':'Failed','reason':'OutOfcpu','message':'Pod was rejected: "
                               "Node did not have enough resource: cpu'");
    assert_end(&s, false, -1, NULL);
    s = read_status("'phase':'Failed','reason':'SysctlForbidden','message':'forbidden sysctl'");
    assert_end(&s, false, -1, "CannotStartContainerError: forbidden sysctl");
}

static void a_deletion_by_others_is_the_hosts_and_ours_is_a_stop(void **state)
{
    static const char deleted[] = "'deletionTimestamp':'2026-12-02T10:00:00Z'";
    static const char killed[] =
        "'phase':'Failed','containerStatuses':[" DONE("a", 137, "Error") "]";
    k8s_status s = read_pod("node-1", deleted, killed, (k8s_known){ .ran = true });
    assert_end(&s, true, -1, "Deleted: the pod was deleted");
    assert_true(s.end.host_ended);
    s = read_pod("node-1", deleted, killed, (k8s_known){ .ran = true, .stopped = true });
    assert_end(&s, true, 137, "Error");
    assert_false(s.end.host_ended);
    /* One that answers SIGTERM by ending well has ended well. */
    s = read_pod("node-1", deleted,
                 "'phase':'Succeeded','containerStatuses':[" DONE("a", 0, "Completed") "]",
                 (k8s_known){ .ran = true });
    assert_end(&s, true, 0, "Completed");
    /* No node has it, and none will. */
    s = read_pod(NULL, deleted, "'phase':'Pending'", (k8s_known){ .stopped = true });
    assert_end(&s, false, -1, NULL);
    /* A kubelet has it, and has not said how it ended. */
    s = read_pod("node-1", deleted, "'phase':'Pending'", (k8s_known){ .stopped = true });
    assert_int_equal(s.stage, K8S_PENDING);
}

static void what_was_never_made_has_not_run_and_what_is_lost_has(void **state)
{
    static const char deleted[] = "'deletionTimestamp':'2026-12-02T10:00:00Z'";
    k8s_status s = read_pod("node-1", deleted,
                            "'phase':'Failed','containerStatuses':[{'name':'a','state':"
                            "{'terminated':{'exitCode':137,'reason':'ContainerStatusUnknown',"
                            "'message':'not located'}}}]",
                            (k8s_known){ .stopped = true });
    assert_end(&s, false, -1, NULL);
    s = read_status("'phase':'Failed','containerStatuses':[{'name':'a','containerID':'" ID
                    "','state':{'terminated':{'exitCode':137,'reason':'ContainerStatusUnknown',"
                    "'message':'not located'}}}]");
    assert_end(&s, true, -1, "CannotInspectContainerError: not located");
}

static void assert_wait(const char *node, const char *status, k8s_wait wait, const char *why)
{
    k8s_status s = read_pod(node, "", status, (k8s_known){ 0 });
    assert_int_equal(s.stage, K8S_PENDING);
    assert_int_equal(s.wait, wait);
    assert_string_equal(s.why, why);
}

#define UNSCHEDULABLE(message)                                                                     \
    "'phase':'Pending','conditions':[{'type':'PodScheduled','status':'False','reason':"            \
    "'Unschedulable','message':'" message "'}]"
#define WAITING(reason, message)                                                                   \
    "'phase':'Pending','containerStatuses':[" WAITS("a", reason, message) "]"

static void a_pod_that_does_not_begin_says_why(void **state)
{
    assert_wait(NULL, "'phase':'Pending'", K8S_WAIT_NONE, "");
    assert_wait(NULL, UNSCHEDULABLE("0/1 nodes are available: 1 Insufficient cpu."), K8S_WAIT_SPACE,
                "0/1 nodes are available: 1 Insufficient cpu.");
    assert_wait(NULL, UNSCHEDULABLE("pod has unbound immediate PersistentVolumeClaims"),
                K8S_WAIT_PARTS,
                "CannotCreateContainerError: pod has unbound immediate PersistentVolumeClaims");
    assert_wait("n", WAITING("ImagePullBackOff", "Back-off pulling"), K8S_WAIT_PULL,
                "CannotPullContainerError: Back-off pulling");
    assert_wait("n", WAITING("InvalidImageName", "bad"), K8S_WAIT_NEVER,
                "CannotPullContainerError: bad");
    assert_wait("n", WAITING("CreateContainerConfigError", "secret not found"), K8S_WAIT_CREATE,
                "CannotCreateContainerError: secret not found");
    assert_wait("n", WAITING("ContainerCreating", ""), K8S_WAIT_NONE, "");
    /* Volumes come before images. */
    assert_wait("n",
                "'phase':'Pending','conditions':[{'type':'PodReadyToStartContainers','status':"
                "'False'}],'containerStatuses':[" WAITS("a", "ContainerCreating", "") "]",
                K8S_WAIT_PARTS,
                "CannotCreateContainerError: the pod's volumes or its network are not ready");
}

static void a_claim_that_does_not_exist_is_not_waited_for(void **state)
{
    json_auto_t *pod =
        json_pack("{s:{s:s, s:[{s:s, s:s, s:s}]}}", "status", "phase", "Pending", "conditions",
                  "type", "PodScheduled", "status", "False", "message",
                  "0/1 nodes are available: persistentvolumeclaim \"data\" not found.");
    k8s_status s;
    k8s_status_read(pod, &(k8s_known){ 0 }, &s);
    assert_int_equal(s.wait, K8S_WAIT_NEVER);
    assert_string_equal(s.why, "CannotCreateContainerError: 0/1 nodes are available: "
                               "persistentvolumeclaim \"data\" not found.");
}

static void a_pod_of_nonsense_says_nothing(void **state)
{
    static const char *const texts[] = {
        "{}",
        "{'status':[],'spec':3,'metadata':'x'}",
        "{'status':{'phase':7,'containerStatuses':{},'conditions':[1,null]}}",
        ("{'status':{'phase':'Running','containerStatuses':[{'state':[]},3,{'state':{'running':1}}]"
         "}}"),
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        json_auto_t *pod = parse(texts[i]);
        k8s_status s;
        k8s_status_read(pod, &(k8s_known){ 0 }, &s);
        assert_int_not_equal(s.stage, K8S_ENDED);
        json_auto_t *report = k8s_report_make(pod);
        assert_non_null(report);
    }
    k8s_status s = read_status("'phase':'Failed','containerStatuses':[{'name':'a','state':"
                               "{'terminated':{'exitCode':99999999999}}}]");
    assert_end(&s, true, -1, "Error");
}

/* ---- reports ---- */

static void a_report_has_what_describe_jobs_shows(void **state)
{
    json_auto_t *pod =
        parse("{'metadata':{'name':'p','namespace':'ns'},'spec':{'nodeName':'n',"
              "'initContainers':[{'name':'i'}],'containers':[{'name':'b'},{'name':'a'}]},"
              "'status':{'initContainerStatuses':[" WAITS(
                  "i", "x", "") "],"
                                "'containerStatuses':[" DONE("a", 3, "Error") "," RUNS("b") "]}}");
    json_auto_t *report = k8s_report_make(pod);
    assert_json(report, "{'name':'p','namespace':'ns','node':'n','containers':["
                        "{'name':'b','containerID':'" ID "'},"
                        "{'name':'a','containerID':'" ID "','exitCode':3,'reason':'Error'}]}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_runs_when_a_container_of_the_job_does),
        cmocka_unit_test(success_is_the_phase_and_its_times_are_in_order),
        cmocka_unit_test(the_first_failure_in_the_order_of_the_job_counts),
        cmocka_unit_test(lack_of_memory_is_told_as_ecs_tells_it),
        cmocka_unit_test(a_command_that_is_missing_did_not_start),
        cmocka_unit_test(a_start_error_of_what_ran_is_an_end),
        cmocka_unit_test(a_container_that_its_kubelet_did_not_finish_making_is_no_attempt),
        cmocka_unit_test(what_its_host_ends_is_told_apart_from_its_own_fault),
        cmocka_unit_test(a_pod_whose_node_is_gone_may_have_run),
        cmocka_unit_test(a_refusal_of_the_kubelet_for_want_of_space_is_no_attempt),
        cmocka_unit_test(a_deletion_by_others_is_the_hosts_and_ours_is_a_stop),
        cmocka_unit_test(what_was_never_made_has_not_run_and_what_is_lost_has),
        cmocka_unit_test(a_pod_that_does_not_begin_says_why),
        cmocka_unit_test(a_claim_that_does_not_exist_is_not_waited_for),
        cmocka_unit_test(a_pod_of_nonsense_says_nothing),
        cmocka_unit_test(a_report_has_what_describe_jobs_shows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
