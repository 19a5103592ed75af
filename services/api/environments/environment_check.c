/* Rules for compute environments (AWS Batch API reference, "ComputeResource"): by type, MANAGED or
 * UNMANAGED, and by the kind of resources. Owns the texts that clients compare. Changes nothing.
 * Pure: any thread. */
#include "environment_check.h"

#include <stdio.h>
#include <string.h>

#include "eks_check.h"
#include "ob/catalog.h"
#include "ob/message.h"

bool environment_is_fargate(const json_t *resources)
{
    return strncmp(ob_json_str(resources, "type", ""), "FARGATE", 7) == 0;
}

static int unknown_type(const api_field_where *where)
{
    char list[7500];
    size_t n = 0, len = 0;
    const char *const *entries = ob_catalog_entries(&n);
    list[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        int more = snprintf(list + len, sizeof list - len, "%s%s", i ? ", " : "", entries[i]);
        if (more < 0 || len + (size_t)more >= sizeof list)
            break;
        len += (size_t)more;
    }
    return field_refuse(where, "Instance type can only be one of [%s]", list);
}

static int check_types(const json_t *resources, const api_field_where *where)
{
    const json_t *types = json_object_get(resources, "instanceTypes");
    if (json_array_size(types) == 0)
        return field_refuse(where, "Resource instanceTypes is required.");
    ob_arch first = OB_ARCH_NONE;
    for (size_t i = 0; i < json_array_size(types); i++) {
        ob_arch arch = ob_catalog_entry_arch(json_string_value(json_array_get(types, i)));
        if (arch == OB_ARCH_NONE)
            return unknown_type(where);
        if (i == 0)
            first = arch;
        if (arch != first)
            return field_refuse(
                where, "arm-based instance type cannot be used with other instance types.");
    }
    return 0;
}

static int check_spot(const json_t *resources, const api_field_where *where)
{
    bool spot = strcmp(ob_json_str(resources, "type", ""), "SPOT") == 0;
    const char *strategy = ob_json_str(resources, "allocationStrategy", "BEST_FIT");
    if (!spot && strncmp(strategy, "SPOT_", 5) == 0)
        return field_refuse(
            where, "Allocation strategy %s can only be used with compute resources of type SPOT.",
            strategy);
    if (spot && strcmp(strategy, "BEST_FIT_PROGRESSIVE_ORDERED") == 0)
        return field_refuse(
            where, "Allocation strategy %s can only be used with compute resources of type EC2.",
            strategy);
    if (spot && strcmp(strategy, "BEST_FIT") == 0 &&
        !*ob_json_str(resources, "spotIamFleetRole", ""))
        return field_refuse(where, "ComputeResources.spotIamFleetRole cannot not be null or empty");
    return 0;
}

static int check_template(const json_t *template, const char *what, const api_field_where *where)
{
    bool id = *ob_json_str(template, "launchTemplateId", ""),
         name = *ob_json_str(template, "launchTemplateName", "");
    const char *version = ob_json_str(template, "version", "");
    if (id == name)
        return field_refuse(
            where, "%s must have either launchTemplateId or launchTemplateName, not both.", what);
    if (*version && strcmp(version, "$Default") != 0 && strcmp(version, "$Latest") != 0 &&
        version[strspn(version, "0123456789")])
        return field_refuse(where, "%s.version %.60s is not valid.", what, version);
    return 0;
}

static int check_machine(const json_t *resources, const api_field_where *where)
{
    const json_t *template = json_object_get(resources, "launchTemplate");
    size_t i;
    json_t *one;
    int r = json_is_nothing(template) ? 0 : check_template(template, "launchTemplate", where);
    json_array_foreach(json_object_get(template, "overrides"), i, one)
    {
        char what[60];
        (void)snprintf(what, sizeof what, "launchTemplate.overrides[%zu]", i);
        if (r == 0)
            r = check_template(one, what, where);
    }
    if (r < 0)
        return r;
    const json_t *images = json_object_get(resources, "ec2Configuration");
    if (json_array_size(images) == 2 &&
        json_equal(json_object_get(json_array_get(images, 0), "imageType"),
                   json_object_get(json_array_get(images, 1), "imageType")))
        return field_refuse(where, "ec2Configuration has an imageType more than once.");
    int64_t delay =
        ob_json_int(json_object_get(resources, "scalingPolicy"), "minScaleDownDelayMinutes", 0);
    if (delay != 0 && delay < 20)
        return field_refuse(where,
                            "scalingPolicy.minScaleDownDelayMinutes must be 0, or between 20 and "
                            "10080.");
    return 0;
}

