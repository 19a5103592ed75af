/* InterruptInstance and CreateJoinToken (OpenBatch's own: docs/capacity.md). The first sends a
 * request to the scaler by an inbox row; the second shows, once, a token with which an executor
 * joins an unmanaged environment. Thread: an HTTP worker. */
#include "environment_operations.h"
#include <string.h>

#include "capacity_store.h"
#include "eks_check.h"
#include "environment.h"
#include "ob/id.h"
#include "ob/job.h"
#include "ob/message.h"
#include "request/names.h"

int op_interrupt_instance(api_request *req, api_reply *rep)
{
    ob_cleanup(ob_pq_clearp) PGresult *res = NULL;
    const api_name *instance = names_of(req, "instanceId");
    const char *id = instance ? instance->name : "";
    const char *region = req->region;
    int r = req_db(req, &rep->err);
    if (r == 0)
        r = capacity_interrupt(req->db, req->account, region, id, &res, &rep->err);
    if (r < 0)
        return r;
    if (PQntuples(res) == 0)
        return api_error(rep, 400, "NoSuchEntityException", "instance %s does not exist", id);
    ob_instance_state state = (ob_instance_state)ob_col_int(res, 0, INTERRUPT_COL_STATE, 0);
    if (!ob_col_bool(res, 0, INTERRUPT_COL_SPOT))
        return api_client_error(rep, "instance %s is not a Spot instance", id);
    if (state != OB_INSTANCE_ACTIVE && state != OB_INSTANCE_DRAINING)
        return api_client_error(rep,
                                "instance %s is %s; only an ACTIVE instance can be interrupted", id,
                                ob_instance_state_name(state));
    api_ring_command(req->ctx);
    return 0;
}

static int make_token(api_request *req, api_reply *rep, void *arg)
{
    ob_cleanup(api_environment_done) api_environment e = { 0 };
    char hash[OB_TOKEN_HASH_TEXT];
    int r = environment_named(req, &e, rep);
    if (r < 0)
        return r;
    if (e.managed || e.deleting)
        return api_client_error(
            rep,
            e.managed ? "%s is MANAGED; hosts can join only UNMANAGED compute environments"
                      : "%s is being deleted",
            e.name);
    if (environment_is_eks(e.body))
        return api_client_error(
            rep, "%s is of a Kubernetes cluster; hosts join it as nodes with its label", e.name);
    ob_token_hash(arg, hash);
    r = capacity_add_token(req->db, e.id, hash, &rep->err);
    if (r == 0)
        rep->body = json_pack("{s:s, s:s}", "computeEnvironmentName", e.name, "joinToken", arg);
    return r;
}

int op_create_join_token(api_request *req, api_reply *rep)
{
    char token[OB_SEAL_JOIN_TEXT];
    ob_seal_join_new(&req->ctx->seal, token);
    int r = store_tx(req, OB_POINT_API_JOIN_TOKEN, rep, make_token, token);
    explicit_bzero(token, sizeof(token));
    return r;
}
