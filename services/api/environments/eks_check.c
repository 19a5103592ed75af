/* Rules for compute environments on Kubernetes clusters (AWS Batch API reference,
 * "EksConfiguration", "ComputeResource"). Changes nothing. Pure: any thread. */
#include "eks_check.h"

#include <ctype.h>
#include <string.h>

#include "definitions/pod_check.h"
#include "ob/mem.h"
#include "ob/message.h"

#define ACCOUNT_DIGITS 12
#define CLUSTER_NAME_MAX 100 /* of EKS */

bool environment_is_eks(const json_t *body)
{
    return json_object_size(json_object_get(body, "eksConfiguration")) > 0;
}

static bool is_cluster_name(const char *text)
{
    size_t n = strlen(text);
    if (n < 1 || n > CLUSTER_NAME_MAX || !isalnum((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)text[i]) && !strchr("-_", text[i]))
            return false;
    return true;
}

/* Skips "<letters, digits and hyphens>:". NULL: there is no such part. */
static const char *skip_part(const char *text)
{
    size_t n = 0;
    while (isalnum((unsigned char)text[n]) || text[n] == '-')
        n++;
    return n > 0 && text[n] == ':' ? text + n + 1 : NULL;
}

/* arn:aws:eks:<region>:<account>:cluster/<name> */
static bool is_cluster_arn(const char *text)
{
    static const char begin[] = "arn:aws", service[] = "eks:", kind[] = "cluster/";
    if (strncmp(text, begin, strlen(begin)) != 0)
        return false;
    const char *at = skip_part(text + strlen("arn:"));
    if (!at || strncmp(at, service, strlen(service)) != 0)
        return false;
    at = skip_part(at + strlen(service));
    if (!at || strspn(at, "0123456789") != ACCOUNT_DIGITS || at[ACCOUNT_DIGITS] != ':')
        return false;
    at += ACCOUNT_DIGITS + 1;
    return strncmp(at, kind, strlen(kind)) == 0 && is_cluster_name(at + strlen(kind));
}

int check_eks_cluster(json_t *arn, const api_field_where *where)
{
    if (is_cluster_arn(json_string_value(arn)))
        return 0;
    return field_refuse(where, "%s %.255s is not the ARN of an Amazon EKS cluster.", where->path,
                        json_string_value(arn));
}

int check_eks_namespace(json_t *name, const api_field_where *where)
{
    const char *text = json_string_value(name);
    if (is_dns_label(text) && strcmp(text, "default") != 0 && strncmp(text, "kube-", 5) != 0)
        return 0;
    return field_refuse(where,
                        "%s %.255s is not valid. It must not be default, must not begin with "
                        "kube-, and must match ^[a-z0-9]([-a-z0-9]*[a-z0-9])?$.",
                        where->path, text);
}

static int check_managed(const json_t *resources, const api_field_where *where)
{
    const char *strategy = ob_json_str(resources, "allocationStrategy", "");
    if (strncmp(ob_json_str(resources, "type", ""), "FARGATE", 7) == 0)
        return field_refuse(where, "Fargate is not applicable for EKS.");
    if (!*strategy)
        return field_refuse(where, "Resource allocationStrategy is required for EKS.");
    if (strcmp(strategy, "BEST_FIT") == 0)
        return field_refuse(where, "Allocation strategy BEST_FIT is not applicable for EKS.");
    return field_refuse(where,
                        "MANAGED compute environments with eksConfiguration are not supported by "
                        "OpenBatch yet: use UNMANAGED, and label the nodes of the cluster.");
}

int environment_check_eks(const json_t *body, const api_field_where *where)
{
    static const char *const others[] = { "serviceRole", "ecsSettings" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        if (!json_is_nothing(json_object_get(body, others[i])))
            return field_refuse(where, "%s is not applicable for EKS.", others[i]);
    if (strcmp(ob_json_str(body, "type", ""), "MANAGED") == 0)
        return check_managed(json_object_get(body, "computeResources"), where);
    return 0;
}
