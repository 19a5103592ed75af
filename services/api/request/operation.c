/* The table of operations, each with the table of its request's members (ops_*.c). Data; read-only
 * after the start. Beside it, how a request takes a connection. */
#include "operation.h"

#include <string.h>

#include "api_store.h"
#include "auth/access_store.h"
#include "auth/keys.h"
#include "definitions/definition_check.h"
#include "environments/capacity_store.h"
#include "environments/environment_check.h"
#include "jobs/job_list.h"
#include "jobs/job_store.h"
#include "jobs/submit_store.h"
#include "logs/log_store.h"
#include "logs/named_streams.h"
#include "ops_fields.h"
#include "queues/sched_policy_check.h"
#include "queues/sched_policy_store.h"
#include "tags/tag_store.h"

#define NOT_BUILT(path, n, of)                                                                     \
    {                                                                                              \
        API_BATCH, "/v1/" path, n, .why = "OpenBatch has no " of                                   \
    }

/* body_max: quotas of AWS's. */
const api_operation api_operations[] = {
    { API_BATCH, "/v1/createcomputeenvironment", "CreateComputeEnvironment",
      op_create_compute_environment, fields_create_compute_environment,
      .check = environment_check_new },
    { API_BATCH, "/v1/updatecomputeenvironment", "UpdateComputeEnvironment",
      op_update_compute_environment, fields_update_compute_environment,
      .check = environment_check_update },
    { API_BATCH, "/v1/describecomputeenvironments", "DescribeComputeEnvironments",
      op_describe_compute_environments, fields_describe_compute_environments, .heavy = true },
    { API_BATCH, "/v1/deletecomputeenvironment", "DeleteComputeEnvironment",
      op_delete_compute_environment, fields_delete_compute_environment },
    { API_BATCH, "/v1/createjobqueue", "CreateJobQueue", op_create_job_queue,
      fields_create_job_queue },
    { API_BATCH, "/v1/updatejobqueue", "UpdateJobQueue", op_update_job_queue,
      fields_update_job_queue },
    { API_BATCH, "/v1/describejobqueues", "DescribeJobQueues", op_describe_job_queues,
      fields_describe_job_queues, .heavy = true },
    { API_BATCH, "/v1/deletejobqueue", "DeleteJobQueue", op_delete_job_queue,
      fields_delete_job_queue },
    { API_BATCH, "/v1/createschedulingpolicy", "CreateSchedulingPolicy",
      op_create_scheduling_policy, fields_create_scheduling_policy, .check = sched_policy_check },
    { API_BATCH, "/v1/updateschedulingpolicy", "UpdateSchedulingPolicy",
      op_update_scheduling_policy, fields_update_scheduling_policy, .check = sched_policy_check },
    { API_BATCH, "/v1/deleteschedulingpolicy", "DeleteSchedulingPolicy",
      op_delete_scheduling_policy, fields_delete_scheduling_policy },
    { API_BATCH, "/v1/describeschedulingpolicies", "DescribeSchedulingPolicies",
      op_describe_scheduling_policies, fields_describe_scheduling_policies },
    { API_BATCH, "/v1/listschedulingpolicies", "ListSchedulingPolicies",
      op_list_scheduling_policies, fields_list_scheduling_policies },
    { API_BATCH, "/v1/tags/", "TagResource", op_change_tags, fields_tag_resource,
      .in_path = "resourceArn" },
    { API_BATCH, "/v1/tags/", "UntagResource", op_change_tags, fields_untag_resource,
      .method = "DELETE", .in_path = "resourceArn" },
    { API_BATCH, "/v1/tags/", "ListTagsForResource", op_list_tags_for_resource,
      fields_list_tags_for_resource, .method = "GET", .in_path = "resourceArn" },
    { API_BATCH, "/v1/registerjobdefinition", "RegisterJobDefinition", op_register_job_definition,
      fields_register_job_definition, .check = definition_check, .body_max = 24 * 1024,
      .body_name = "Job definition" },
    { API_BATCH, "/v1/describejobdefinitions", "DescribeJobDefinitions",
      op_describe_job_definitions, fields_describe_job_definitions, .heavy = true },
    { API_BATCH, "/v1/deregisterjobdefinition", "DeregisterJobDefinition",
      op_deregister_job_definition, fields_deregister_job_definition },
    { API_BATCH, "/v1/submitjob", "SubmitJob", op_submit_job, fields_submit_job,
      .body_max = 30 * 1024, .body_name = "Job" },
    { API_BATCH, "/v1/describejobs", "DescribeJobs", op_describe_jobs, fields_describe_jobs,
      .heavy = true },
    { API_BATCH, "/v1/listjobs", "ListJobs", op_list_jobs, fields_list_jobs, .heavy = true },
    { API_BATCH, "/v1/canceljob", "CancelJob", op_cancel_job, fields_stop_job },
    { API_BATCH, "/v1/terminatejob", "TerminateJob", op_terminate_job, fields_stop_job },
    { API_BATCH, "/v1/canceljobs", "CancelJobs", op_cancel_jobs, fields_stop_jobs },
    { API_BATCH, "/v1/terminatejobs", "TerminateJobs", op_terminate_jobs, fields_stop_jobs },
    { API_BATCH, "/v1/getjobqueuesnapshot", "GetJobQueueSnapshot", op_get_job_queue_snapshot,
      fields_get_job_queue_snapshot, .heavy = true },
    { API_LOGS, "Logs_20140328.GetLogEvents", "GetLogEvents", op_get_log_events,
      fields_get_log_events, .plain = true, .heavy = true },
    { API_LOGS, "Logs_20140328.FilterLogEvents", "FilterLogEvents", op_filter_log_events,
      fields_filter_log_events, .plain = true, .heavy = true },
    { API_LOGS, "Logs_20140328.DescribeLogGroups", "DescribeLogGroups", op_describe_log_groups,
      fields_describe_log_groups, .plain = true, .heavy = true },
    { API_LOGS, "Logs_20140328.DescribeLogStreams", "DescribeLogStreams", op_describe_log_streams,
      fields_describe_log_streams, .plain = true, .heavy = true },
    { API_ADMIN, "/openbatch/v1/createkey", "CreateKey", op_create_key, fields_create_key,
      .plain = true },
    { API_ADMIN, "/openbatch/v1/listkeys", "ListKeys", op_list_keys, fields_list_keys,
      .plain = true },
    { API_ADMIN, "/openbatch/v1/revokekey", "RevokeKey", op_revoke_key, fields_revoke_key,
      .plain = true },
    { API_ADMIN, "/openbatch/v1/putkeypolicy", "PutKeyPolicy", op_put_key_policy,
      fields_put_key_policy, .plain = true },
    { API_ADMIN, "/openbatch/v1/interruptinstance", "InterruptInstance", op_interrupt_instance,
      fields_interrupt_instance, .plain = true },
    { API_ADMIN, "/openbatch/v1/createjointoken", "CreateJoinToken", op_create_join_token,
      fields_create_join_token, .plain = true },
    NOT_BUILT("createconsumableresource", "CreateConsumableResource", "consumable resources"),
    NOT_BUILT("updateconsumableresource", "UpdateConsumableResource", "consumable resources"),
    NOT_BUILT("deleteconsumableresource", "DeleteConsumableResource", "consumable resources"),
    NOT_BUILT("describeconsumableresource", "DescribeConsumableResource", "consumable resources"),
    NOT_BUILT("listconsumableresources", "ListConsumableResources", "consumable resources"),
    NOT_BUILT(
        "listjobsbyconsumableresource", "ListJobsByConsumableResource", "consumable resources"),
    NOT_BUILT("createserviceenvironment",
              "CreateServiceEnvironment",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("updateserviceenvironment",
              "UpdateServiceEnvironment",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("deleteserviceenvironment",
              "DeleteServiceEnvironment",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("describeserviceenvironments",
              "DescribeServiceEnvironments",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("submitservicejob", "SubmitServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("describeservicejob", "DescribeServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("listservicejobs", "ListServiceJobs", "service jobs, which SageMaker runs"),
    NOT_BUILT("updateservicejob", "UpdateServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("terminateservicejob", "TerminateServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("terminateservicejobs", "TerminateServiceJobs", "service jobs, which SageMaker runs"),
    NOT_BUILT("createquotashare", "CreateQuotaShare", "quota shares, which are of service jobs"),
    NOT_BUILT("updatequotashare", "UpdateQuotaShare", "quota shares, which are of service jobs"),
    NOT_BUILT("deletequotashare", "DeleteQuotaShare", "quota shares, which are of service jobs"),
    NOT_BUILT(
        "describequotashare", "DescribeQuotaShare", "quota shares, which are of service jobs"),
    NOT_BUILT("listquotashares", "ListQuotaShares", "quota shares, which are of service jobs"),
    { 0 },
};

static bool is_key(const api_operation *op, const char *key)
{
    return op->in_path ? strncmp(op->key, key, strlen(op->key)) == 0 : strcmp(op->key, key) == 0;
}

const api_operation *api_operation_find(api_protocol protocol, const char *method, const char *key)
{
    for (const api_operation *op = api_operations; op->key; op++)
        if (op->protocol == protocol && is_key(op, key) &&
            strcmp(op->method ? op->method : "POST", method) == 0)
            return op;
    return NULL;
}

int api_operation_check_size(const api_operation *op,
                             size_t body_len,
                             const char *request_id,
                             api_reply *rep)
{
    if (op->body_max == 0 || body_len <= op->body_max)
        return 0;
    return api_client_error_long(rep, request_id, "%s size must be less than %zu KiB, got %zu KiB",
                                 op->body_name, op->body_max / 1024, (body_len + 1023) / 1024);
}

int api_operation_check(const api_operation *op,
                        json_t *body,
                        const char *request_id,
                        api_reply *rep)
{
    if (!op->handler)
        return api_client_error(rep, "%s is not supported by OpenBatch yet.", op->name);
    const char *long_form = op->plain ? NULL : request_id;
    int r = op->fields ? fields_check(op->fields, body, long_form, rep) : 0;
    return r == 0 && op->check ? op->check(body, &(const api_field_where){ "", long_form, rep })
                               : r;
}

const ob_db_stmt *const api_stmt_tables[] = {
    keys_stmts,      access_store_stmts,        api_store_stmts,          job_store_stmts,
    job_list_stmts,  submit_store_worker_stmts, sched_policy_store_stmts, tag_store_stmts,
    log_store_stmts, named_streams_stmts,       capacity_store_stmts,     NULL
};

int req_db(api_request *req, ob_error *err)
{
    return req->db ? 0 : db_pool_take(req->ctx->pool, &req->db, err);
}

void req_db_release(api_request *req)
{
    db_pool_give(req->ctx->pool, req->db);
    req->db = NULL;
}

int req_exec(api_request *req, const char *stmt, const ob_params *p, PGresult **ret, ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_exec(req->db, stmt, p, ret, err);
}

int req_sql(api_request *req, const char *sql, ob_error *err)
{
    int r = req_db(req, err);
    return r < 0 ? r : ob_db_sql(req->db, sql, NULL, NULL, err);
}
