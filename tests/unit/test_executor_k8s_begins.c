/* How runs become pods, whatever becomes of the requests; which pods are theirs, and how long
 * a pod may wait. */
#include "k8s_world.h"

#include "ob/json.h"
#include "ob/message.h"

#define T(s) "2026-12-02T10:00:0" s "Z "

/* ---- the usual ---- */

static void a_run_is_a_pod_from_its_beginning_to_its_removal(void **state)
{
    world *w = *state;
    w->log = T("6") "hello\n" T("7") "bye\n";
    run_one(w);
    assert_true(w->intent_on_disk);
    assert_int_equal(w->started_at_ms, 1796205605000);
    ends_with(w, RUN, 3);
    assert_end(w, true, 3, "Error");
    assert_false(w->end.host_ended);
    assert_output(w, "[hello][bye]");
    assert_true(w->output_over);
    assert_int_equal(json_integer_value(json_object_get(
                         json_array_get(json_object_get(w->pod, "containers"), 0), "exitCode")),
                     3);
    assert_non_null(pod_of(w, RUN)); /* the record of its end */
    remove_run(w);
    assert_null(pod_of(w, RUN));
    assert_int_equal(w->removed, 1);
    assert_int_equal(w->posts, 1);
}

static void a_short_run_is_read_once(void **state)
{
    world *w = *state;
    w->log = T("6") "hello\n";
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
    assert_int_equal(w->log_gets, 1);
    assert_output(w, "[hello]");
}

/* ---- creation ---- */

#define ENDED(code)                                                                                \
    "{'phase':'Failed','containerStatuses':[{'name':'default','state':{'terminated':{"             \
    "'exitCode':" code ",'reason':'Error','startedAt':'2026-12-02T10:00:05Z',"                     \
    "'finishedAt':'2026-12-02T10:00:06Z'}}}]}"

static void a_pod_that_ends_before_its_creation_is_answered_has_ended(void **state)
{
    world *w = *state;
    w->meanwhile = ENDED("7");
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    assert_end(w, true, 7, "Error");
}

static void a_pod_that_ends_before_a_question_about_it_is_answered_has_ended(void **state)
{
    world *w = *state;
    w->lost = 1; /* so it is asked for */
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    w->meanwhile = ENDED("7");
    pass_ms(w, 1000);
    assert_int_equal(w->gets, 1);
    assert_end(w, true, 7, "Error");
}

