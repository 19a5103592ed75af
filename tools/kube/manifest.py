"""The rights that OpenBatch needs in a Kubernetes cluster, as YAML: `./openbatch kube manifest`."""

import argparse
import json
import sys

from rights import CLUSTER_ROLE, OF_CLUSTER, OF_NAMESPACE, RBAC, ROLE, USER, refused_namespace


def rules(rights):
    lines = []
    for group, resources, verbs, _ in rights:
        # Lists of texts in JSON are lists of texts in YAML.
        lines += [
            f"  - apiGroups: {json.dumps([group])}",
            f"    resources: {json.dumps(resources)}",
            f"    verbs: {json.dumps(verbs)}",
        ]
    return lines


def named(version, kind, name, namespace=None):
    place = f", namespace: {json.dumps(namespace)}" if namespace else ""
    return [
        "---",
        f"apiVersion: {version}",
        f"kind: {kind}",
        f"metadata: {{name: {json.dumps(name)}{place}}}",
    ]


def binding(name, role_kind, role, subject, namespace=None):
    kind = f"{role_kind}Binding"
    return named(f"{RBAC}/v1", kind, name, namespace) + [
        f"subjects: [{subject}]",
        f"roleRef: {{apiGroup: {RBAC}, kind: {role_kind}, name: {role}}}",
    ]


def service_account(namespace):
    """An account with a token that does not end, for clusters where nobody signs certificates."""
    return [
        *named("v1", "ServiceAccount", USER, namespace),
        "automountServiceAccountToken: false",
        "---",
        "apiVersion: v1",
        "kind: Secret",
        "metadata:",
        f"  name: {USER}-token",
        f"  namespace: {json.dumps(namespace)}",
        f"  annotations: {{kubernetes.io/service-account.name: {USER}}}",
        "type: kubernetes.io/service-account-token",
    ]


def manifest(namespace, account):
    subject = f"{{kind: User, name: {USER}, apiGroup: {RBAC}}}"
    of_cluster = f"{CLUSTER_ROLE}-binding"
    if account:
        subject = f"{{kind: ServiceAccount, name: {USER}, namespace: {json.dumps(namespace)}}}"
        of_cluster += f"-{namespace}"  # each namespace has an account of its own
    v1 = f"{RBAC}/v1"
    return [
        f"# What OpenBatch may do in the namespace {namespace}: the roles of AWS Batch on Amazon",
        "# EKS, and the right to read the output of pods (pods/log).",
        *named("v1", "Namespace", namespace),
        *named(v1, "ClusterRole", CLUSTER_ROLE),
        "rules:",
        *rules(OF_CLUSTER),
        *binding(of_cluster, "ClusterRole", CLUSTER_ROLE, subject),
        *named(v1, "Role", ROLE, namespace),
        "rules:",
        *rules(OF_NAMESPACE),
        *binding(f"{ROLE}-binding", "Role", ROLE, subject, namespace),
        *(service_account(namespace) if account else []),
    ]


def main():
    parser = argparse.ArgumentParser(
        prog="openbatch kube manifest",
        description="Prints the rights that OpenBatch needs in a Kubernetes cluster.",
    )
    parser.add_argument("namespace", metavar="NAMESPACE", help="where the pods of jobs are made")
    parser.add_argument(
        "--service-account",
        action="store_true",
        help=f"for a ServiceAccount '{USER}' of that namespace, which it makes with a token, "
        f"instead of the user '{USER}'",
    )
    args = parser.parse_args()
    why = refused_namespace(args.namespace)
    if why:
        sys.exit(f"openbatch: {args.namespace}: {why}")
    print("\n".join(manifest(args.namespace, args.service_account)))


if __name__ == "__main__":
    main()
