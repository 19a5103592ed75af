/* From specs to pods. */
#include "quoted.h"

#include "ob/id.h"
#include "ob/message.h"
#include "runtimes/kubernetes/k8s_name.h"
#include "runtimes/kubernetes/k8s_pod.h"

#define JOB "018f0000-0000-7000-8000-00000000000a"

static const k8s_place place = { .instance = "i-0123456789abcdef0",
                                 .ce = "own",
                                 .ce_uuid = "0f5a",
                                 .name_space = "batch-jobs",
                                 .node = "node-1",
                                 .node_uid = "uid-1" };

static json_t *make_run(const char *eks, const char *run, const char *more)
{
    ob_cleanup(ob_freep) char *text =
        ob_strf("{'queue':'arn:aws:batch:r:1:job-queue/q','ce':'arn:aws:batch:r:1:"
                "compute-environment/c'%s,'eks':%s}",
                more, eks);
    json_auto_t *spec = parse(text);
    json_t *pod = NULL;
    ob_run_ref ref;
    assert_true(ob_run_ref_parse(run, &ref));
    assert_int_equal(k8s_pod_make(&place, &ref, 2, spec, &pod, NULL), 0);
    return pod;
}

static json_t *make(const char *eks)
{
    return make_run(eks, JOB "/3", "");
}

static const json_t *in(const json_t *pod, const char *object, const char *member)
{
    return json_object_get(json_object_get(pod, object), member);
}

static const json_t *container_of(const json_t *pod, const char *list, size_t i)
{
    return json_array_get(in(pod, "spec", list), i);
}

static const char *env_of(const json_t *container, const char *name)
{
    size_t i;
    const json_t *pair;
    json_array_foreach(json_object_get(container, "env"), i, pair)
    {
        if (strcmp(ob_json_str(pair, "name", ""), name) == 0)
            return ob_json_str(pair, "value", NULL);
    }
    return NULL;
}

static void a_pod_says_whose_it_is_and_stays_on_its_node(void **state)
{
    json_auto_t *pod = make("{'containers':[{'image':'busybox'}],'hostNetwork':true,"
                            "'metadata':{'labels':{'team':'a'},'annotations':{'why':'b'}}}");
    assert_json(json_object_get(pod, "metadata"),
                "{'name':'aws-batch.71d50514-02a3-5f18-a535-994a8710305b',"
                "'namespace':'batch-jobs','finalizers':['openbatch.io/run'],"
                "'annotations':{'why':'b','openbatch.io/run':'" JOB "/3'},"
                "'labels':{'team':'a','openbatch.io/instance':'i-0123456789abcdef0',"
                "'batch.amazonaws.com/compute-environment-uuid':'0f5a',"
                "'batch.amazonaws.com/node-uid':'uid-1',"
                "'batch.amazonaws.com/job-id':'" JOB "'}}");
    json_auto_t *spec = json_deep_copy(json_object_get(pod, "spec"));
    (void)json_object_del(spec, "containers");
    assert_json(spec,
                "{'restartPolicy':'Never','terminationGracePeriodSeconds':30,"
                "'enableServiceLinks':false,'automountServiceAccountToken':false,"
                "'hostNetwork':true,'dnsPolicy':'ClusterFirstWithHostNet',"
                "'tolerations':[{'key':'batch.amazonaws.com/batch-node','operator':'Exists'}],"
                "'affinity':{'nodeAffinity':{'requiredDuringSchedulingIgnoredDuringExecution':"
                "{'nodeSelectorTerms':[{'matchFields':[{'key':'metadata.name','operator':'In',"
                "'values':['node-1']}]}]}}}}");
}

static void a_run_has_one_name_and_another_run_another(void **state)
{
    char name[K8S_NAME_TEXT], again[K8S_NAME_TEXT], other[K8S_NAME_TEXT];
    k8s_pod_name(JOB ":4/1", name);
    k8s_pod_name(JOB ":4/1", again);
    k8s_pod_name(JOB ":4/2", other);
    assert_string_equal(name, again);
    assert_string_not_equal(name, other);
}

static void a_child_has_its_index_in_label_and_environment(void **state)
{
    json_auto_t *pod =
        make_run("{'containers':[{'image':'i'}]}", JOB ":7/1", ",'arraySize':9,'trace':true");
    const json_t *container = container_of(pod, "containers", 0);
    assert_json(json_object_get(in(pod, "metadata", "labels"), "batch.amazonaws.com/job-id"),
                "'" JOB ".7'");
    assert_string_equal(env_of(container, "AWS_BATCH_JOB_ID"), JOB ":7");
    assert_string_equal(env_of(container, "AWS_BATCH_JOB_ARRAY_INDEX"), "7");
    assert_string_equal(env_of(container, "AWS_BATCH_JOB_ARRAY_SIZE"), "9");
    assert_non_null(env_of(container, "TRACEPARENT"));
}