static void a_creation_whose_answer_is_lost_is_found_again(void **state)
{
    world *w = *state;
    w->lost = 1;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    assert_int_equal(w->posts, 1);
    assert_int_equal(w->ends, 0);
    pass_ms(w, 1000);
    assert_int_equal(w->posts, 2);
    assert_int_equal(w->ends, 0);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void a_creation_that_was_lost_whole_is_sent_again(void **state)
{
    world *w = *state;
    w->lost = 3;
    w->lost_whole = true;
    assert_int_equal(start_run(w, RUN), 0);
    pass_ms(w, 5000);
    assert_int_equal(w->posts, 4);
    assert_non_null(pod_of(w, RUN));
    assert_int_equal(w->ends, 0);
}

/* It may be carried out, so it is made, and ended. */
static void a_stop_of_a_creation_without_an_answer_waits_for_one(void **state)
{
    world *w = *state;
    w->lost = 1;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    w->rt->ops->stop(w->rt, RUN, 10);
    turn(w);
    assert_int_equal(w->ends, 0);
    pass_ms(w, 1000);
    assert_int_equal(w->deletes, 1);
    assert_end(w, false, -1, ""); /* no node had it */
}

static void a_stop_before_anything_was_asked_gives_the_run_back(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    w->rt->ops->stop(w->rt, RUN, 10);
    turn(w);
    assert_end(w, false, -1, "");
    assert_int_equal(w->posts, 0);
    remove_run(w);
    assert_int_equal(w->removed, 1);
    assert_int_equal(w->gets, 0);
}

static void a_pod_that_is_refused_is_its_jobs_fault(void **state)
{
    world *w = *state;
    w->refused = 422;
    w->refusal = "Pod \"p\" is invalid: spec.volumes: no";
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    assert_end(w, false, -1, "CannotCreateContainerError: Pod \"p\" is invalid: spec.volumes: no");
    assert_string_equal(w->unwell, "");
}

/* An earlier creation may have been carried out before its refusal. */
static void a_refusal_after_a_lost_creation_proves_nothing(void **state)
{
    world *w = *state;
    w->lost = 1;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    json_t *pod = json_incref(pod_of(w, RUN));
    (void)json_object_clear(w->pods); /* on its way */
    w->refused = 403;
    w->refusal = "pods \"p\" is forbidden: no";
    pass_ms(w, 4000);
    assert_int_equal(w->ends, 0);
    (void)json_object_set_new(
        w->pods, json_string_value(json_object_get(json_object_get(pod, "metadata"), "name")), pod);
    pass_ms(w, 20000);
    assert_int_equal(w->ends, 0);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void a_refusal_after_a_creation_that_must_be_over_counts(void **state)
{
    world *w = *state;
    w->lost = 1;
    w->lost_whole = true;
    w->refused = 403;
    w->refusal = "pods \"p\" is forbidden: no";
    assert_int_equal(start_run(w, RUN), 0);
    pass_ms(w, 30000);
    assert_int_equal(w->ends, 0);
    pass_ms(w, 60000);
    assert_end(w, false, -1, "CannotCreateContainerError: pods \"p\" is forbidden: no");
}

static void a_quota_gives_back_one_run_after_a_while(void **state)
{
    world *w = *state;
    w->refused = 403;
    w->refusal = "pods \"p\" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=4, "
                 "limited: cpu=4";
    assert_int_equal(start_run(w, RUN), 0);
    pass_ms(w, 30000);
    assert_int_equal(w->ends, 0);
    pass_ms(w, 40000);
    assert_end(w, false, -1, "");
    assert_int_equal(w->unwell_told, 0);
}

/* The timer is for the earliest time of all runs. */
static void each_run_wakes_at_its_own_time(void **state)
{
    world *w = *state;
    w->refused = 403;
    w->refusal = "pods \"p\" is forbidden: exceeded quota: q, requested: cpu=1, used: cpu=4, "
                 "limited: cpu=4";
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    w->refused = 0;
    w->lost = 1; /* the next waits shorter */
    assert_int_equal(start_run(w, OTHER_RUN), 0);
    pass_ms(w, 4000);
    assert_null(pod_of(w, RUN));
    pass_ms(w, 6000);
    assert_non_null(pod_of(w, RUN));
}

static void a_right_that_is_missing_makes_the_instance_unwell_for_a_while(void **state)
{
    world *w = *state;
    w->refused = 403;
    w->refusal = "pods is forbidden: User \"u\" cannot create resource \"pods\"";
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    assert_end(w, false, -1, "");
    assert_string_equal(w->unwell, w->refusal);
    assert_int_equal(start_run(w, OTHER_RUN), -EBUSY);
    w->refused = 0;
    pass_ms(w, 11000);
    assert_string_equal(w->unwell, "");
    assert_int_equal(start_run(w, OTHER_RUN), 0);
}

/* ---- a name that is taken ---- */

static void a_pod_of_a_former_copy_is_adopted_if_its_node_is_ours(void **state)
{
    world *w = *state;
    (void)plant(w, RUN, "i-0000000000000000f", "node-uid-1");
    run_one(w);
    assert_int_equal(w->patches, 1); /* it gets our label */
    ends_with(w, RUN, 4);
    assert_end(w, true, 4, "Error");
}

static void a_pod_on_another_node_may_run_there(void **state)
{
    world *w = *state;
    (void)plant(w, RUN, "i-0000000000000000f", "node-uid-2");
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    assert_end(w, true, -1,
               "CannotInspectContainerError: this run already has a pod, on another "
               "node");
}

static void a_pod_of_another_run_is_left_alone(void **state)
{
    world *w = *state;
    json_t *pod = plant(w, RUN, "i-0000000000000000f", "node-uid-1");
    (void)json_object_clear(json_object_get(json_object_get(pod, "metadata"), "annotations"));
    (void)json_object_del(json_object_get(pod, "metadata"), "finalizers");
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    assert_end(w, false, -1,
               "CannotCreateContainerError: there is a pod of this run's name that is "
               "not this run's");
    remove_run(w);
    assert_int_equal(w->removed, 1);
    assert_int_equal(w->deletes + w->patches, 0);
}

/* ---- waits ---- */

static void lack_space(world *w)
{
    json_t *pod = pod_of(w, RUN);
    (void)json_object_set_new(pod, "status",
                              json_pack("{s:s, s:[{s:s, s:s, s:s}]}", "phase", "Pending",
                                        "conditions", "type", "PodScheduled", "status", "False",
                                        "message", "no cpu"));
    relist(w);
}

static void a_pod_without_space_is_given_back(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    lack_space(w);
    pass_ms(w, 9000);
    assert_int_equal(w->ends, 0);
    pass_ms(w, 2000);
    assert_end(w, false, -1, "");
    assert_int_equal(w->deletes, 1);
    remove_run(w);
    assert_null(pod_of(w, RUN));
}

/* The space came while it was taken back. */
static void a_pod_that_got_space_at_last_goes_on(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    lack_space(w);
    w->deaf = true;
    set_status(w, RUN, "{'phase':'Pending'}");
    w->deaf = false;
    pass_ms(w, 11000);
    assert_int_equal(w->deletes, 1);
    assert_null(json_object_get(json_object_get(pod_of(w, RUN), "metadata"), "deletionTimestamp"));
    assert_int_equal(w->ends, 0);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void an_image_that_does_not_come_ends_the_attempt(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    set_status(w, RUN,
               "{'phase':'Pending','containerStatuses':[{'name':'default','state':{"
               "'waiting':{'reason':'ErrImagePull','message':'no such image'}}}]}");
    pass_ms(w, 200000);
    set_status(w, RUN,
               "{'phase':'Pending','containerStatuses':[{'name':'default','state':{"
               "'waiting':{'reason':'ImagePullBackOff','message':'back-off'}}}]}");
    assert_int_equal(w->ends, 0);
    pass_ms(w, 110000);
    assert_int_equal(w->deletes, 1);
    assert_int_equal(w->ends, 0); /* the kubelet says when */
    set_status(w, RUN,
               "{'phase':'Failed','containerStatuses':[{'name':'default','state':{"
               "'terminated':{'reason':'ContainerStatusUnknown','exitCode':137}}}]}");
    assert_end(w, false, -1, "CannotPullContainerError: back-off");
}

static void a_volume_that_is_missing_ends_the_attempt(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    set_status(w, RUN,
               "{'phase':'Pending','conditions':[{'type':'PodReadyToStartContainers',"
               "'status':'False'}],'containerStatuses':[{'name':'default','state':{"
               "'waiting':{'reason':'ContainerCreating'}}}]}");
    pass_ms(w, 119000);
    assert_int_equal(w->deletes, 0);
    pass_ms(w, 2000);
    assert_int_equal(w->deletes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_run_is_a_pod_from_its_beginning_to_its_removal),
        IN_WORLD(a_short_run_is_read_once),
        IN_WORLD(a_pod_that_ends_before_its_creation_is_answered_has_ended),
        IN_WORLD(a_pod_that_ends_before_a_question_about_it_is_answered_has_ended),
        IN_WORLD(a_creation_whose_answer_is_lost_is_found_again),
        IN_WORLD(a_creation_that_was_lost_whole_is_sent_again),
        IN_WORLD(a_stop_of_a_creation_without_an_answer_waits_for_one),
        IN_WORLD(a_stop_before_anything_was_asked_gives_the_run_back),
        IN_WORLD(a_pod_that_is_refused_is_its_jobs_fault),
        IN_WORLD(a_refusal_after_a_lost_creation_proves_nothing),
        IN_WORLD(a_refusal_after_a_creation_that_must_be_over_counts),
        IN_WORLD(a_quota_gives_back_one_run_after_a_while),
        IN_WORLD(each_run_wakes_at_its_own_time),
        IN_WORLD(a_right_that_is_missing_makes_the_instance_unwell_for_a_while),
        IN_WORLD(a_pod_of_a_former_copy_is_adopted_if_its_node_is_ours),
        IN_WORLD(a_pod_on_another_node_may_run_there),
        IN_WORLD(a_pod_of_another_run_is_left_alone),
        IN_WORLD(a_pod_without_space_is_given_back),
        IN_WORLD(a_pod_that_got_space_at_last_goes_on),
        IN_WORLD(an_image_that_does_not_come_ends_the_attempt),
        IN_WORLD(a_volume_that_is_missing_ends_the_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
