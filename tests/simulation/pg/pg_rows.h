/* The rows of the simulated PostgreSQL, one struct for each table (pg_live is a row of live). The
 * members are the columns of docs/schema.sql that the services or the checker read;
 * the key's come first, in its order. SQL NULL is PG_NULL for numbers and truth values, NULL for
 * texts, the nil id for ids. Times (PG_TIME) are microseconds since the epoch. Arrays and bytea are
 * texts as PostgreSQL writes them: {1,2}, \x0a. Rows never change: a change makes a new one. */
#pragma once

#include <stdint.h>

#include "ob/id.h"

#define PG_NULL INT64_MIN

/* C(type, name, rule): KEY: of the primary key; NEED: NOT NULL; MAY: may be NULL. */
#define PG_TABLE_LEADER(C)                                                                         \
    C(TEXT, role, KEY)                                                                             \
    C(INT, epoch, NEED)                                                                            \
    C(INT, round, NEED)                                                                            \
    C(TEXT, holder, NEED)                                                                          \
    C(INT, counted_round, NEED)                                                                    \
    C(INT, counted_since, NEED)

#define PG_TABLE_PUBLISHER(C)                                                                      \
    C(BOOL, only_one, KEY)                                                                         \
    C(INT, epoch, NEED)                                                                            \
    C(INT, round, NEED)                                                                            \
    C(INT, n, NEED)                                                                                \
    C(INT, topic_end, NEED)

#define PG_TABLE_JOB(C)                                                                            \
    C(UUID, id, KEY)                                                                               \
    C(TEXT, account, NEED)                                                                         \
    C(TEXT, region, NEED)                                                                          \
    C(INT, queue_id, NEED)                                                                         \
    C(TEXT, definition, NEED)                                                                      \
    C(INT, revision, NEED)                                                                         \
    C(TEXT, name, NEED)                                                                            \
    C(INT, array_size, NEED)                                                                       \
    C(INT, mcpu, NEED)                                                                             \
    C(INT, mem_mib, NEED)                                                                          \
    C(INT, gpus, NEED)                                                                             \
    C(INT, created_at_ms, NEED)                                                                    \
    C(TEXT, detail, NEED)                                                                          \
    C(INT, attempts, NEED)                                                                         \
    C(TEXT, on_exit, MAY)                                                                          \
    C(INT, timeout_s, NEED)                                                                        \
    C(TEXT, share, MAY)                                                                            \
    C(INT, priority, NEED)                                                                         \
    C(TEXT, dep_ids, MAY)                                                                          \
    C(TEXT, dep_idxs, MAY)                                                                         \
    C(TEXT, dep_types, MAY)                                                                        \
    C(TEXT, task_tags, MAY)                                                                        \
    C(TEXT, failure, MAY)                                                                          \
    C(TEXT, traceparent, MAY)

#define PG_TABLE_SUBMIT_ONCE(C)                                                                    \
    C(TEXT, key_id, KEY)                                                                           \
    C(TEXT, invocation_id, KEY)                                                                    \
    C(TEXT, body_hash, NEED)                                                                       \
    C(UUID, job_id, NEED)                                                                          \
    C(INT, created_at_ms, NEED)

#define PG_TABLE_INBOX(C)                                                                          \
    C(INT, consumer, KEY)                                                                          \
    C(INT, seq, KEY)                                                                               \
    C(INT, kind, NEED)                                                                             \
    C(UUID, job_id, MAY)                                                                           \
    C(INT, idx, NEED)                                                                              \
    C(INT, ref, MAY)                                                                               \
    C(TEXT, reason, MAY)                                                                           \
    C(TEXT, instance_id, MAY)

