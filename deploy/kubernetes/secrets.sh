#!/bin/bash
# Makes the secrets of an OpenBatch in Kubernetes, each once, as files: secrets.sh FOLDER
# If a server has a password already, write it there before: postgres.password,
# redis.password, and kafka-USER.password for the users api, scheduler, scaler, executor and reader.
set -euo pipefail
(($# == 1)) || {
    echo 'usage: secrets.sh FOLDER' >&2
    exit 2
}
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
mkdir -p "$1"
chmod 700 "$1"
# tools/secrets.sh makes them in secrets/ of a home.
OPENBATCH_HOME=$(mktemp -d)
trap 'rm -rf "$OPENBATCH_HOME"' EXIT
ln -s "$(realpath "$1")" "$OPENBATCH_HOME/secrets"
# shellcheck source=tools/secrets.sh
. "$here/../../tools/secrets.sh"
make_secrets
make_secret redis.password random_of 'A-Za-z0-9' 32
make_secret postgres.password random_of 'A-Za-z0-9' 32
# It becomes a variable, where an end of line would be part of the password.
[[ $(tail -c 1 "$1/postgres.password" | wc -l) == 0 ]] || truncate -s -1 "$1/postgres.password"
