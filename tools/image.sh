# shellcheck shell=bash
# image: the store of images of executors that run containers without an engine (docs/containers.md).
. "$OB_ROOT/tools/install.sh"

image_usage() {
    cat <<EOF
usage: openbatch image list
       openbatch image pull NAME          copy an image from the Docker engine or a registry, even if it is there
       openbatch image load FILE [NAME]   take images from an archive of docker save, or of an OCI image
       openbatch image rm NAME            remove a name, and its image if it has no other name
EOF
}

# Runs openbatch-image as an executor does: with the settings of `up`, and its proxy.
image_program() {
    local program name value options
    program=$(dirname "$(program_of executor)")/openbatch-image
    [[ -x $program ]] || die "$program is missing; run './openbatch up' again"
    options=(--store "$(copy_setting OPENBATCH_OCI_IMAGES "$OPENBATCH_HOME/images")" --engine "$(engine_host)"
        --credentials "$(copy_setting OPENBATCH_DOCKER_CONFIG "")")
    value=$(copy_setting OPENBATCH_OCI_IMAGES_BYTES "")
    [[ -z $value ]] || options+=(--limit "$value")
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR; do
        value=$(copy_setting "$name" "")
        [[ -z $value ]] || export "$name=$value"
    done
    "$program" "${options[@]}" "$@"
}

case ${1:-} in
list) (($# == 1)) || die "image list takes no arguments" ;;
pull | rm) (($# == 2)) || die "image $1 needs one NAME" ;;
load) (($# == 2 || $# == 3)) || die "image load needs a FILE, and perhaps a NAME" ;;
-h | --help | help)
    image_usage
    exit 0
    ;;
*)
    image_usage >&2
    exit 2
    ;;
esac
need_home
((EUID == 0)) || die "images are unpacked by root, for executors that run as root: run this as root"
[[ -n $OB_PACKAGED ]] || install_packages oci
image_program "$@"