#define PG_TABLE_LIVE(C)                                                                           \
    C(UUID, job_id, KEY)                                                                           \
    C(INT, idx, KEY)                                                                               \
    C(INT, state, NEED)                                                                            \
    C(INT, run, NEED)                                                                              \
    C(INT, attempt, NEED)                                                                          \
    C(TEXT, instance_id, MAY)                                                                      \
    C(INT, ce_id, MAY)                                                                             \
    C(INT, started_at_ms, MAY)                                                                     \
    C(INT, runnable_at_ms, MAY)                                                                    \
    C(TEXT, reason, MAY)                                                                           \
    C(INT, flags, NEED)                                                                            \
    C(TEXT, stop_reason, MAY)                                                                      \
    C(INT, bulk_state, MAY)                                                                        \
    C(TEXT, bulk_reason, MAY)                                                                      \
    C(TEXT, counts, MAY)                                                                           \
    C(INT, ord, MAY)                                                                               \
    C(INT, waits, MAY)                                                                             \
    C(INT, told_at_ms, MAY)                                                                        \
    C(TIME, running_at, MAY)                                                                       \
    C(INT, round, MAY)

#define PG_TABLE_DONE(C)                                                                           \
    C(UUID, job_id, KEY)                                                                           \
    C(INT, idx, KEY)                                                                               \
    C(INT, queue_id, NEED)                                                                         \
    C(INT, state, NEED)                                                                            \
    C(TEXT, reason, MAY)                                                                           \
    C(INT, started_at_ms, MAY)                                                                     \
    C(INT, stopped_at_ms, NEED)                                                                    \
    C(INT, flags, NEED)                                                                            \
    C(INT, bulk_state, MAY)                                                                        \
    C(TEXT, bulk_reason, MAY)                                                                      \
    C(TEXT, counts, MAY)

#define PG_TABLE_ATTEMPT(C)                                                                        \
    C(UUID, job_id, KEY)                                                                           \
    C(INT, idx, KEY)                                                                               \
    C(INT, attempt, KEY)                                                                           \
    C(INT, run, NEED)                                                                              \
    C(TEXT, instance_id, NEED)                                                                     \
    C(TEXT, cluster, NEED)                                                                         \
    C(INT, exit_code, MAY)                                                                         \
    C(TEXT, container_reason, MAY)                                                                 \
    C(TEXT, reason, NEED)                                                                          \
    C(INT, started_at_ms, MAY)                                                                     \
    C(INT, stopped_at_ms, NEED)                                                                    \
    C(INT, runnable_at_ms, MAY)                                                                    \
    C(INT, placed_at_ms, MAY)                                                                      \
    C(INT, pulled_ms, MAY)                                                                         \
    C(INT, created_ms, MAY)                                                                        \
    C(INT, cpu_ms, MAY)                                                                            \
    C(INT, peak_bytes, MAY)

#define PG_TABLE_POD(C)                                                                            \
    C(UUID, job_id, KEY)                                                                           \
    C(INT, idx, KEY)                                                                               \
    C(INT, attempt, KEY)                                                                           \
    C(INT, run, NEED)                                                                              \
    C(TEXT, body, NEED)

#define PG_TABLE_PLACEMENT(C)                                                                      \
    C(TEXT, instance_id, KEY)                                                                      \
    C(UUID, job_id, KEY)                                                                           \
    C(INT, idx, KEY)                                                                               \
    C(INT, run, NEED)                                                                              \
    C(INT, placed_at_ms, MAY)

#define PG_TABLE_JOB_EVENT(C)                                                                      \
    C(INT, round, KEY)                                                                             \
    C(INT, n, KEY)                                                                                 \
    C(INT, at_ms, NEED)                                                                            \
    C(UUID, job_id, NEED)                                                                          \
    C(INT, idx_lo, NEED)                                                                           \
    C(INT, idx_hi, NEED)                                                                           \
    C(INT, state, NEED)                                                                            \
    C(INT, attempt, NEED)                                                                          \
    C(INT, run, NEED)                                                                              \
    C(TEXT, instance_id, MAY)                                                                      \
    C(TEXT, cluster, MAY)                                                                          \
    C(INT, started_at_ms, MAY)                                                                     \
    C(INT, stopped_at_ms, MAY)                                                                     \
    C(INT, exit_code, MAY)                                                                         \
    C(TEXT, container_reason, MAY)                                                                 \
    C(TEXT, reason, MAY)                                                                           \
    C(INT, flags, NEED)                                                                            \
    C(TEXT, counts, MAY)                                                                           \
    C(BOOL, blocked, NEED)