static void all_containers_get_what_the_job_says_and_our_variables_first(void **state)
{
    json_auto_t *pod =
        make("{'containers':[{'image':'a','name':'Default','command':['$(X)','$$(X)'],'args':['y'],"
             "'env':[{'name':'X','value':'$(AWS_BATCH_JOB_ID)'}],'imagePullPolicy':'Never',"
             "'resources':{'limits':{'cpu':'1','memory':'64Mi'}},"
             "'volumeMounts':[{'name':'v','mountPath':'/v'}],'securityContext':{'runAsUser':5}},"
             "{'image':'b','name':'side'}],'initContainers':[{'image':'c','name':'first'}],"
             "'volumes':[{'name':'v','emptyDir':{}}],'hostNetwork':false,'serviceAccountName':'sa',"
             "'imagePullSecrets':[{'name':'s'}],'shareProcessNamespace':true,"
             "'securityContext':{'fsGroup':3}}");
    json_auto_t *first = json_deep_copy(container_of(pod, "containers", 0));
    assert_json(json_array_get(json_object_get(first, "env"), 0),
                "{'name':'AWS_BATCH_JOB_ID','value':'" JOB "'}");
    assert_string_equal(env_of(first, "AWS_BATCH_JOB_ATTEMPT"), "2");
    assert_string_equal(env_of(first, "AWS_BATCH_CE_NAME"), "c");
    assert_string_equal(env_of(first, "AWS_BATCH_JQ_NAME"), "q");
    assert_string_equal(env_of(first, "AWS_BATCH_JOB_KUBERNETES_NODE_UID"), "uid-1");
    assert_string_equal(env_of(first, "X"), "$(AWS_BATCH_JOB_ID)");
    assert_null(env_of(first, "TRACEPARENT"));
    (void)json_object_del(first, "env");
    assert_json(first, "{'image':'a','name':'default','command':['$(X)','$$(X)'],'args':['y'],"
                       "'imagePullPolicy':'Never','resources':{'limits':{'cpu':'1',"
                       "'memory':'64Mi'}},'volumeMounts':[{'name':'v','mountPath':'/v'}],"
                       "'securityContext':{'runAsUser':5}}");
    assert_non_null(env_of(container_of(pod, "containers", 1), "AWS_BATCH_JOB_ID"));
    assert_non_null(env_of(container_of(pod, "initContainers", 0), "AWS_BATCH_JOB_ID"));
    assert_json(in(pod, "spec", "hostNetwork"), "false");
    assert_null(in(pod, "spec", "dnsPolicy"));
    assert_null(in(pod, "spec", "automountServiceAccountToken"));
    assert_json(in(pod, "spec", "volumes"), "[{'name':'v','emptyDir':{}}]");
    assert_json(in(pod, "spec", "imagePullSecrets"), "[{'name':'s'}]");
    assert_json(in(pod, "spec", "shareProcessNamespace"), "true");
    assert_json(in(pod, "spec", "securityContext"), "{'fsGroup':3}");
}

static void a_job_may_name_another_namespace(void **state)
{
    json_auto_t *pod = make("{'containers':[{'image':'i'}],'metadata':{'namespace':'other'}}");
    assert_json(in(pod, "metadata", "namespace"), "'other'");
}

static void a_job_of_another_kind_is_refused(void **state)
{
    json_auto_t *spec = parse("{'container':{'image':'i'}}");
    json_t *pod = NULL;
    ob_run_ref ref;
    ob_error err = { 0 };
    assert_true(ob_run_ref_parse(JOB "/1", &ref));
    assert_int_equal(k8s_pod_make(&place, &ref, 1, spec, &pod, &err), -EINVAL);
    assert_string_equal(err.text, "the job describes no pod");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pod_says_whose_it_is_and_stays_on_its_node),
        cmocka_unit_test(a_run_has_one_name_and_another_run_another),
        cmocka_unit_test(a_child_has_its_index_in_label_and_environment),
        cmocka_unit_test(all_containers_get_what_the_job_says_and_our_variables_first),
        cmocka_unit_test(a_job_may_name_another_namespace),
        cmocka_unit_test(a_job_of_another_kind_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
