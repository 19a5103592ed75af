/* DeleteJobQueue: marks it as deleted; the scheduler ends its jobs and removes its status, then it
 * is gone. A second call succeeds too. Thread: an HTTP worker. */
#include "ob/message.h"
#include "queue_operations.h"
#include "queue_rules.h"

static int delete (api_request *req, api_reply *rep, void *arg)
{
    ob_cleanup(api_wanted_queue_done) api_wanted_queue q = { 0 };
    int r = queue_named(req, &q, rep);
    if (r < 0)
        return r;
    if (q.deleting)
        return 0;
    if (!q.has_status || !q.current)
        return api_client_error(rep, "Cannot delete, resource is being modified");
    if (q.enabled)
        return api_client_error(rep, "Cannot delete, the state of the job queue must be DISABLED");
    q.deleting = true;
    return queue_update(req, &q, &rep->err);
}

int op_delete_job_queue(api_request *req, api_reply *rep)
{
    int r = store_tx(req, OB_POINT_API_QUEUE_DELETE, rep, delete, NULL);
    if (r == 0)
        api_ring_command(req->ctx);
    return r;
}