#define PG_TABLE_CLASS_REASON(C)                                                                   \
    C(INT, queue_id, KEY)                                                                          \
    C(INT, mcpu, KEY)                                                                              \
    C(INT, mem_mib, KEY)                                                                           \
    C(INT, gpus, KEY)                                                                              \
    C(TEXT, share, KEY)                                                                            \
    C(INT, priority, KEY)                                                                          \
    C(TEXT, reason, NEED)                                                                          \
    C(INT, since_ms, NEED)

#define PG_TABLE_SHARE_USAGE(C)                                                                    \
    C(INT, queue_id, KEY)                                                                          \
    C(TEXT, share, KEY)                                                                            \
    C(INT, usage_ms, NEED)                                                                         \
    C(INT, at_ms, NEED)                                                                            \
    C(BOOL, active, NEED)

#define PG_TABLE_QUEUE_SNAPSHOT(C)                                                                 \
    C(INT, queue_id, KEY)                                                                          \
    C(TEXT, body, NEED)                                                                            \
    C(INT, updated_at_ms, NEED)                                                                    \
    C(TEXT, jobs, MAY)                                                                             \
    C(TEXT, children, MAY)                                                                         \
    C(INT, counted_at_ms, MAY)

#define PG_TABLE_QUEUE_STATUS(C)                                                                   \
    C(INT, queue_id, KEY)                                                                          \
    C(INT, version, NEED)                                                                          \
    C(BOOL, valid, NEED)                                                                           \
    C(TEXT, reason, NEED)

#define PG_TABLE_QUEUE_USAGE(C)                                                                    \
    C(INT, queue_id, KEY)                                                                          \
    C(INT, at_ms, KEY)                                                                             \
    C(INT, mcpu, NEED)                                                                             \
    C(INT, placed, NEED)                                                                           \
    C(INT, waiting, NEED)                                                                          \
    C(INT, succeeded, NEED)                                                                        \
    C(INT, failed, NEED)

#define PG_TABLE_CE_USAGE(C)                                                                       \
    C(INT, ce_id, KEY)                                                                             \
    C(INT, at_ms, KEY)                                                                             \
    C(INT, mcpu, NEED)                                                                             \
    C(INT, provisioned_mcpu, NEED)                                                                 \
    C(INT, desired_vcpus, NEED)                                                                    \
    C(INT, max_vcpus, NEED)                                                                        \
    C(INT, instances, NEED)

#define PG_TABLE_ANSWER(C) C(INT, seq, KEY) C(INT, at_ms, NEED) C(TEXT, body, NEED)

#define PG_TABLE_JOB_QUEUE(C)                                                                      \
    C(INT, id, KEY)                                                                                \
    C(TEXT, account, NEED)                                                                         \
    C(TEXT, region, NEED)                                                                          \
    C(TEXT, name, NEED)                                                                            \
    C(BOOL, enabled, NEED)                                                                         \
    C(INT, priority, NEED)                                                                         \
    C(TEXT, ce_ids, NEED)                                                                          \
    C(TEXT, body, NEED)                                                                            \
    C(INT, version, NEED)                                                                          \
    C(BOOL, deleting, NEED)                                                                        \
    C(INT, policy_id, MAY)                                                                         \
    C(TEXT, time_limits, MAY)

#define PG_TABLE_SCHEDULING_POLICY(C)                                                              \
    C(INT, id, KEY)                                                                                \
    C(TEXT, account, NEED)                                                                         \
    C(TEXT, region, NEED)                                                                          \
    C(TEXT, name, NEED)                                                                            \
    C(TEXT, body, NEED)                                                                            \
    C(INT, version, NEED)

