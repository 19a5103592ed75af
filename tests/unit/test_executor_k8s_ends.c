/* How pods end: by a stop, by others, or unseen; and how they are removed. */
#include "k8s_world.h"

#include "ob/json.h"
#include "ob/message.h"

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

static bool is_deleted(world *w)
{
    return json_object_get(json_object_get(pod_of(w, RUN), "metadata"), "deletionTimestamp");
}

static void a_stop_that_is_refused_is_sent_again_now_and_then(void **state)
{
    world *w = *state;
    run_one(w);
    refuse(w, "DELETE", 403);
    w->rt->ops->stop(w->rt, RUN, 30);
    pass_ms(w, 20000);
    assert_in_range(w->deletes, 2, 5);
    assert_false(is_deleted(w));
    refuse(w, "DELETE", 404); /* it is there nevertheless */
    pass_ms(w, 20000);
    assert_in_range(w->deletes, 4, 10);
    refuse(w, "DELETE", 0);
    pass_ms(w, 6000);
    assert_true(is_deleted(w));
    ends_with(w, RUN, 137);
    assert_end(w, true, 137, "Error");
    assert_false(w->end.host_ended);
}

static void wait_for_image(world *w)
{
    set_status(w, RUN,
               "{'phase':'Pending','containerStatuses':[{'name':'default','state':{"
               "'waiting':{'reason':'ErrImagePull','message':'no such image'}}}]}");
    pass_ms(w, 310000);
}

/* Its image came while the deletion was refused. */
static void a_pod_that_waited_too_long_goes_on_if_it_cannot_be_deleted(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    refuse(w, "DELETE", 403);
    wait_for_image(w);
    assert_in_range(w->deletes, 1, 4);
    set_status(w, RUN,
               "{'phase':'Running','containerStatuses':[{'name':'default','containerID':'c',"
               "'state':{'running':{'startedAt':'2026-12-02T10:00:05Z'}}}]}");
    refuse(w, "DELETE", 0);
    pass_ms(w, 60000);
    assert_false(is_deleted(w));
    ends_with(w, RUN, 0);
    assert_end(w, true, 0, "Completed");
}

