/* How runs become pods, and what becomes of them, whatever happens to requests, pods and this
 * process. */
#include "k8s_world.h"

#include "ob/json.h"
#include "ob/message.h"

#define T(s) "2026-12-02T10:00:0" s "Z "

static void assert_end(const world *w, bool started, int code, const char *reason)
{
    assert_int_equal(w->ends, 1);
    assert_int_equal(w->end.started, started);
    assert_int_equal(w->end.exit_code, code);
    assert_string_equal(w->reason, reason);
}

static void assert_output(world *w, const char *text)
{
    assert_string_equal(w->output.len > 0 ? w->output.at : "", text);
}

static void remove_run(world *w)
{
    w->rt->ops->remove(w->rt, RUN);
    turn(w);
}

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

/* ---- stops ---- */

static void a_stop_deletes_and_its_end_is_the_containers(void **state)
{
    world *w = *state;
    run_one(w);
    w->rt->ops->stop(w->rt, RUN, 30);
    turn(w);
    assert_int_equal(w->deletes, 1);
    assert_int_equal(w->grace_s, 30);
    w->rt->ops->stop(w->rt, RUN, 60); /* no shorter */
    turn(w);
    assert_int_equal(w->deletes, 1);
    w->rt->ops->stop(w->rt, RUN, 0);
    turn(w);
    assert_int_equal(w->deletes, 2);
    assert_int_equal(w->grace_s, 1); /* 0 would forget what may run */
    ends_with(w, RUN, 137);
    assert_end(w, true, 137, "Error");
    assert_false(w->end.host_ended);
}

static void a_stop_whose_answer_is_lost_is_sent_again(void **state)
{
    world *w = *state;
    run_one(w);
    w->lost = 2;
    w->lost_method = "DELETE";
    w->lost_whole = true;
    w->rt->ops->stop(w->rt, RUN, 30);
    pass_ms(w, 5000);
    assert_int_equal(w->deletes, 1);
    assert_non_null(
        json_object_get(json_object_get(pod_of(w, RUN), "metadata"), "deletionTimestamp"));
}

static void a_restart_knows_that_the_deletion_was_ours(void **state)
{
    world *w = *state;
    run_one(w);
    spool_set(w->spool, RUN, "running", json_integer(1), false);
    w->rt->ops->stop(w->rt, RUN, 30);
    turn(w);
    restart(w);
    ends_with(w, RUN, 137);
    assert_end(w, true, 137, "Error");
    assert_false(w->end.host_ended);
}

/* ---- what others do ---- */

