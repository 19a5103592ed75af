/* Crash points: the places where a process does something that outlives it. Each has a name, and
 * the calls that do such things (ob_db_write, ob_bus_send, ob_http_send, ob_file_write and others)
 * take it, so that a durable call without a point does not compile. A test lets a process die
 * before or after a point (ob_point_arm); a simulation watches them (ob_point_watch). Without
 * either a point costs one branch. docs/crash-points.md is made from the table by
 * tools/crash_points.py. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a point is about. */
typedef enum ob_point_kind {
    OB_POINT_COMMIT,    /* a transaction of PostgreSQL */
    OB_POINT_MESSAGE,   /* a message to Kafka */
    OB_POINT_OFFSETS,   /* offsets committed to Kafka */
    OB_POINT_TOPICS,    /* topics of Kafka */
    OB_POINT_CACHE,     /* figures in Redis */
    OB_POINT_FILE,      /* a file that is written or removed */
    OB_POINT_CONTAINER, /* a request to a container engine */
    OB_POINT_PROVIDER,  /* a call that makes or ends an instance */
    OB_POINT_REQUEST,   /* a request to the api */
} ob_point_kind;

/* One line a point: id, kind, name, what happens between "before" and "after". The name begins with
 * the service that passes it. */
#define OB_POINTS(P)                                                                               \
    OB_POINTS_ANY(P)                                                                               \
    OB_POINTS_API(P)                                                                               \
    OB_POINTS_SCHEDULER(P) OB_POINTS_SCALER(P) OB_POINTS_EXECUTOR(P) OB_POINTS_CONSOLE(P)

#define OB_POINTS_ANY(P) P(ANY_TOPICS, TOPICS, "any.topics", "missing topics are created")

#define OB_POINTS_API(P)                                                                           \
    P(API_MIGRATION, COMMIT, "api.migration", "a step of the schema")                              \
    P(API_ROOT_KEY, COMMIT, "api.root_key", "the root key is imported")                            \
    P(API_KEY_CREATE, COMMIT, "api.key_create", "an access key is made")                           \
    P(API_KEY_REVOKE, COMMIT, "api.key_revoke", "an access key is revoked")                        \
    P(API_KEY_POLICY, COMMIT, "api.key_policy", "an access key gets another policy")               \
    P(API_SUBMIT, COMMIT, "api.submit", "the submissions that have arrived are stored")            \
    P(API_SUBMIT_REFUSED, COMMIT, "api.submit_refused", "a refused submission is remembered")      \
    P(API_SUBMIT_FORGET, COMMIT, "api.submit_forget", "old submissions are forgotten")             \
    P(API_ID_LEAD, COMMIT, "api.id_lead", "the lead of ids over the clock is stored")              \
    P(API_STOP, COMMIT, "api.stop", "jobs are to be cancelled or terminated")                      \
    P(API_STOP_MANY, COMMIT, "api.stop_many", "all jobs that match are to be stopped")             \
    P(API_ASK, COMMIT, "api.ask", "the scheduler is asked a question")                             \
    P(API_ENVIRONMENT_CREATE, COMMIT, "api.environment_create", "an environment is made")          \
    P(API_ENVIRONMENT_UPDATE, COMMIT, "api.environment_update", "an environment is changed")       \
    P(API_ENVIRONMENT_DELETE, COMMIT, "api.environment_delete", "an environment is to go")         \
    P(API_INTERRUPT, COMMIT, "api.interrupt", "a Spot instance is to be interrupted")              \
    P(API_JOIN_TOKEN, COMMIT, "api.join_token", "a join token is made")                            \
    P(API_QUEUE_CREATE, COMMIT, "api.queue_create", "a queue is made")                             \
    P(API_QUEUE_UPDATE, COMMIT, "api.queue_update", "a queue is changed")                          \
    P(API_QUEUE_DELETE, COMMIT, "api.queue_delete", "a queue is to go")                            \
    P(API_POLICY_CREATE, COMMIT, "api.policy_create", "a scheduling policy is made")               \
    P(API_POLICY_UPDATE, COMMIT, "api.policy_update", "a scheduling policy is changed")            \
    P(API_POLICY_DELETE, COMMIT, "api.policy_delete", "a scheduling policy is deleted")            \
    P(API_DEFINITION_REGISTER, COMMIT, "api.definition_register", "a revision is made")            \
    P(API_DEFINITION_OFF, COMMIT, "api.definition_off", "a revision becomes INACTIVE")             \
    P(API_TAGS, COMMIT, "api.tags", "tags of a resource are changed")                              \
    P(API_NAMED_STREAMS, COMMIT, "api.named_streams", "log streams that are shown are made")       \
    P(API_LOG_LINES, COMMIT, "api.log_lines", "lines of output are stored")                        \
    P(API_LOG_OFFSETS, OFFSETS, "api.log_offsets", "offsets of batch.logs move")                   \
    P(API_PAST_EVENTS, COMMIT, "api.past_events", "a page of old output is deleted")               \
    P(API_PAST_STREAMS, COMMIT, "api.past_streams", "a page of empty log streams is deleted")      \
    P(API_PAST_JOBS, COMMIT, "api.past_jobs", "a page of old jobs is deleted")                     \
    P(API_PAST_TAGS, COMMIT, "api.past_tags", "a page of tags of deleted jobs is deleted")         \
    P(API_PAST_DEFINITIONS, COMMIT, "api.past_definitions", "expired revisions are deleted")       \
    P(API_RING_SUBMISSION, MESSAGE, "api.ring_submission", "the doorbell of submissions")          \
    P(API_RING, MESSAGE, "api.ring", "the doorbell of other requests")

