"""How each crash point (docs/crash-points.md) is made to be passed.

A recipe is a function of a Case: it does what lets some service come to the points that stand
behind its name in RECIPES, calls case.arm() when the process may die, which most do first, and
waits until one has died."""

import sys

import crash_docker
import crash_images
from crash_console import page_changes
from crash_hosts import (
    come_back_too_late,
    join_and_leave,
    launched_twice,
    leave_unseen,
    machines_come_and_go,
    none_for_a_while,
)
from crash_instances import (
    come_and_go,
    freeze_supervisor,
    interrupted,
    launched_again,
    lose_supervisor,
    lose_supervisor_at_the_end,
    metadata,
    silence,
)
from crash_jobs import (
    another_root_key,
    clock_back,
    describe,
    end_unseen,
    engine_that_starts_nothing,
    job_and_stop,
    long_and_sweep,
    new_database,
    no_such_image,
    refused,
    start_of,
    topics_go,
    use_grows,
    with_volume,
    work,
)
from crash_kube import (
    node_gets_another_size,
    pod_comes_and_goes,
    pod_left_behind,
    pod_stopped,
    pod_without_its_label,
)
from crash_oci import oci_begins, oci_job, oci_keeper_killed, oci_stop
from crash_operations import (
    access_keys,
    asking,
    definitions,
    environments,
    join_tokens,
    mass_stops,
    policies,
    questions,
    queues,
)
from stack import ROOT

sys.path.append(str(ROOT / "tools"))

import crash_points  # noqa: E402

POINTS = [name for _, _, name, _ in crash_points.rows()]


RECIPES = {
    work: """
        api.submit api.stop api.ring_submission api.ring api.log_lines api.log_offsets
        scheduler.round scheduler.watermark scheduler.place scheduler.demand scheduler.event
        scheduler.probe scaler.probe scaler.counters scaler.beats
        executor.spool_write executor.spool_sync executor.heartbeat executor.report executor.log
        executor.create executor.start executor.remove""",
    describe: "api.named_streams",
    use_grows: "scaler.usage",
    job_and_stop: "executor.stop",
    with_volume: "executor.remove_volume",
    no_such_image: "executor.pull",
    long_and_sweep: """
        api.past_events api.past_streams api.past_jobs api.past_tags api.past_definitions
        scheduler.past_attempts scheduler.past_done scheduler.past_events scheduler.past_usage
        scaler.past_instances scaler.past_usage""",
    refused: "api.submit_refused",
    clock_back: "api.id_lead",
    start_of("api"): "api.submit_forget",
    start_of("scheduler"): "scheduler.epoch scheduler.fence scheduler.sync",
    start_of("scaler"): "scaler.epoch",
    start_of("executor"): "executor.register executor.spool_new executor.spool_replace",
    another_root_key: "api.root_key",
    new_database: "api.migration",
    topics_go: "any.topics",
    asking(policies): "api.policy_create api.policy_update api.policy_delete api.tags",
    asking(queues): "api.queue_create api.queue_update api.queue_delete",
    asking(environments): """
        api.environment_create api.environment_update api.environment_delete scaler.status""",
    asking(definitions): "api.definition_register api.definition_off",
    asking(access_keys): "api.key_create api.key_policy api.key_revoke",
    asking(join_tokens): "api.join_token",
    asking(mass_stops): "api.stop_many",
    asking(questions): "api.ask",
    page_changes: "console.change",
    come_and_go: """
        scaler.launching scaler.moved scaler.ended scaler.changed scheduler.drained
        scaler.file_log scaler.file_log_run scaler.file_type scaler.file_token scaler.file_env
        scaler.file_run scaler.files_go scaler.local_start scaler.local_stop scaler.local_purge""",
    launched_again: "scaler.token",
    silence: "scaler.ask",
    freeze_supervisor: "scaler.local_late scaler.local_kill",
    lose_supervisor_at_the_end: "scaler.local_clear",
    lose_supervisor: "scaler.local_stray",
    interrupted: "api.interrupt scaler.local_interrupt executor.interrupted",
    metadata: "executor.metadata",
    join_and_leave: "scaler.joined executor.identity executor.token executor.forget",
    leave_unseen: "executor.left",
    come_back_too_late: "scheduler.leave",
    engine_that_starts_nothing: "executor.try_create executor.try_start executor.try_remove",
    end_unseen: "executor.nudge",
    pod_comes_and_goes: "executor.pod_create executor.pod_delete executor.pod_release",
    pod_stopped: "executor.pod_stop",
    pod_without_its_label: "executor.pod_label",
    oci_job: "executor.oci_folder executor.oci_folder_go executor.keeper_start",
    oci_begins: "executor.keeper_try",
    oci_stop: "executor.keeper_stop",
    oci_keeper_killed: "executor.keeper_clean",
    crash_docker.come_and_go: """
        scaler.file_password scaler.docker_create scaler.docker_start scaler.docker_stop
        scaler.docker_remove""",
    crash_docker.interrupted: "scaler.docker_interrupt",
    crash_docker.silent: "scaler.docker_kill scaler.docker_remove_job",
    crash_docker.scaler_stops: "scaler.docker_leave scaler.docker_left",
    machines_come_and_go: "scaler.ec2_run scaler.ec2_terminate scaler.ec2_describe",
    launched_twice: "scaler.ec2_double",
    none_for_a_while: "scaler.found",
    node_gets_another_size: "scaler.resized",
    pod_left_behind: "scaler.pod_delete scaler.pod_release",
    crash_images.images_come_and_go: """
        executor.image_restart executor.image_copy executor.image_unpack executor.image_info
        executor.image_publish executor.image_name executor.image_done executor.image_unname
        executor.image_go executor.image_delete executor.image_sweep executor.image_unlock""",
}
# Nothing comes to these where executors run containers themselves.
OF_DOCKER = {
    *(
        f"executor.{verb}"
        for verb in ("create", "start", "stop", "remove", "remove_volume", "pull")
    ),
    *("executor.try_create", "executor.try_start", "executor.try_remove", "executor.nudge"),
    # Their instances are containers of the engine.
    *(point for point in POINTS if point.startswith("scaler.docker_")),
    "scaler.file_password",
    # One of their images comes from the engine.
    *(point for point in POINTS if point.startswith("executor.image_")),
}
OF_POINT = {point: recipe for recipe, points in RECIPES.items() for point in points.split()}
