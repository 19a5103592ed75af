# shellcheck shell=bash disable=SC2034  # the verbs use what is set here
# Shared by the verbs: the place of a copy's state, its settings, its processes, its health.
# Sourced by ./openbatch with OB_ROOT set; changes nothing by itself.

say() { printf '%s\n' "$*"; }
note() { printf 'openbatch: %s\n' "$*" >&2; }
die() {
    note "$*"
    exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

ob_version() {
    local v
    v=$(sed -n "s/^ *version: '\(.*\)',$/\1/p" "$OB_ROOT/meson.build" | head -n 1)
    say "$v$(git -C "$OB_ROOT" describe --always --dirty 2>/dev/null | sed 's/^/ (/; s/$/)/')"
}

# --- where things are ---------------------------------------------------------------------------

PATH=$PATH:/usr/sbin:/sbin
# Installed by a package: the services' settings are those of the command, too, and systemd starts the services.
OB_PACKAGED=
if [[ -f $OB_ROOT/packaged ]]; then
    OB_PACKAGED=1
    # shellcheck source=/dev/null
    if [[ -r /etc/openbatch/openbatch.conf ]]; then set -a && . /etc/openbatch/openbatch.conf && set +a; fi
    OPENBATCH_HOME=${OPENBATCH_HOME:-/var/lib/openbatch}
fi
OPENBATCH_HOME=$(realpath -m "${OPENBATCH_HOME:-$OB_ROOT/.openbatch}")
export OPENBATCH_HOME
OB_HASH=$(printf %s "$OPENBATCH_HOME" | sha256sum | cut -c1-8)
# Unix socket paths have at most 107 bytes, so sockets are in a short directory, however deep the home is.
if [[ -n $OB_PACKAGED ]]; then
    OPENBATCH_RUN_DIR=${OPENBATCH_RUN_DIR:-/run/openbatch}
elif ((EUID == 0)); then
    OPENBATCH_RUN_DIR=/run/openbatch/$OB_HASH
else
    OPENBATCH_RUN_DIR=${XDG_RUNTIME_DIR:-/tmp}/openbatch-$EUID-$OB_HASH
fi
export OPENBATCH_RUN_DIR
# PostgreSQL runs as another user than the rest and makes its socket itself, so it has its own directory.
OB_PG_SOCKETS=$OPENBATCH_RUN_DIR.pg

BACKING=(postgres redis kafka)
SERVICES=(api scheduler scaler console)
# The programs that a user's copy needs.
# shellcheck disable=SC2034
PROGRAMS=(services/api/openbatch-api services/scheduler/openbatch-scheduler
    services/scaler/openbatch-scaler services/executor/openbatch-executor services/console/openbatch-console
    services/executor/openbatch-keeper services/executor/openbatch-image tools/logger/openbatch-logger)

# Settings that later verbs must find again: KEY=VALUE lines of $OPENBATCH_HOME/config.
config_get() {
    [[ -f $OPENBATCH_HOME/config ]] && sed -n "s/^$1=//p" "$OPENBATCH_HOME/config" | tail -n 1
    return 0
}
config_set() {
    local rest
    rest=$(grep -v "^$1=" "$OPENBATCH_HOME/config" 2>/dev/null || :)
    printf '%s\n' ${rest:+"$rest"} "$1=$2" >"$OPENBATCH_HOME/config.new"
    mv "$OPENBATCH_HOME/config.new" "$OPENBATCH_HOME/config"
}

OPENBATCH_PORT=${OPENBATCH_PORT:-$(config_get port)}
OPENBATCH_PORT=${OPENBATCH_PORT:-8080}
if ! [[ $OPENBATCH_PORT =~ ^[1-9][0-9]{0,4}$ ]] || ((OPENBATCH_PORT > 65516)); then
    die "OPENBATCH_PORT=$OPENBATCH_PORT is not a port number up to 65516"
fi
OB_KAFKA_PORT=$((OPENBATCH_PORT + 1))
OB_CONTROLLER_PORT=$((OPENBATCH_PORT + 2))
OB_TLS_PORT=$((OPENBATCH_PORT + 3))
OB_KAFKA_REMOTE_PORT=$((OPENBATCH_PORT + 4))
OB_CONSOLE_PORT=$((OPENBATCH_PORT + 5))
OB_CONSOLE_TLS_PORT=$((OPENBATCH_PORT + 6))
export OPENBATCH_PORT

# The container engine: ours when `up` started one, otherwise the one that answered then; none where executors run
# containers themselves.
OB_DOCKER_SOCKET=unix:///var/run/docker.sock
engine_is_ours() { [[ $(config_get engine) == ours ]]; }
engine_host() {
    local engine
    engine=$(config_get engine)
    case $engine in
    ours) say "unix://$OPENBATCH_RUN_DIR/docker.sock" ;;
    none) ;;
    *) say "$engine" ;;
    esac
}