#define OB_POINTS_SCHEDULER(P)                                                                     \
    P(SCHEDULER_EPOCH, COMMIT, "scheduler.epoch", "a new leader raises the epoch")                 \
    P(SCHEDULER_ROUND, COMMIT, "scheduler.round", "a round")                                       \
    P(SCHEDULER_WATERMARK, COMMIT, "scheduler.watermark", "events have been published")            \
    P(SCHEDULER_PAST_ATTEMPTS, COMMIT, "scheduler.past_attempts", "attempts of deleted jobs go")   \
    P(SCHEDULER_PAST_DONE, COMMIT, "scheduler.past_done", "ends of deleted jobs go")               \
    P(SCHEDULER_PAST_EVENTS, COMMIT, "scheduler.past_events", "published events are deleted")      \
    P(SCHEDULER_PAST_USAGE, COMMIT, "scheduler.past_usage", "old use of queues is deleted")        \
    P(SCHEDULER_FENCE, MESSAGE, "scheduler.fence", "executors hear of a new epoch")                \
    P(SCHEDULER_PLACE, MESSAGE, "scheduler.place", "orders to an instance")                        \
    P(SCHEDULER_SYNC, MESSAGE, "scheduler.sync", "an instance is to report everything")            \
    P(SCHEDULER_LEAVE, MESSAGE, "scheduler.leave", "an instance that is not known is to go")       \
    P(SCHEDULER_DRAINED, MESSAGE, "scheduler.drained", "instances have no runs any more")          \
    P(SCHEDULER_DEMAND, MESSAGE, "scheduler.demand", "the demand of an environment")               \
    P(SCHEDULER_EVENT, MESSAGE, "scheduler.event", "an event of a job is published")               \
    P(SCHEDULER_PROBE, MESSAGE, "scheduler.probe", "a probe through Kafka")

