# shellcheck shell=bash
# kube: gives OpenBatch its rights in a Kubernetes cluster, and looks whether jobs can run there (docs/kubernetes.md).
kube_usage() {
    cat <<END
usage: openbatch kube manifest NAMESPACE [--service-account]
                        print the rights that OpenBatch needs, for kubectl apply -f -
       openbatch kube check CLUSTER_FILE NAMESPACE [--environment UUID]
                        say whether jobs can run there, what is wrong, and what to do
END
}

case ${1:-} in
manifest | check) ;;
-h | --help | help)
    kube_usage
    exit 0
    ;;
*)
    kube_usage >&2
    exit 2
    ;;
esac
kube_verb=$1
shift
exec /usr/bin/python3 -B "$OB_ROOT/tools/kube/$kube_verb.py" "$@"
