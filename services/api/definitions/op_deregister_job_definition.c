/* DeregisterJobDefinition: one revision becomes INACTIVE; submitted jobs are not affected. A second
 * call succeeds too. Thread: an HTTP worker. */
#include "definition_operations.h"
#include "definition_store.h"
#include "request/names.h"

int op_deregister_job_definition(api_request *req, api_reply *rep)
{
    const api_name *named = names_of(req, "jobDefinition");
    const char *text = named ? named->text : "";
    if (!named || !named->name)
        return api_client_error(rep, "JobDefinition %.300s not found.", text);
    if (!named->valid || named->revision == 0)
        return api_client_error(
            rep, "JobDefinition %.300s must be given as name:revision or as a full ARN.", text);
    int r = definition_deactivate(req, named->base, named->revision, &rep->err);
    if (r == -ENOENT)
        return api_client_error(rep, "JobDefinition %.300s not found.", text);
    return r;
}
