/* DeleteComputeEnvironment: marks it as deleted; the scaler gives its instances back and removes
 * its status, then it is gone. A second call succeeds too. Thread: an HTTP worker. */
#include "environment.h"
#include "environment_operations.h"
#include "ob/message.h"

static int delete (api_request *req, api_reply *rep, void *arg)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    int r = environment_named(req, true, &e, rep);
    if (r < 0)
        return r;
    if (e.deleting)
        return 0;
    if (!e.has_status || !e.current)
        return api_client_error(rep, "Cannot delete, resource is being modified");
    if (e.enabled)
        return api_client_error(
            rep, "Cannot delete, the state of the compute environment must be DISABLED");
    bool in_use = false;
    r = environment_in_use(req, e.id, &in_use, &rep->err);
    if (r < 0)
        return r;
    if (in_use)
        return api_client_error(rep, "Cannot delete, found existing JobQueue relationship");
    e.deleting = true;
    return environment_update(req, &e, &rep->err);
}

int op_delete_compute_environment(api_request *req, api_reply *rep)
{
    int r = store_tx(req, OB_POINT_API_ENVIRONMENT_DELETE, rep, delete, NULL);
    if (r == 0)
        api_ring_command(req->ctx);
    return r;
}