#define PG_TABLE_COMPUTE_ENVIRONMENT(C)                                                            \
    C(INT, id, KEY)                                                                                \
    C(TEXT, account, NEED)                                                                         \
    C(TEXT, region, NEED)                                                                          \
    C(TEXT, name, NEED)                                                                            \
    C(UUID, uuid, NEED)                                                                            \
    C(TEXT, type, NEED)                                                                            \
    C(BOOL, enabled, NEED)                                                                         \
    C(TEXT, resource_type, NEED)                                                                   \
    C(INT, min_vcpus, NEED)                                                                        \
    C(INT, max_vcpus, NEED)                                                                        \
    C(INT, desired_vcpus, MAY)                                                                     \
    C(TEXT, body, NEED)                                                                            \
    C(INT, version, NEED)                                                                          \
    C(BOOL, deleting, NEED)                                                                        \
    C(INT, unmanaged_vcpus, MAY)                                                                   \
    C(TEXT, eks_cluster_arn, MAY)                                                                  \
    C(TEXT, kubernetes_namespace, MAY)

#define PG_TABLE_CE_STATUS(C)                                                                      \
    C(INT, ce_id, KEY)                                                                             \
    C(INT, version, NEED)                                                                          \
    C(BOOL, valid, NEED)                                                                           \
    C(TEXT, reason, NEED)                                                                          \
    C(INT, desired_vcpus, NEED)                                                                    \
    C(TEXT, shapes, NEED)                                                                          \
    C(TEXT, lacking, MAY)

#define PG_TABLE_INSTANCE(C)                                                                       \
    C(TEXT, id, KEY)                                                                               \
    C(INT, ce_id, NEED)                                                                            \
    C(TEXT, type, NEED)                                                                            \
    C(BOOL, spot, NEED)                                                                            \
    C(INT, mcpu, NEED)                                                                             \
    C(INT, mem_mib, NEED)                                                                          \
    C(INT, gpus, NEED)                                                                             \
    C(INT, vcpus, NEED)                                                                            \
    C(INT, state, NEED)                                                                            \
    C(TEXT, reason, MAY)                                                                           \
    C(TEXT, token_hash, NEED)                                                                      \
    C(TEXT, key_salt, MAY)                                                                         \
    C(TIME, launched_at, NEED)                                                                     \
    C(TIME, active_at, MAY)                                                                        \
    C(TIME, ended_at, MAY)                                                                         \
    C(TEXT, infra, NEED)                                                                           \
    C(TIME, deadline_at, MAY)                                                                      \
    C(BOOL, doubtful, NEED)                                                                        \
    C(TEXT, node_name, MAY)                                                                        \
    C(TEXT, node_uid, MAY)

#define PG_TABLE_JOIN_TOKEN(C) C(TEXT, hash, KEY) C(INT, ce_id, NEED) C(TIME, created_at, NEED)

/* Keyed by its name, which is unique, instead of by its id. */
#define PG_TABLE_LOG_STREAM(C)                                                                     \
    C(TEXT, account, KEY)                                                                          \
    C(TEXT, region, KEY)                                                                           \
    C(TEXT, log_group, KEY)                                                                        \
    C(TEXT, name, KEY)                                                                             \
    C(INT, id, NEED)                                                                               \
    C(INT, created_at_ms, NEED)                                                                    \
    C(INT, end_offset, NEED)                                                                       \
    C(INT, lines, NEED)                                                                            \
    C(UUID, job_id, MAY)                                                                           \
    C(INT, idx, NEED)                                                                              \
    C(INT, first_at_ms, NEED)                                                                      \
    C(INT, last_at_ms, NEED)                                                                       \
    C(INT, last_ingested_at_ms, NEED)

#define PG_TABLE_LOG_GROUP(C)                                                                      \
    C(TEXT, account, KEY)                                                                          \
    C(TEXT, region, KEY)                                                                           \
    C(TEXT, name, KEY)                                                                             \
    C(INT, created_at_ms, NEED)