#define OB_POINTS_SCALER(P)                                                                        \
    P(SCALER_EPOCH, COMMIT, "scaler.epoch", "a new leader raises the epoch")                       \
    P(SCALER_STATUS, COMMIT, "scaler.status", "the status of environments; requests are done")     \
    P(SCALER_LAUNCHING, COMMIT, "scaler.launching", "rows of instances to be launched")            \
    P(SCALER_TOKEN, COMMIT, "scaler.token", "another token for an instance to be launched")        \
    P(SCALER_FOUND, COMMIT, "scaler.found", "launches that were in doubt have succeeded")          \
    P(SCALER_JOINED, COMMIT, "scaler.joined", "an instance joins an unmanaged environment")        \
    P(SCALER_MOVED, COMMIT, "scaler.moved", "instances become DRAINING, LOST or TERMINATED")       \
    P(SCALER_RESIZED, COMMIT, "scaler.resized", "instances of nodes get another size")             \
    P(SCALER_POD_DELETE, CONTAINER, "scaler.pod_delete", "a pod of a deleted environment goes")    \
    P(SCALER_POD_RELEASE, CONTAINER, "scaler.pod_release", "its finalizer goes")                   \
    P(SCALER_ENDED, COMMIT, "scaler.ended", "instances without runs become TERMINATED")            \
    P(SCALER_USAGE, COMMIT, "scaler.usage", "the use of environments is stored")                   \
    P(SCALER_PAST_INSTANCES, COMMIT, "scaler.past_instances", "old instances are deleted")         \
    P(SCALER_PAST_USAGE, COMMIT, "scaler.past_usage", "old use of environments is deleted")        \
    P(SCALER_CHANGED, MESSAGE, "scaler.changed", "instances or environments have changed")         \
    P(SCALER_ASK, MESSAGE, "scaler.ask", "a silent instance is asked for a sign")                  \
    P(SCALER_PROBE, MESSAGE, "scaler.probe", "a probe through Kafka")                              \
    P(SCALER_COUNTERS, CACHE, "scaler.counters", "the figures of instances in Redis")              \
    P(SCALER_BEATS, CACHE, "scaler.beats", "heartbeats in Redis")                                  \
    P(SCALER_FILE_LOG, FILE, "scaler.file_log", "how an executor's log is written")                \
    P(SCALER_FILE_LOG_RUN, FILE, "scaler.file_log_run", "the script of an executor's log")         \
    P(SCALER_FILE_TYPE, FILE, "scaler.file_type", "the type of an instance")                       \
    P(SCALER_FILE_TOKEN, FILE, "scaler.file_token", "the token of an instance")                    \
    P(SCALER_FILE_ENV, FILE, "scaler.file_env", "the settings of an instance")                     \
    P(SCALER_FILE_RUN, FILE, "scaler.file_run", "the script of an instance, its last file")        \
    P(SCALER_FILES_GO, FILE, "scaler.files_go", "the files of an ended instance go")               \
    P(SCALER_FILE_PASSWORD, FILE, "scaler.file_password", "the executors' password of Kafka")      \
    P(SCALER_LOCAL_START, PROVIDER, "scaler.local_start", "an executor's supervisor starts")       \
    P(SCALER_LOCAL_STRAY, PROVIDER, "scaler.local_stray", "an executor without one is to end")     \
    P(SCALER_LOCAL_INTERRUPT, PROVIDER, "scaler.local_interrupt", "an instance is interrupted")    \
    P(SCALER_LOCAL_STOP, PROVIDER, "scaler.local_stop", "an executor is asked to end")             \
    P(SCALER_LOCAL_LATE, PROVIDER, "scaler.local_late", "its supervisor is to kill it")            \
    P(SCALER_LOCAL_KILL, PROVIDER, "scaler.local_kill", "a supervisor that does not is killed")    \
    P(SCALER_LOCAL_CLEAR, PROVIDER, "scaler.local_clear", "executors that are left are killed")    \
    P(SCALER_LOCAL_PURGE, PROVIDER, "scaler.local_purge", "the containers of an instance go")      \
    P(SCALER_DOCKER_CREATE, CONTAINER, "scaler.docker_create", "an executor's container")          \
    P(SCALER_DOCKER_START, CONTAINER, "scaler.docker_start", "it is started")                      \
    P(SCALER_DOCKER_INTERRUPT, CONTAINER, "scaler.docker_interrupt", "it is interrupted")          \
    P(SCALER_DOCKER_STOP, CONTAINER, "scaler.docker_stop", "it is asked to end")                   \
    P(SCALER_DOCKER_KILL, CONTAINER, "scaler.docker_kill", "it is killed")                         \
    P(SCALER_DOCKER_REMOVE, CONTAINER, "scaler.docker_remove", "it is removed")                    \
    P(SCALER_DOCKER_LEAVE, CONTAINER, "scaler.docker_leave", "it ends with the scaler")            \
    P(SCALER_DOCKER_LEFT, CONTAINER, "scaler.docker_left", "it is removed with the scaler")        \
    P(SCALER_DOCKER_REMOVE_JOB, CONTAINER, "scaler.docker_remove_job", "a job that it left goes")  \
    P(SCALER_EC2_RUN, PROVIDER, "scaler.ec2_run", "EC2 launches an instance")                      \
    P(SCALER_EC2_TERMINATE, PROVIDER, "scaler.ec2_terminate", "EC2 terminates an instance")        \
    P(SCALER_EC2_DOUBLE, PROVIDER, "scaler.ec2_double", "EC2 terminates one launched twice")       \
    P(SCALER_EC2_DESCRIBE, PROVIDER, "scaler.ec2_describe", "EC2 is asked what there is")

