#!/bin/bash
# Makes the program with all parts of a Kubernetes cluster, once, and prints its path: build.sh FOLDER
# It is kept in FOLDER under a name made from what it is built from. It takes about 20 minutes of a processor.
#   OPENBATCH_KUBERNETES_PROGRAM  a program that is there already
#   OPENBATCH_KUBERNETES_BUILD_S  give up after so many seconds; what was compiled is kept for the next try
#   OPENBATCH_KUBERNETES_PARALLEL how many compilers run at once
# build.sh --find FOLDER builds nothing: it fails silently if the program is not there.
set -euo pipefail
source=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
find=
if [[ $1 == --find ]]; then
    find=1
    shift
fi
folder=$(realpath -m "$1")
VERSION=1.35.4

note() { printf 'openbatch: %s\n' "$*" >&2; }
give_up() {
    note "Kubernetes $VERSION cannot be built: $*"
    exit 1
}

if [[ -n ${OPENBATCH_KUBERNETES_PROGRAM:-} ]]; then
    [[ -x $OPENBATCH_KUBERNETES_PROGRAM ]] || give_up "OPENBATCH_KUBERNETES_PROGRAM=$OPENBATCH_KUBERNETES_PROGRAM is not a program"
    printf '%s\n' "$OPENBATCH_KUBERNETES_PROGRAM"
    exit
fi
digest=$(cat "$source"/{main.go,go.mod,go.sum} | sha256sum | cut -c1-12)
program=$folder/kubernetes-$VERSION-$digest
if [[ -n $find ]]; then
    [[ -x $program ]] || exit
    printf '%s\n' "$program"
    exit
fi
mkdir -p "$folder"
exec 9>"$folder/lock"
flock 9
if [[ ! -x $program ]]; then
    command -v go >/dev/null || give_up "there is no Go (1.21 or newer), which compiles it"
    seconds=${OPENBATCH_KUBERNETES_BUILD_S:-2400}
    note "building Kubernetes $VERSION for the tests, once: this takes about 20 minutes of a processor (log: $folder/log)"
    export CGO_ENABLED=0 GOFLAGS="-buildvcs=false -modcacherw" GOCACHE=$folder/cache GOMODCACHE=$folder/modules
    package=k8s.io/component-base/version
    status=0
    (cd "$source" && timeout "$seconds" go build -p "${OPENBATCH_KUBERNETES_PARALLEL:-2}" -mod=readonly -trimpath \
        -ldflags "-s -w -X $package.gitVersion=v$VERSION -X $package.gitMajor=1 -X $package.gitMinor=35" \
        -o "$program.new" .) >"$folder/log" 2>&1 </dev/null 9>&- || status=$?
    ((status != 124)) || give_up "it takes longer than $seconds s; the next try goes on from there"
    ((status == 0)) || give_up "$(tail -n 3 "$folder/log")"
    mv "$program.new" "$program"
    # What it was made from takes 4 GB and is of no use any more.
    rm -rf "$folder/cache" "$folder/modules"
fi
printf '%s\n' "$program"
