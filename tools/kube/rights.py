"""What OpenBatch may do in a cluster: the rights that AWS Batch asks for, and one more, pods/log.

The manifest is made from them, and the check asks the cluster for each. What a right is for is what
the check says where it is missing.
"""

import re

USER = "aws-batch"
CLUSTER_ROLE = "aws-batch-cluster-role"
ROLE = "aws-batch-compute-environment-role"
RBAC = "rbac.authorization.k8s.io"

# (group, resources, verbs, what for); None: OpenBatch does not use it, AWS Batch asks for it.
OF_CLUSTER = [
    ("", ["namespaces"], ["get"], "to see whether the environment's namespace exists"),
    ("", ["nodes"], ["get", "list", "watch"], "to find the nodes of the environment"),
    ("", ["pods"], ["get", "list", "watch"], "to know how much room other pods leave on a node"),
    ("", ["events"], ["list"], None),
    ("", ["configmaps"], ["get", "list", "watch"], None),
    (
        "apps",
        ["daemonsets", "deployments", "statefulsets", "replicasets"],
        ["get", "list", "watch"],
        None,
    ),
    (RBAC, ["clusterroles", "clusterrolebindings"], ["get", "list"], None),
]
OF_NAMESPACE = [
    (
        "",
        ["pods"],
        ["create", "get", "list", "watch", "delete", "patch"],
        "to run jobs, and to see how they end",
    ),
    ("", ["pods/log"], ["get"], "to read the output of jobs"),
    ("", ["serviceaccounts"], ["get", "list"], None),
    (RBAC, ["roles", "rolebindings"], ["get", "list"], None),
]


def refused_namespace(name):
    """Why AWS Batch does not accept this as an environment's namespace; None: it does."""
    if not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name) or len(name) > 63:
        return (
            "a namespace has at most 63 lower-case letters, digits and dashes, and begins and ends"
            " with a letter or a digit"
        )
    if name == "default" or name.startswith("kube-"):
        return "the namespace must not be 'default', and its name must not begin with 'kube-'"
    return None
