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