#define OB_POINTS_EXECUTOR(P)                                                                      \
    P(EXECUTOR_IDENTITY, FILE, "executor.identity", "the id of a host that joins")                 \
    P(EXECUTOR_TOKEN, FILE, "executor.token", "the token of a host that joins")                    \
    P(EXECUTOR_FORGET, FILE, "executor.forget", "a host that has left loses its id")               \
    P(EXECUTOR_SPOOL_WRITE, FILE, "executor.spool_write", "lines of the spool")                    \
    P(EXECUTOR_SPOOL_SYNC, FILE, "executor.spool_sync", "the spool reaches the disk")              \
    P(EXECUTOR_SPOOL_NEW, FILE, "executor.spool_new", "another spool is written")                  \
    P(EXECUTOR_SPOOL_REPLACE, FILE, "executor.spool_replace", "it replaces the old one")           \
    P(EXECUTOR_REGISTER, MESSAGE, "executor.register", "an instance says what it holds")           \
    P(EXECUTOR_HEARTBEAT, MESSAGE, "executor.heartbeat", "a heartbeat")                            \
    P(EXECUTOR_REPORT, MESSAGE, "executor.report", "changes of runs")                              \
    P(EXECUTOR_INTERRUPTED, MESSAGE, "executor.interrupted", "an interruption was announced")      \
    P(EXECUTOR_LEFT, MESSAGE, "executor.left", "a host has left")                                  \
    P(EXECUTOR_LOG, MESSAGE, "executor.log", "lines of output")                                    \
    P(EXECUTOR_PULL, CONTAINER, "executor.pull", "an image")                                       \
    P(EXECUTOR_CREATE, CONTAINER, "executor.create", "a container is created")                     \
    P(EXECUTOR_START, CONTAINER, "executor.start", "a container is started")                       \
    P(EXECUTOR_STOP, CONTAINER, "executor.stop", "a container is stopped")                         \
    P(EXECUTOR_NUDGE, CONTAINER, "executor.nudge", "the engine is to look at a container")         \
    P(EXECUTOR_REMOVE, CONTAINER, "executor.remove", "a container is removed")                     \
    P(EXECUTOR_REMOVE_VOLUME, CONTAINER, "executor.remove_volume", "its volume is removed")        \
    P(EXECUTOR_TRY_CREATE, CONTAINER, "executor.try_create", "a container to try the engine")      \
    P(EXECUTOR_TRY_START, CONTAINER, "executor.try_start", "it is started")                        \
    P(EXECUTOR_TRY_REMOVE, CONTAINER, "executor.try_remove", "it is removed")                      \
    P(EXECUTOR_POD_CREATE, CONTAINER, "executor.pod_create", "a pod is made")                      \
    P(EXECUTOR_POD_LABEL, CONTAINER, "executor.pod_label", "a pod gets its label back")            \
    P(EXECUTOR_POD_STOP, CONTAINER, "executor.pod_stop", "a pod is to end")                        \
    P(EXECUTOR_POD_DELETE, CONTAINER, "executor.pod_delete", "a pod of an ended run is deleted")   \
    P(EXECUTOR_POD_RELEASE, CONTAINER, "executor.pod_release", "its finalizer goes")               \
    P(EXECUTOR_OCI_FOLDER, FILE, "executor.oci_folder", "the folder of a container")               \
    P(EXECUTOR_OCI_FOLDER_GO, FILE, "executor.oci_folder_go", "it goes")                           \
    P(EXECUTOR_KEEPER_START, CONTAINER, "executor.keeper_start", "the keeper of a container")      \
    P(EXECUTOR_KEEPER_STOP, CONTAINER, "executor.keeper_stop", "it is to stop its container")      \
    P(EXECUTOR_KEEPER_CLEAN, CONTAINER, "executor.keeper_clean", "what a killed keeper left goes") \
    P(EXECUTOR_KEEPER_TRY, CONTAINER, "executor.keeper_try", "a container's root is tried")        \
    P(EXECUTOR_IMAGE_RESTART, FILE, "executor.image_restart", "what a pull has left goes")         \
    P(EXECUTOR_IMAGE_COPY, FILE, "executor.image_copy", "an image is copied to a work folder")     \
    P(EXECUTOR_IMAGE_UNPACK, FILE, "executor.image_unpack", "its layers are unpacked there")       \
    P(EXECUTOR_IMAGE_INFO, FILE, "executor.image_info", "its description is written there")        \
    P(EXECUTOR_IMAGE_PUBLISH, FILE, "executor.image_publish", "it moves to its place")             \
    P(EXECUTOR_IMAGE_NAME, FILE, "executor.image_name", "what a name stands for is written")       \
    P(EXECUTOR_IMAGE_DONE, FILE, "executor.image_done", "the work folder goes")                    \
    P(EXECUTOR_IMAGE_UNNAME, FILE, "executor.image_unname", "a name of an image goes")             \
    P(EXECUTOR_IMAGE_GO, FILE, "executor.image_go", "an image leaves its place")                   \
    P(EXECUTOR_IMAGE_DELETE, FILE, "executor.image_delete", "its files are deleted")               \
    P(EXECUTOR_IMAGE_SWEEP, FILE, "executor.image_sweep", "a work folder without a process goes")  \
    P(EXECUTOR_IMAGE_UNLOCK, FILE, "executor.image_unlock", "a lock that nobody uses goes")        \
    P(EXECUTOR_METADATA, PROVIDER, "executor.metadata", "a token of the metadata service")

