/* Fair-share policies and job-state time limits, from JSON. Owns nothing. Any thread. */
#include "queue_policy.h"

#include <string.h>

#include "ob/json.h"

static int32_t number(const json_t *object, const char *name)
{
    return (int32_t)json_integer_value(json_object_get(object, name));
}

static void parse_weights(const json_t *list, engine_policy *out)
{
    engine_weight *weights = ob_calloc(json_array_size(list) + 1, sizeof(*weights));
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *share = json_string_value(json_object_get(entry, "shareIdentifier"));
        const json_t *factor = json_object_get(entry, "weightFactor");
        if (share)
            weights[out->n_weights++] =
                (engine_weight){ .share = share,
                                 .factor = json_is_number(factor) ? json_number_value(factor) : 1 };
    }
    out->weights = weights;
}

static void parse_limits(const json_t *list, queue_policy *out)
{
    out->limits = ob_calloc(json_array_size(list) + 1, sizeof(*out->limits));
    size_t i;
    const json_t *entry;
    json_array_foreach(list, i, entry)
    {
        const char *reason = json_string_value(json_object_get(entry, "reason"));
        int32_t seconds = number(entry, "maxTimeSeconds");
        if (reason && seconds > 0)
            out->limits[out->n_limits++] =
                (engine_time_limit){ .code = reason, .seconds = seconds };
    }
}

void policy_parse(const char *body, const char *limits, queue_policy *out)
{
    *out = (queue_policy){ 0 };
    if (body)
        (void)ob_json_parse(body, strlen(body), &out->body, NULL);
    if (limits)
        (void)ob_json_parse(limits, strlen(limits), &out->limits_body, NULL);
    const json_t *fair = json_object_get(out->body, "fairsharePolicy");
    out->policy.decay_s = number(fair, "shareDecaySeconds");
    out->policy.reservation = number(fair, "computeReservation");
    parse_weights(json_object_get(fair, "shareDistribution"), &out->policy);
    parse_limits(out->limits_body, out);
}

void policy_done(queue_policy *p)
{
    free((void *)p->policy.weights);
    free(p->limits);
    json_decref(p->body);
    json_decref(p->limits_body);
}