static int check_ec2(const json_t *resources, bool changed, const api_field_where *where)
{
    if (!*ob_json_str(resources, "instanceRole", ""))
        return field_refuse(where, "Instance role is required.");
    if (!json_object_get(resources, "minvCpus"))
        return field_refuse(where, "Resource minvCpus is required.");
    int64_t min = ob_json_int(resources, "minvCpus", 0),
            max = ob_json_int(resources, "maxvCpus", 0);
    int64_t desired = ob_json_int(resources, "desiredvCpus", min);
    if (min > max)
        return field_refuse(where, "minvCpus must not be greater than maxvCpus.");
    if (desired < min || desired > max)
        return field_refuse(where, "desiredvCpus must be between minvCpus and maxvCpus.");
    if (!changed && json_array_size(json_object_get(resources, "subnets")) == 0)
        return field_refuse(where, "Resource subnets is required.");
    int r = check_types(resources, where);
    if (r == 0)
        r = check_spot(resources, where);
    return r < 0 ? r : check_machine(resources, where);
}

static int check_fargate(const json_t *resources, const api_field_where *where)
{
    static const char *const others[] = { "minvCpus",
                                          "desiredvCpus",
                                          "instanceTypes",
                                          "instanceRole",
                                          "allocationStrategy",
                                          "bidPercentage",
                                          "launchTemplate",
                                          "spotIamFleetRole",
                                          "imageId",
                                          "ec2KeyPair",
                                          "ec2Configuration",
                                          "placementGroup",
                                          "scalingPolicy",
                                          "tags" };
    static const char *const networks[] = { "subnets", "securityGroupIds" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        const json_t *value = json_object_get(resources, others[i]);
        if (json_is_integer(value) || !json_is_nothing(value))
            return field_refuse(where, "%s is not applicable for Fargate.", others[i]);
    }
    for (size_t i = 0; i < 2; i++)
        if (json_array_size(json_object_get(resources, networks[i])) == 0)
            return field_refuse(where, "Resource %s is required.", networks[i]);
    if (json_array_size(json_object_get(resources, "securityGroupIds")) > 5)
        return field_refuse(where, "securityGroupIds may have at most 5 entries.");
    return 0;
}

int environment_check_resources(const json_t *resources, bool changed, const api_field_where *where)
{
    return environment_is_fargate(resources) ? check_fargate(resources, where)
                                             : check_ec2(resources, changed, where);
}

int environment_check_new(const json_t *body, const api_field_where *where)
{
    const json_t *resources = json_object_get(body, "computeResources");
    if (strcmp(ob_json_str(body, "type", ""), "MANAGED") == 0) {
        if (!resources)
            return field_refuse(
                where, "computeResources must be provided for a MANAGED compute environment");
        if (json_object_get(body, "unmanagedvCpus"))
            return field_refuse(
                where, "unmanagedvCpus can only be set for an UNMANAGED compute environment");
        int r = environment_check_resources(resources, false, where);
        return r == 0 && environment_is_eks(body) ? environment_check_eks(body, where) : r;
    }
    if (!json_is_nothing(resources))
        return field_refuse(
            where, "computeResources must not be provided for an UNMANAGED compute environment");
    if (environment_is_eks(body))
        return environment_check_eks(body, where);
    if (!*ob_json_str(body, "serviceRole", ""))
        return field_refuse(where, "ServiceRole is required.");
    return 0;
}

int environment_check_update(const json_t *body, const api_field_where *where)
{
    static const char *const any[] = { "state",          "computeResources", "serviceRole",
                                       "unmanagedvCpus", "updatePolicy",     "ecsSettings",
                                       "context",        "eksConfiguration" };
    size_t given = 0;
    for (size_t i = 0; i < ARRAY_SIZE(any); i++)
        given += json_object_get(body, any[i]) != NULL;
    if (given == 0)
        return field_refuse(
            where,
            "One of [state | compute-resources | service-role | unmanaged-vcpus] is required.");
    const json_t *resources = json_object_get(body, "computeResources");
    if (resources && json_object_size(resources) == 0)
        return field_refuse(where, "At least one compute-resources attribute must be specified");
    return 0;
}
