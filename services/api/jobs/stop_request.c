/* See stop_request.h. Pure: any thread. */
#include "stop_request.h"

#include <string.h>

#include "ob/job.h"
#include "ob/message.h"

#define BIT(state) (1 << (state))
#define WAITING (BIT(OB_JOB_SUBMITTED) | BIT(OB_JOB_PENDING) | BIT(OB_JOB_RUNNABLE))
#define PLACED (BIT(OB_JOB_STARTING) | BIT(OB_JOB_RUNNING))

static int read_states(const json_t *list, job_mass_stop *ret, api_reply *rep)
{
    int may = ret->how.terminate ? WAITING | PLACED : WAITING;
    size_t i;
    json_t *entry;
    ret->states = json_array_size(list) ? 0 : may;
    json_array_foreach(list, i, entry)
    {
        const char *name = json_string_value(entry);
        int found = name ? ob_job_state_parse(name) : -1;
        if (found < 0 || !(may & BIT(found)))
            return api_client_error(rep, "%.40s is not a state from which a job can be %s",
                                    name ? name : "",
                                    ret->how.terminate ? "terminated" : "cancelled");
        ret->states |= BIT(found);
    }
    return 0;
}

/* A name with or without a revision, or an ARN. */
static int
read_definition(const api_request *req, const char *text, job_mass_stop *ret, api_reply *rep)
{
    const char *name = NULL;
    if (!text)
        return 0;
    if (!arn_or_name(text, "job-definition", req->region, req->account, &name) ||
        !definition_name_split(name, ret->definition, &ret->revision))
        return api_client_error(rep, "JobDefinition %.300s not found.", text);
    return 0;
}

int stop_request_read(const api_request *req, job_mass_stop *ret, api_reply *rep)
{
    const json_t *body = req->body;
    *ret = (job_mass_stop){
        .name_prefix = json_string_value(json_object_get(body, "jobNamePrefix")),
        .share = json_string_value(json_object_get(body, "shareIdentifier")),
        .how = { .terminate = strcmp(ob_json_str(body, "action", ""), "TERMINATE") == 0,
                 .reason = ob_json_str(body, "reason", "") },
    };
    int r = read_states(json_object_get(body, "states"), ret, rep);
    return r < 0 ? r
                 : read_definition(req, json_string_value(json_object_get(body, "jobDefinition")),
                                   ret, rep);
}