static void a_pod_that_waits_too_long_is_deleted_once_that_is_allowed(void **state)
{
    world *w = *state;
    assert_int_equal(start_run(w, RUN), 0);
    turn(w);
    refuse(w, "DELETE", 403);
    wait_for_image(w);
    refuse(w, "DELETE", 0);
    pass_ms(w, 6000);
    assert_true(is_deleted(w));
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

static void a_pod_that_went_while_nobody_watched_is_gone(void **state)
{
    world *w = *state;
    run_one(w);
    w->deaf = true;
    strip(w, RUN);
    w->deaf = false;
    assert_int_equal(w->ends, 0);
    relist(w);
    assert_end(w, true, -1, "Deleted: the pod was removed before its end was known");
}

static void a_pod_without_its_annotation_is_watched_and_removed(void **state)
{
    world *w = *state;
    run_one(w);
    take_annotation(w, RUN);
    ends_with(w, RUN, 7);
    assert_end(w, true, 7, "Error");
    remove_run(w);
    assert_null(pod_of(w, RUN));
    assert_int_equal(w->removed, 1);
}

/* It is looked for by its name. */
static void a_pod_without_its_annotation_that_is_not_seen_is_removed(void **state)
{
    world *w = *state;
    run_one(w);
    ends_with(w, RUN, 0);
    take_annotation(w, RUN);
    w->adopt = false;
    restart(w);
    remove_run(w);
    assert_null(pod_of(w, RUN));
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
    delete_by_hand(w, RUN, 30);
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

static void a_removal_that_is_refused_is_sent_again_now_and_then(void **state)
{
    world *w = *state;
    run_one(w);
    ends_with(w, RUN, 0);
    refuse(w, "DELETE", 403);
    remove_run(w);
    pass_ms(w, 20000);
    assert_in_range(w->deletes, 2, 5);
    refuse(w, "DELETE", 0);
    pass_ms(w, 6000);
    assert_null(pod_of(w, RUN));
    assert_int_equal(w->removed, 1);
}

static json_t *finalizers_of(world *w, const char *run)
{
    return json_object_get(json_object_get(pod_of(w, run), "metadata"), "finalizers");
}

static void finalizers_of_others_stay(void **state)
{
    world *w = *state;
    run_one(w);
    (void)json_array_append_new(finalizers_of(w, RUN), json_string("example.com/other"));
    ends_with(w, RUN, 0);
    remove_run(w);
    assert_int_equal(json_array_size(finalizers_of(w, RUN)), 1);
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

/* Its executor ended before a list had it, or somebody changed it. */
static void a_purge_asks_for_what_no_list_has(void **state)
{
    world *w = *state;
    run_one(w);
    take_annotation(w, RUN);
    assert_int_equal(start_run(w, OTHER_RUN), 0);
    turn(w);
    w->deaf = true;
    take_label(w, OTHER_RUN);
    w->deaf = false;
    purge(w);
    assert_false(w->is_purged);
    assert_null(pod_of(w, OTHER_RUN));
    ends_with(w, RUN, 137);
    pass_ms(w, 6000);
    assert_true(w->is_purged);
    assert_null(pod_of(w, RUN));
}

/* Its node may be dead. Kubernetes keeps the pod, and a node that comes back ends it. */
static void a_purge_lets_a_pod_go_that_does_not_end(void **state)
{
    world *w = *state;
    run_one(w);
    purge(w);
    pass_ms(w, 9000);
    assert_false(w->is_purged);
    assert_int_equal(w->patches, 0);
    pass_ms(w, 2000);
    assert_true(w->is_purged);
    assert_int_equal(json_array_size(finalizers_of(w, RUN)), 0);
    assert_string_not_equal(ob_kube_meta(pod_of(w, RUN), "deletionTimestamp"), "");
    /* The next purge has nothing to do with it. */
    w->is_purged = false;
    purge(w);
    assert_true(w->is_purged);
    assert_int_equal(w->deletes, 1);
    ends_with(w, RUN, 137);
    assert_null(pod_of(w, RUN));
}

static void a_purge_waits_for_a_pod_that_would_be_forgotten_at_once(void **state)
{
    world *w = *state;
    run_one(w);
    delete_by_hand(w, RUN, 0);
    purge(w);
    pass_ms(w, 60000);
    assert_false(w->is_purged);
    assert_int_equal(json_array_size(finalizers_of(w, RUN)), 1);
    ends_with(w, RUN, 137);
    pass_ms(w, 6000);
    assert_true(w->is_purged);
    assert_null(pod_of(w, RUN));
}

static void a_purge_does_not_wait_for_finalizers_of_others(void **state)
{
    world *w = *state;
    run_one(w);
    (void)json_array_append_new(finalizers_of(w, RUN), json_string("example.com/other"));
    ends_with(w, RUN, 0);
    purge(w);
    pass_ms(w, 11000);
    assert_true(w->is_purged);
    assert_int_equal(json_array_size(finalizers_of(w, RUN)), 1);
}

static void a_purge_of_nothing_is_done_at_once(void **state)
{
    world *w = *state;
    purge(w);
    assert_true(w->is_purged);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_stop_deletes_and_its_end_is_the_containers),
        IN_WORLD(a_stop_whose_answer_is_lost_is_sent_again),
        IN_WORLD(a_stop_that_is_refused_is_sent_again_now_and_then),
        IN_WORLD(a_pod_that_waited_too_long_goes_on_if_it_cannot_be_deleted),
        IN_WORLD(a_pod_that_waits_too_long_is_deleted_once_that_is_allowed),
        IN_WORLD(a_restart_knows_that_the_deletion_was_ours),
        IN_WORLD(a_label_that_is_taken_off_ends_nothing_and_comes_back),
        IN_WORLD(a_label_that_is_refused_is_tried_rarely_and_hides_no_end),
        IN_WORLD(a_pod_that_is_gone_is_the_hosts_end_and_never_a_success),
        IN_WORLD(a_pod_that_went_while_nobody_watched_is_gone),
        IN_WORLD(a_pod_without_its_annotation_is_watched_and_removed),
        IN_WORLD(a_pod_without_its_annotation_that_is_not_seen_is_removed),
        IN_WORLD(a_pod_that_was_made_again_by_another_is_not_ours),
        IN_WORLD(a_pod_deleted_by_hand_ends_with_its_host),
        IN_WORLD(pods_that_are_none_of_ours_are_left_alone),
        IN_WORLD(a_pod_that_runs_keeps_its_finalizer_until_it_has_ended),
        IN_WORLD(a_removal_that_is_refused_is_sent_again_now_and_then),
        IN_WORLD(finalizers_of_others_stay),
        IN_WORLD(a_purge_ends_and_removes_all),
        IN_WORLD(a_purge_asks_for_what_no_list_has),
        IN_WORLD(a_purge_lets_a_pod_go_that_does_not_end),
        IN_WORLD(a_purge_waits_for_a_pod_that_would_be_forgotten_at_once),
        IN_WORLD(a_purge_does_not_wait_for_finalizers_of_others),
        IN_WORLD(a_purge_of_nothing_is_done_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