static void a_label_that_is_taken_off_ends_nothing_and_comes_back(void **state)
{
    world *w = *state;
    run_one(w);
    take_label(w, RUN);
    assert_int_equal(w->ends, 0);
    assert_int_equal(w->patches, 1);
    assert_int_equal(w->running, 1);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void refuse(world *w, const char *method, int status)
{
    w->change_refused = status;
    w->change_method = method;
}

static void a_label_that_is_refused_is_tried_rarely_and_hides_no_end(void **state)
{
    static const int statuses[] = { 403, 404, 422 };
    world *w = *state;
    run_one(w);
    refuse(w, "PATCH", 403);
    take_label(w, RUN);
    for (size_t i = 0; i < ARRAY_SIZE(statuses); i++) {
        refuse(w, "PATCH", statuses[i]);
        int before = w->patches;
        pass_ms(w, 20000);
        assert_in_range(w->patches - before, 2, 5);
    }
    ends_with(w, RUN, 6);
    pass_ms(w, 6000);
    assert_end(w, true, 6, "Error");
    refuse(w, "PATCH", 0);
    pass_ms(w, 6000);
    int before = w->patches;
    pass_ms(w, 60000);
    assert_int_equal(w->patches, before);
}

static void a_pod_that_is_gone_is_the_hosts_end_and_never_a_success(void **state)
{
    world *w = *state;
    run_one(w);
    strip(w, RUN);
    assert_end(w, true, -1, "Deleted: the pod was removed before its end was known");
    assert_true(w->end.host_ended);
    assert_true(w->output_over);
    remove_run(w);
    assert_int_equal(w->removed, 1);
}

static void a_pod_that_was_made_again_by_another_is_not_ours(void **state)
{
    world *w = *state;
    run_one(w);
    w->deaf = true;
    strip(w, RUN);
    (void)plant(w, RUN, INSTANCE, "node-uid-1");
    w->deaf = false;
    relist(w);
    assert_end(w, true, -1, "Deleted: the pod was removed before its end was known");
}

static void a_pod_deleted_by_hand_ends_with_its_host(void **state)
{
    world *w = *state;
    run_one(w);
    delete_by_hand(w, RUN);
    assert_int_equal(w->ends, 0);
    ends_with(w, RUN, 137);
    assert_end(w, true, -1, "Deleted: the pod was deleted");
    assert_true(w->end.host_ended);
}

static void pods_that_are_none_of_ours_are_left_alone(void **state)
{
    world *w = *state;
    json_t *pod = plant(w, RUN, INSTANCE, "node-uid-1");
    w->found = 0;
    (void)json_object_set_new(json_object_get(json_object_get(pod, "metadata"), "annotations"),
                              "openbatch.io/run", json_string(OTHER_RUN));
    restart(w);
    assert_int_equal(w->found, 0);
    assert_int_equal(w->deletes, 0);
}

/* ---- restarts ---- */

static void a_restart_goes_on_with_its_pods(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    run_one(w);
    restart(w);
    assert_int_equal(w->found, 1);
    assert_int_equal(w->listed, 1);
    ends_with(w, RUN, 5);
    assert_end(w, true, 5, "Error");
    assert_output(w, "[a]");
}

/* Its label is off, so no list has it; or its creation arrived after the list. */
static void a_restart_asks_for_what_no_list_has(void **state)
{
    world *w = *state;
    run_one(w);
    w->deaf = true;
    take_label(w, RUN);
    w->deaf = false;
    restart(w);
    assert_int_equal(w->found, 1);
    assert_int_equal(w->listed, 1);
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void a_restart_tells_of_the_list_when_all_is_known(void **state)
{
    world *w = *state;
    run_one(w);
    json_object_clear(w->pods);
    restart(w);
    assert_int_equal(w->found, 0);
    assert_int_equal(w->listed, 1);
    assert_true(w->gets > 0);
}

static void a_removal_goes_on_after_a_restart(void **state)
{
    world *w = *state;
    run_one(w);
    ends_with(w, RUN, 0);
    w->lost = 100;
    w->lost_whole = true;
    remove_run(w);
    assert_int_equal(w->removed, 0);
    w->adopt = false;
    w->lost = 0;
    restart(w);
    remove_run(w);
    assert_int_equal(w->removed, 1);
    assert_null(pod_of(w, RUN));
}

/* ---- removals and purges ---- */

static void a_pod_that_runs_keeps_its_finalizer_until_it_has_ended(void **state)
{
    world *w = *state;
    run_one(w);
    remove_run(w);
    assert_int_equal(w->deletes, 1);
    assert_int_equal(w->patches, 0);
    pass_ms(w, 60000);
    assert_int_equal(w->patches, 0);
    ends_with(w, RUN, 137);
    pass_ms(w, 6000);
    assert_null(pod_of(w, RUN));
    assert_int_equal(w->removed, 1);
}

static void finalizers_of_others_stay(void **state)
{
    world *w = *state;
    run_one(w);
    (void)json_array_append_new(
        json_object_get(json_object_get(pod_of(w, RUN), "metadata"), "finalizers"),
        json_string("example.com/other"));
    ends_with(w, RUN, 0);
    remove_run(w);
    assert_int_equal(
        json_array_size(json_object_get(json_object_get(pod_of(w, RUN), "metadata"), "finalizers")),
        1);
}

static void a_purge_ends_and_removes_all(void **state)
{
    world *w = *state;
    run_one(w);
    assert_int_equal(start_run(w, OTHER_RUN), 0);
    turn(w);
    purge(w);
    assert_false(w->is_purged); /* one runs */
    assert_null(pod_of(w, OTHER_RUN));
    ends_with(w, RUN, 137);
    pass_ms(w, 6000);
    assert_true(w->is_purged);
    assert_null(pod_of(w, RUN));
}

static void a_purge_of_nothing_is_done_at_once(void **state)
{
    world *w = *state;
    purge(w);
    assert_true(w->is_purged);
}

/* ---- output ---- */

static void output_is_followed_and_goes_on_after_a_cut(void **state)
{
    world *w = *state;
    w->log_open = true;
    w->log = T("6") "a\n" T("7") "b\n";
    run_one(w);
    pass_ms(w, 1000);
    assert_output(w, "[a][b]");
    assert_non_null(strstr(w->last_log, "follow=true"));
    assert_null(strstr(w->last_log, "sinceTime"));
    w->log = T("6") "a\n" T("7") "b\n" T("8") "c\n";
    say_log(w, w->log, true); /* the connection ends */
    pass_ms(w, 2000);
    assert_output(w, "[a][b][c]");
    assert_non_null(strstr(w->last_log, "sinceTime=2026-12-02T10%3A00%3A07Z"));
    assert_false(w->output_over);
    ends_with(w, RUN, 0);
    pass_ms(w, 2000);
    assert_output(w, "[a][b][c]");
    assert_true(w->output_over);
}

static void output_that_cannot_be_read_is_marked(void **state)
{
    world *w = *state;
    w->log_status = 403;
    run_one(w);
    ends_with(w, RUN, 0);
    pass_ms(w, 1000);
    assert_output(w, "[[OpenBatch: the rest of this output could not be read from Kubernetes: no "
                     "log]]");
    assert_true(w->output_over);
}

static void a_node_that_gives_no_output_any_more_is_given_up(void **state)
{
    world *w = *state;
    w->log_status = 500;
    run_one(w);
    pass_ms(w, 200000);
    assert_false(w->output_over); /* it runs */
    ends_with(w, RUN, 0);
    pass_ms(w, 80000);
    assert_true(w->output_over);
}

static void a_reader_with_enough_is_not_read_on(void **state)
{
    world *w = *state;
    w->log = T("6") "a\n";
    w->more = RUNTIME_ENOUGH;
    run_one(w);
    pass_ms(w, 1000);
    assert_true(w->output_over);
    int gets = w->log_gets;
    ends_with(w, RUN, 0);
    pass_ms(w, 5000);
    assert_int_equal(w->log_gets, gets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_run_is_a_pod_from_its_beginning_to_its_removal),
        IN_WORLD(a_short_run_is_read_once),
        IN_WORLD(a_creation_whose_answer_is_lost_is_found_again),
        IN_WORLD(a_creation_that_was_lost_whole_is_sent_again),
        IN_WORLD(a_stop_of_a_creation_without_an_answer_waits_for_one),
        IN_WORLD(a_stop_before_anything_was_asked_gives_the_run_back),
        IN_WORLD(a_pod_that_is_refused_is_its_jobs_fault),
        IN_WORLD(a_refusal_after_a_lost_creation_proves_nothing),
        IN_WORLD(a_refusal_after_a_creation_that_must_be_over_counts),
        IN_WORLD(a_quota_gives_back_one_run_after_a_while),
        IN_WORLD(a_right_that_is_missing_makes_the_instance_unwell_for_a_while),
        IN_WORLD(a_pod_of_a_former_copy_is_adopted_if_its_node_is_ours),
        IN_WORLD(a_pod_on_another_node_may_run_there),
        IN_WORLD(a_pod_of_another_run_is_left_alone),
        IN_WORLD(a_pod_without_space_is_given_back),
        IN_WORLD(a_pod_that_got_space_at_last_goes_on),
        IN_WORLD(an_image_that_does_not_come_ends_the_attempt),
        IN_WORLD(a_volume_that_is_missing_ends_the_attempt),
        IN_WORLD(a_stop_deletes_and_its_end_is_the_containers),
        IN_WORLD(a_stop_whose_answer_is_lost_is_sent_again),
        IN_WORLD(a_restart_knows_that_the_deletion_was_ours),
        IN_WORLD(a_label_that_is_taken_off_ends_nothing_and_comes_back),
        IN_WORLD(a_label_that_is_refused_is_tried_rarely_and_hides_no_end),
        IN_WORLD(a_pod_that_is_gone_is_the_hosts_end_and_never_a_success),
        IN_WORLD(a_pod_that_was_made_again_by_another_is_not_ours),
        IN_WORLD(a_pod_deleted_by_hand_ends_with_its_host),
        IN_WORLD(pods_that_are_none_of_ours_are_left_alone),
        IN_WORLD(a_restart_goes_on_with_its_pods),
        IN_WORLD(a_restart_asks_for_what_no_list_has),
        IN_WORLD(a_restart_tells_of_the_list_when_all_is_known),
        IN_WORLD(a_removal_goes_on_after_a_restart),
        IN_WORLD(a_pod_that_runs_keeps_its_finalizer_until_it_has_ended),
        IN_WORLD(finalizers_of_others_stay),
        IN_WORLD(a_purge_ends_and_removes_all),
        IN_WORLD(a_purge_of_nothing_is_done_at_once),
        IN_WORLD(output_is_followed_and_goes_on_after_a_cut),
        IN_WORLD(output_that_cannot_be_read_is_marked),
        IN_WORLD(a_node_that_gives_no_output_any_more_is_given_up),
        IN_WORLD(a_reader_with_enough_is_not_read_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