# What runs the containers of new instances: docker, oci or null.
runtime_of_copy() {
    local runtime
    runtime=$(sed -n 's/^OPENBATCH_RUNTIME=//p' "$OPENBATCH_HOME/env" 2>/dev/null || :)
    say "${runtime:-docker}"
}

# What runs containers, in a few lines that begin with $1, for people.
said_of_engine() {
    local host why="no Docker engine answered at the first 'up'"
    host=$(engine_host)
    # Executors of a copy that had an engine before keep it until their instances end.
    if [[ $(runtime_of_copy) == oci ]]; then
        [[ $(config_get runtime_from) != variable ]] || why='OPENBATCH_RUNTIME=oci was chosen'
        say "$1none: $(engine_is_ours && say "new ")executors run containers themselves, with $(copy_setting OPENBATCH_OCI_RUNTIME crun) ($why)"
        host=${host:-$OB_DOCKER_SOCKET}
        ! engine_answers "$host" || say "${1//[a-z]/ }images are also taken from Docker, $host$(engine_is_ours && say ', which OpenBatch started')"
    else
        say "$1Docker, $host$(engine_is_ours && say ', started by OpenBatch')"
    fi
}

# Where executors that run containers themselves have these, and their images.
oci_home() { copy_setting OPENBATCH_OCI_HOME "$OPENBATCH_HOME/oci"; }
oci_store() { copy_setting OPENBATCH_OCI_IMAGES "$OPENBATCH_HOME/images"; }

# HTTPS in front of the api, after `up --tls`.
tls_is_on() { [[ $(config_get tls) == on ]]; }
endpoint() {
    if tls_is_on; then say "https://$(config_get tls_host):$OB_TLS_PORT"; else say "http://127.0.0.1:$OPENBATCH_PORT"; fi
}

# Where the web console is, for browsers.
console_endpoint() {
    if tls_is_on; then say "https://$(config_get tls_host):$OB_CONSOLE_TLS_PORT"; else say "http://127.0.0.1:$OB_CONSOLE_PORT"; fi
}

# The text of a link that signs in, made with this copy's root key.
console_link() {
    (
        set -a
        # shellcheck source=/dev/null
        [[ ! -r $OPENBATCH_HOME/env ]] || . "$OPENBATCH_HOME/env"
        as_openbatch "$(program_of console)" --link
    )
}

kafka_address() { say "127.0.0.1:$OB_KAFKA_PORT"; }

# The address of Kafka for executors on other hosts, if `up` made it listen for them; else empty.
kafka_remote() { config_get kafka_remote; }

program_of() { say "$(config_get build)/services/$1/openbatch-$1"; }

# A setting of this copy: the caller's, or else that of the last `up`.
copy_setting() { # NAME DEFAULT
    if [[ -n ${!1:-} ]]; then
        say "${!1}"
    elif [[ -r $OPENBATCH_HOME/env ]]; then
        # shellcheck source=/dev/null
        (. "$OPENBATCH_HOME/env" && say "${!1:-$2}")
    else
        say "$2"
    fi
}