#define PG_TABLE_LOG_EVENT(C)                                                                      \
    C(INT, stream_id, KEY)                                                                         \
    C(INT, at_ms, KEY)                                                                             \
    C(INT, n, KEY)                                                                                 \
    C(INT, ingested_at_ms, NEED)                                                                   \
    C(TEXT, message, NEED)

#define PG_TABLE_STOP_REQUEST(C)                                                                   \
    C(INT, id, KEY)                                                                                \
    C(TEXT, account, NEED)                                                                         \
    C(TEXT, region, NEED)                                                                          \
    C(INT, queue_id, NEED)                                                                         \
    C(INT, states, NEED)                                                                           \
    C(TEXT, name_prefix, MAY)                                                                      \
    C(TEXT, definition, MAY)                                                                       \
    C(INT, revision, NEED)                                                                         \
    C(TEXT, share, MAY)                                                                            \
    C(BOOL, terminate, NEED)                                                                       \
    C(TEXT, reason, NEED)                                                                          \
    C(INT, created_at_ms, NEED)

#define PG_TABLE_STOP_PROGRESS(C)                                                                  \
    C(INT, stop_id, KEY)                                                                           \
    C(UUID, after_id, MAY)                                                                         \
    C(INT, looked, NEED)                                                                           \
    C(INT, matched, NEED)                                                                          \
    C(INT, begun_at_ms, NEED)                                                                      \
    C(INT, finished_at_ms, MAY)

/* T(name in capitals, name): all tables. */
#define PG_TABLES(T)                                                                               \
    T(LEADER, leader)                                                                              \
    T(PUBLISHER, publisher)                                                                        \
    T(JOB, job)                                                                                    \
    T(SUBMIT_ONCE, submit_once)                                                                    \
    T(INBOX, inbox)                                                                                \
    T(STOP_REQUEST, stop_request)                                                                  \
    T(STOP_PROGRESS, stop_progress)                                                                \
    T(LIVE, live)                                                                                  \
    T(DONE, done)                                                                                  \
    T(ATTEMPT, attempt)                                                                            \
    T(POD, pod)                                                                                    \
    T(PLACEMENT, placement)                                                                        \
    T(JOB_EVENT, job_event)                                                                        \
    T(CLASS_REASON, class_reason)                                                                  \
    T(SHARE_USAGE, share_usage)                                                                    \
    T(QUEUE_SNAPSHOT, queue_snapshot)                                                              \
    T(QUEUE_STATUS, queue_status)                                                                  \
    T(QUEUE_USAGE, queue_usage)                                                                    \
    T(CE_USAGE, ce_usage)                                                                          \
    T(ANSWER, answer)                                                                              \
    T(JOB_QUEUE, job_queue)                                                                        \
    T(SCHEDULING_POLICY, scheduling_policy)                                                        \
    T(COMPUTE_ENVIRONMENT, compute_environment)                                                    \
    T(CE_STATUS, ce_status)                                                                        \
    T(INSTANCE, instance)                                                                          \
    T(JOIN_TOKEN, join_token)                                                                      \
    T(LOG_GROUP, log_group)                                                                        \
    T(LOG_STREAM, log_stream)                                                                      \
    T(LOG_EVENT, log_event)

#define PG_C_INT int64_t
#define PG_C_BOOL int64_t
#define PG_C_TIME int64_t
#define PG_C_TEXT const char *
#define PG_C_UUID ob_uuid
#define PG_MEMBER(type, name, rule) PG_C_##type name;
#define PG_STRUCT(NAME, name)                                                                      \
    typedef struct pg_##name {                                                                     \
        PG_TABLE_##NAME(PG_MEMBER)                                                                 \
    } pg_##name;
PG_TABLES(PG_STRUCT)

#define PG_NUMBER(NAME, name) PG_##NAME,
typedef enum pg_table { PG_TABLES(PG_NUMBER) PG_TABLE_COUNT } pg_table;