#define OB_POINTS_CONSOLE(P)                                                                       \
    P(CONSOLE_CHANGE, REQUEST, "console.change", "a change that a page asks for is passed on")

/* The table as an enum. */
typedef enum ob_point {
    OB_POINT_NONE, /* only for what changes nothing */
#define OB_POINT_ID(id, kind, name, what) OB_POINT_##id,
    OB_POINTS(OB_POINT_ID)
#undef OB_POINT_ID
        OB_POINTS_END
} ob_point;

typedef enum ob_point_side {
    OB_POINT_BEFORE, /* nothing has been done yet */
    OB_POINT_AFTER,  /* the call has succeeded; nobody acts on that yet */
} ob_point_side;

/* As in the table; NULL for OB_POINT_NONE. */
const char *ob_point_name(ob_point point);
const char *ob_point_what(ob_point point);
ob_point_kind ob_point_kind_of(ob_point point);

/* Called at each point, in the thread that passes it; NULL: by nobody. It need not return. Set it
 * while there is one thread. */
typedef void (*ob_point_watcher)(ob_point point, ob_point_side side);
extern ob_point_watcher ob_point_watch;

/* For the wrappers of durable calls only. */
static inline void ob_point_pass(ob_point point, ob_point_side side)
{
    if (__builtin_expect(ob_point_watch != NULL, 0))
        ob_point_watch(point, side);
}

/* Called first in every service. If OPENBATCH_CRASH_FILE names a file, the process looks at each
 * point whether that file has the line "<point>:before" or "<point>:after", with ":<n>" behind it
 * for the n-th passing since the line is there. Then it renames the file to <file>.<process id>, so
 * that the next process goes on, and kills itself. A message counts as sent when Kafka has had 300
 * ms to take it. */
void ob_point_arm(void);