initialised() { [[ -f $OPENBATCH_HOME/secrets/root.key ]]; }
need_home() {
    initialised || die "there is no copy in $OPENBATCH_HOME; run './openbatch up', or set OPENBATCH_HOME to another directory"
}

# Only one verb at a time may change the copy. Programs that we start must not inherit the descriptor (9>&-).
take_lock() {
    mkdir -p "$OPENBATCH_HOME"
    exec 9>"$OPENBATCH_HOME/lock"
    flock -n 9 && return 0
    note "another openbatch command is using $OPENBATCH_HOME; waiting for it"
    flock 9
}

# --- processes ----------------------------------------------------------------------------------

# Texts of others, without what would change a terminal; tools/plain.py does the same.
plainly() { LC_ALL=C.UTF-8 sed -u $'s/\t/    /g; s/[[:cntrl:]]/?/g'; }

# A process's command for people, at most so many bytes of it; nothing if it is gone.
command_of() { # PID BYTES
    { tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null | plainly | cut -c1-"$2" || :
}

# The service directories of executors on this host; the scaler makes and starts them.
instance_dirs() {
    local d
    for d in "$OPENBATCH_HOME"/instances/*/; do
        [[ -d ${d}supervise ]] && say "${d%/}"
    done
    return 0
}

# Processes of this copy (its home is in their environment), by command name. A job's container can have that environment,
# too, and a process of that name, but has process numbers of its own.
# usage: our_pids NAME...; names are those of /proc/*/comm (15 bytes). This shell and its parents are not among them.
our_pids() {
    local p pid comm name namespace
    namespace=$(readlink /proc/self/ns/pid)
    for p in /proc/[0-9]*; do
        pid=${p#/proc/}
        { read -r comm <"$p/comm"; } 2>/dev/null || continue
        for name in "$@"; do
            [[ $comm == "${name:0:15}" ]] || continue
            [[ $(readlink "$p/ns/pid" 2>/dev/null) == "$namespace" ]] || continue
            if grep -qzxF "OPENBATCH_HOME=$OPENBATCH_HOME" "$p/environ" 2>/dev/null; then say "$pid"; fi
        done
    done
}

runsvdir_pid() {
    local pid
    pid=$(cat "$OPENBATCH_HOME/runsvdir.pid" 2>/dev/null) || return 1
    [[ $(cat "/proc/$pid/comm" 2>/dev/null) == runsvdir ]] || return 1
    grep -qzxF "OPENBATCH_HOME=$OPENBATCH_HOME" "/proc/$pid/environ" 2>/dev/null || return 1
    say "$pid"
}

# As the user of the services, where that is not the user of the command.
as_openbatch() { "$@"; }

# The first of twenty free ports in a row.
free_ports() {
    local port
    for ((port = 20000 + RANDOM % 400 * 20; port < 32000; port += 20)); do
        [[ -z $(ss -Hltn "sport >= :$port and sport < :$((port + 20))") ]] && say "$port" && return
    done
    die "there are no twenty free ports in a row between 20000 and 32000"
}

# --- health: the exit status is the result; nothing is printed ------------------------------------

healthy() {
    case $1 in
    postgres) timeout 5 pg_isready -q -h "$OPENBATCH_RUN_DIR" -U openbatch ;;
    redis) [[ $(timeout 5 redis-cli -s "$OPENBATCH_RUN_DIR/redis.sock" ping 2>/dev/null) == PONG ]] ;;
    kafka) timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$OB_KAFKA_PORT" 2>/dev/null ;;
    dockerd) engine_answers "unix://$OPENBATCH_RUN_DIR/docker.sock" ;;
    api | scheduler | scaler | console) service_health "$1" >/dev/null ;;
    tls) curl -fsk --noproxy '*' -m 5 "https://$(config_get tls_address):$OB_TLS_PORT/healthz" >/dev/null 2>&1 ;;
    esac
}

