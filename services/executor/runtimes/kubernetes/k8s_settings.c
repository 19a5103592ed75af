/* The table of the Kubernetes runtime's settings. Data only; docs/configuration.md is made from
 * it. */
#include "k8s_settings.h"

#define FIELD(member) offsetof(k8s_settings, member)
const ob_config_field k8s_fields[] = {
    { "OPENBATCH_KUBERNETES_DIR", OB_CONFIG_STRING, FIELD(dir), "",
      "runtime kubernetes: directory with a file <cluster name>.json for each cluster, as kubectl "
      "config view --raw --flatten -o json writes it",
      0, 0 },
    { "OPENBATCH_KUBERNETES_CLUSTER", OB_CONFIG_STRING, FIELD(cluster), "",
      "runtime kubernetes: ARN of the cluster", 0, 0 },
    { "OPENBATCH_KUBERNETES_NAMESPACE", OB_CONFIG_STRING, FIELD(name_space), "",
      "runtime kubernetes: namespace of the compute environment", 0, 0 },
    { "OPENBATCH_KUBERNETES_NODE", OB_CONFIG_STRING, FIELD(node), "",
      "runtime kubernetes: name of the node that is the executor's instance", 0, 0 },
    { "OPENBATCH_KUBERNETES_NODE_UID", OB_CONFIG_STRING, FIELD(node_uid), "",
      "runtime kubernetes: uid of the node", 0, 0 },
    { "OPENBATCH_KUBERNETES_CE_UUID", OB_CONFIG_STRING, FIELD(ce_uuid), "",
      "runtime kubernetes: uuid of the compute environment", 0, 0 },
    { "OPENBATCH_KUBERNETES_CREATE_MS", OB_CONFIG_INT, FIELD(create_ms), "120000",
      "runtime kubernetes: time that a pod may wait for its volumes and its network, or for a "
      "container that cannot be made, before its job's attempt fails",
      1, 86400000 },
    { 0 },
};
