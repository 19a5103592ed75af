/* Members of Kubernetes pods in definitions and submissions. Data only; read-only after the start.
 * They are those of the AWS Batch API reference ("EksProperties", "EksPropertiesOverride"). */
#include "definition_fields.h"
#include "request/field_tables.h"

#include "container_check.h"
#include "pod_check.h"

#define ID(n) INT(n, .min = 0, .max = INT32_MAX)

static const api_field env[] = { STRING("name", REQUIRED), STRING("value"), END };
static const api_field resources[] = { MAP("limits"), MAP("requests"), END };
static const api_field mounts[] = {
    STRING("name", REQUIRED),
    STRING("mountPath", REQUIRED),
    STRING("subPath"),
    BOOL("readOnly"),
    END,
};
static const api_field capabilities[] = {
    STRINGS("add", .max = 64, .check = check_pod_capabilities),
    STRINGS("drop", .max = 64, .check = check_pod_capabilities),
    END,
};
static const api_field seccomp[] = {
    STRING("type", .choice = "RuntimeDefault|Localhost|Unconfined", REQUIRED),
    STRING("localhostProfile"),
    END,
};
static const api_field container_security[] = {
    ID("runAsUser"),
    ID("runAsGroup"),
    BOOL("privileged"),
    BOOL("allowPrivilegeEscalation"),
    BOOL("readOnlyRootFilesystem"),
    BOOL("runAsNonRoot"),
    OBJECT("capabilities", capabilities),
    OBJECT("seccompProfile", seccomp, .check = check_pod_seccomp),
    END,
};
static const api_field container[] = {
    STRING("name", .max = 63, .check = check_pod_container_name),
    STRING("image", .min = 1, .max = 255, REQUIRED, .check = check_image),
    STRING("imagePullPolicy", .choice = "Always|IfNotPresent|Never"),
    STRINGS("command"),
    STRINGS("args"),
    OBJECTS("env", env, .check = check_pod_env),
    OBJECT("resources", resources, .check = check_pod_resources),
    OBJECTS("volumeMounts", mounts, .check = check_pod_mounts),
    OBJECT("securityContext", container_security, .check = check_pod_container_security),
    END,
};

static const api_field host_path[] = { STRING("path", REQUIRED, .check = check_pod_host_path),
                                       END };
static const api_field empty_dir[] = {
    STRING("medium", .choice = "Memory"),
    STRING("sizeLimit", .check = check_pod_quantity),
    END,
};
static const api_field secret[] = {
    STRING("secretName", REQUIRED, .check = check_dns_subdomain),
    BOOL("optional"),
    END,
};
static const api_field claim[] = {
    STRING("claimName", REQUIRED, .check = check_dns_subdomain),
    BOOL("readOnly"),
    END,
};
static const api_field volumes[] = {
    STRING("name", REQUIRED, .check = check_dns_label),
    OBJECT("hostPath", host_path),
    OBJECT("emptyDir", empty_dir),
    OBJECT("secret", secret),
    OBJECT("persistentVolumeClaim", claim),
    END,
};

static const api_field metadata[] = {
    MAP("labels", .check = check_pod_labels),
    MAP("annotations", .check = check_pod_annotations),
    STRING("namespace", .min = 1, .max = 63, .check = check_pod_namespace),
    END,
};
static const api_field pod_security[] = {
    ID("runAsUser"),
    ID("runAsGroup"),
    BOOL("runAsNonRoot"),
    ID("fsGroup"),
    OBJECT("seccompProfile", seccomp, .check = check_pod_seccomp),
    END,
};
static const api_field pull_secrets[] = {
    STRING("name", REQUIRED, .check = check_dns_subdomain),
    END,
};

static const api_field pod[] = {
    STRING("serviceAccountName", .check = check_dns_subdomain),
    BOOL("hostNetwork"),
    STRING("dnsPolicy", .choice = "Default|ClusterFirst|ClusterFirstWithHostNet"),
    OBJECTS("imagePullSecrets", pull_secrets),
    OBJECTS("containers", container, .min = 1, .max = 10, REQUIRED),
    OBJECTS("initContainers", container, .max = 10),
    OBJECTS("volumes", volumes),
    OBJECT("metadata", metadata),
    BOOL("shareProcessNamespace"),
    OBJECT("securityContext", pod_security),
    END,
};
const api_field fields_eks_properties[] = {
    OBJECT("podProperties", pod, REQUIRED, .check = check_pod),
    END,
};

static const api_field container_override[] = {
    STRING("name", .max = 63),
    STRING("image", .max = 255, .check = check_image),
    STRINGS("command"),
    STRINGS("args"),
    OBJECTS("env", env, .check = check_pod_env),
    OBJECT("resources", resources, .check = check_pod_resources),
    END,
};
static const api_field pod_override[] = {
    OBJECTS("containers", container_override, .max = 10),
    OBJECTS("initContainers", container_override, .max = 10),
    OBJECT("metadata", metadata),
    END,
};
const api_field fields_eks_override[] = { OBJECT("podProperties", pod_override), END };