# Prints a service's own report of its health, for people; fails unless it is healthy.
service_health() { /usr/bin/python3 -B "$OB_ROOT/tools/health.py" --brief "$1" "$OPENBATCH_RUN_DIR" "$OPENBATCH_PORT"; }

engine_answers() {
    if [[ $1 == unix://* ]]; then
        [[ $(curl -s --noproxy '*' -m 5 --unix-socket "${1#unix://}" http://docker/_ping 2>/dev/null) == OK ]]
    else
        have docker && timeout 10 docker -H "$1" version >/dev/null 2>&1
    fi
}

# Runs openbatch-image as an executor does: with the settings of `up`, its engine and its proxy.
image_program() {
    local program host name value options
    program=$(dirname "$(program_of executor)")/openbatch-image
    [[ -x $program ]] || die "$program is missing; run './openbatch up' again"
    host=$(engine_host)
    options=(--store "$(oci_store)" --engine "${host:-$OB_DOCKER_SOCKET}"
        --credentials "$(copy_setting OPENBATCH_DOCKER_CONFIG "")")
    value=$(copy_setting OPENBATCH_OCI_IMAGES_BYTES "")
    [[ -z $value ]] || options+=(--limit "$value")
    for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY SSL_CERT_FILE SSL_CERT_DIR; do
        value=$(copy_setting "$name" "")
        [[ -z $value ]] || export "$name=$value"
    done
    "$program" "${options[@]}" "$@"
}

# Runs one of our tools that use this copy with boto3.
client() {
    local script=$1
    shift
    [[ -f $OPENBATCH_HOME/venv/.installed-tools-requirements.txt ]] || die "'./openbatch up' has not finished here yet"
    eval "$(print_env)"
    "$OPENBATCH_HOME/venv/bin/python" "$OB_ROOT/tools/$script" "$@"
}

# `export` lines for people and SDKs. AWS_ENDPOINT_URL would redirect every other AWS service to this endpoint too.
print_env() {
    local key url ca
    url=$(endpoint)
    mapfile -t key <"$OPENBATCH_HOME/secrets/root.key"
    printf 'export %s=%q\n' \
        AWS_ENDPOINT_URL_BATCH "$url" AWS_ENDPOINT_URL_CLOUDWATCH_LOGS "$url" AWS_ENDPOINT_URL_STS "$url" \
        AWS_ACCESS_KEY_ID "${key[0]}" AWS_SECRET_ACCESS_KEY "${key[1]}" AWS_REGION us-east-1 AWS_DEFAULT_REGION us-east-1 \
        OPENBATCH_KAFKA "$(kafka_address)" OPENBATCH_KAFKA_USER reader \
        OPENBATCH_KAFKA_PASSWORD "$(<"$OPENBATCH_HOME/secrets/kafka-reader.password")"
    if tls_is_on; then
        ca=$(config_get tls_ca)
        [[ -z $ca ]] || printf 'export AWS_CA_BUNDLE=%q\n' "$ca"
    fi
    # A token or profile of a real account must not interfere.
    printf 'unset AWS_SESSION_TOKEN AWS_PROFILE\n'
    if engine_is_ours; then printf 'export DOCKER_HOST=%q\n' "$(engine_host)"; fi
}

# The last lines of a service's log, indented, for messages about what failed.
log_tail() {
    local f=$OPENBATCH_HOME/log/$1/current
    [[ -s $f ]] || return 0
    note "the end of $f:"
    tail -n "${2:-15}" "$f" | sed 's/^/    /' >&2
}

# shellcheck source=tools/packaged/lib.sh
if [[ -n $OB_PACKAGED ]]; then . "$OB_ROOT/tools/packaged/lib.sh"; fi
