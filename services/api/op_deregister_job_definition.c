/* DeregisterJobDefinition: one revision becomes INACTIVE; jobs that were submitted are not touched.
 * Repeating it succeeds. Thread: an HTTP worker. */
#include "api_store.h"
#include "ob/message.h"

int op_deregister_job_definition(api_request *req, api_reply *rep)
{
    const char *text = ob_json_str(req->body, "jobDefinition", "");
    const char *rest = NULL;
    char name[API_NAME_MAX];
    int revision = 0;
    if (!arn_or_name(text, "job-definition", req->region, req->account, &rest))
        return api_client_error(rep, "JobDefinition %.300s not found.", text);
    if (!definition_name_split(rest, name, &revision) || revision == 0)
        return api_client_error(
            rep, "JobDefinition %.300s must be given as name:revision or as a full ARN.", text);
    int r = definition_deactivate(req, name, revision, &rep->err);
    if (r == -ENOENT)
        return api_client_error(rep, "JobDefinition %.300s not found.", text);
    return r;
}
