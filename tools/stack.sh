# shellcheck shell=bash
# Makes a copy's files (directories, service directories) and starts and stops its supervised processes.

make_run_dir() {
    local parent=${OPENBATCH_RUN_DIR%/*} dir
    if ((EUID == 0)); then install -d -m 755 "$parent"; fi
    for dir in "$OPENBATCH_RUN_DIR" "$OB_PG_SOCKETS"; do
        [[ -d $dir ]] || mkdir -m 700 "$dir"
        # /tmp is shared: a directory that another user made there is not ours.
        [[ ! -L $dir && $(stat -c %u "$dir") =~ ^($EUID|$(pg_uid))$ ]] || die "$dir belongs to another user"
        chmod 700 "$dir"
    done
    if ((EUID == 0)); then chown postgres:postgres "$OB_PG_SOCKETS"; fi
    ln -sfn "$OB_PG_SOCKETS/.s.PGSQL.5432" "$OPENBATCH_RUN_DIR/.s.PGSQL.5432"
}

pg_uid() { if ((EUID == 0)); then id -u postgres; else echo "$EUID"; fi; }

# Prints a file in the home that is none of what is installed and built there before there is a copy.
foreign_files() {
    [[ -d $OPENBATCH_HOME ]] || return 0
    find "$OPENBATCH_HOME" -mindepth 1 -maxdepth 1 ! -name lock ! -name log ! -name kafka ! -name venv ! -name 'm2*' ! -name node_modules ! -name web \
        ! -name 'package*.json' ! -name 'build*' -print -quit
}

make_home() {
    local other
    # `down --wipe` deletes everything in a home, so it must not contain other files.
    if [[ -z $(config_get made) ]]; then
        other=$(foreign_files)
        [[ -z $other ]] || die "OPENBATCH_HOME=$OPENBATCH_HOME contains other files ($other); choose an empty directory"
    fi
    # Others may pass through (PostgreSQL has its data below), but not list it.
    mkdir -p "$OPENBATCH_HOME"
    chmod 711 "$OPENBATCH_HOME"
    (umask 077 && cd "$OPENBATCH_HOME" && mkdir -p secrets log sv kafka instances)
    # Kafka's data has the descriptions of jobs; its folder may have been made before, for the jars.
    (cd "$OPENBATCH_HOME" && chmod 700 secrets log sv kafka instances)
    echo '{}' >"$OPENBATCH_HOME/docker.json"
}

# --- PostgreSQL -----------------------------------------------------------------------------------

as_postgres() { if ((EUID == 0)); then chpst -u postgres:postgres "$@"; else "$@"; fi; }

# Sets OB_PGBIN and OB_PGDATA. The data is in the home if PostgreSQL's own user can reach it there.
pg_locate() {
    OB_PGBIN=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    OB_PGDATA=$(config_get pgdata)
    if [[ -z $OB_PGDATA ]]; then
        OB_PGDATA=$OPENBATCH_HOME/pg
        if ! (cd / && as_postgres test -x "$OPENBATCH_HOME"); then
            OB_PGDATA=/var/lib/openbatch/$OB_HASH
            note "PostgreSQL's user cannot reach $OPENBATCH_HOME; its data goes to $OB_PGDATA ('down --wipe' deletes it too)"
        fi
        config_set pgdata "$OB_PGDATA"
    fi
    if [[ -f $OB_PGDATA/PG_VERSION ]]; then
        OB_PGBIN=/usr/lib/postgresql/$(<"$OB_PGDATA/PG_VERSION")/bin
    fi
    [[ -x $OB_PGBIN/postgres ]] || die "$OB_PGBIN/postgres is missing; $OB_PGDATA needs it"
}

pg_configure() {
    if [[ ! -f $OB_PGDATA/PG_VERSION ]]; then
        # An earlier initdb may have died in the middle.
        rm -rf "$OB_PGDATA"
        [[ -d ${OB_PGDATA%/*} ]] || install -d -m 711 "${OB_PGDATA%/*}"
        mkdir -m 700 "$OB_PGDATA"
        if ((EUID == 0)); then chown postgres:postgres "$OB_PGDATA"; fi
        (cd / && as_postgres "$OB_PGBIN/initdb" -D "$OB_PGDATA" -U postgres -E UTF8 --locale=C.UTF-8 --auth=peer) \
            >"$OPENBATCH_HOME/log/initdb.log" 2>&1 </dev/null ||
            die "PostgreSQL's data directory could not be created; see $OPENBATCH_HOME/log/initdb.log"
    fi
    # Only root and PostgreSQL's user reach the socket. Peer authentication checks that again with the kernel, so a
    # directory left open by mistake does no harm.
    printf 'local all all peer map=openbatch\n' >"$OB_PGDATA/pg_hba.conf"
    printf 'openbatch %s openbatch\nopenbatch %s postgres\n' "$(id -un)" "$(id -un)" >"$OB_PGDATA/pg_ident.conf"
    if ((EUID == 0)); then
        printf 'openbatch postgres postgres\nopenbatch postgres openbatch\n' >>"$OB_PGDATA/pg_ident.conf"
        chown postgres:postgres "$OB_PGDATA/pg_hba.conf" "$OB_PGDATA/pg_ident.conf"
    fi
}

pg_database() {
    local psql=(psql -X -q -At -v ON_ERROR_STOP=1 -h "$OPENBATCH_RUN_DIR" -U postgres -d postgres)
    [[ -n $("${psql[@]}" -c "SELECT 1 FROM pg_roles WHERE rolname = 'openbatch'") ]] ||
        "${psql[@]}" -c "CREATE ROLE openbatch LOGIN"
    # A role may end its own stale leader's backend; it needs no other right.
    [[ -n $("${psql[@]}" -c "SELECT 1 FROM pg_database WHERE datname = 'openbatch'") ]] ||
        "${psql[@]}" -c "CREATE DATABASE openbatch OWNER openbatch"
}

# --- the container engine ---------------------------------------------------------------------------

# Prints the address of an engine that answers and is not ours.
engine_found() {
    local host=${DOCKER_HOST:-$OB_DOCKER_SOCKET}
    # Set by `eval "$(openbatch env)"` of another copy: its engine ends with that copy.
    [[ $host == unix://*/openbatch*/docker.sock ]] && host=$OB_DOCKER_SOCKET
    engine_answers "$host" && say "$host"
}

# Whether executors could run containers themselves: docs/containers.md.
oci_works() {
    local release
    release=$(uname -r)
    ((EUID == 0)) && [[ $release =~ ^([0-9]+)\.([0-9]+) ]] && ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] >= 5010))
}

# What runs the containers of new instances: the caller's choice, that of the first `up`, or what is there. Sets
# OB_RUNTIME (oci, docker, null) and OB_ENGINE: "ours", the address of another engine, or "none". Both are kept, because
# another runtime or engine does not have the containers.
engine_choose() {
    OB_RUNTIME=${OPENBATCH_RUNTIME:-$(config_get runtime)} OB_ENGINE=$(config_get engine)
    case $OB_RUNTIME in
    oci) ((EUID == 0)) || die "OPENBATCH_RUNTIME=oci needs root" ;;
    '' | docker | null) ;;
    *) die "OPENBATCH_RUNTIME=$OB_RUNTIME is not a runtime; there are: docker, oci" ;;
    esac
    if [[ $OB_RUNTIME == docker && $OB_ENGINE == none ]]; then OB_ENGINE=''; fi
    if [[ -z $OB_ENGINE ]] && ! OB_ENGINE=$(engine_found); then
        if [[ -z $OB_RUNTIME ]] && oci_works; then OB_RUNTIME=oci; fi
        if [[ $OB_RUNTIME == oci ]]; then OB_ENGINE=none; else OB_ENGINE=ours; fi
    fi
    OB_RUNTIME=${OB_RUNTIME:-docker}
    [[ $OB_ENGINE != ours ]] || ((EUID == 0)) ||
        die "no container engine answers at ${DOCKER_HOST:-$OB_DOCKER_SOCKET}: start Docker and make sure that you may" \
            "use it, or run this as root: then no Docker is needed"
    [[ $OB_ENGINE == ours || $OB_ENGINE == none ]] || engine_answers "$OB_ENGINE" || engine_lost
}

engine_lost() {
    [[ $OB_RUNTIME == oci ]] || die "the container engine at $OB_ENGINE, which this copy uses, does not answer"
    note "the container engine at $OB_ENGINE does not answer; executors cannot take images from it"
}

# The kinds of packages that this needs.
engine_kinds() {
    [[ $OB_RUNTIME != oci ]] || say oci
    [[ $OB_ENGINE != ours ]] || say docker
}

engine_keep() {
    [[ $OB_ENGINE != ours ]] || have dockerd || die "there is no dockerd to start a container engine (Debian: docker.io)"
    config_set engine "$OB_ENGINE"
    if [[ $OB_RUNTIME != null ]]; then
        if [[ -n ${OPENBATCH_RUNTIME:-} ]]; then
            config_set runtime_from variable
        elif [[ -z $(config_get runtime) ]]; then
            config_set runtime_from "$([[ $OB_RUNTIME == oci ]] && say 'no engine')"
        fi
        config_set runtime "$OB_RUNTIME"
    fi
    [[ $OB_RUNTIME == docker ]] || export OPENBATCH_RUNTIME=$OB_RUNTIME
    [[ $OB_ENGINE != ours ]] || BACKING+=(dockerd)
    DOCKER_HOST=$(engine_host)
    export DOCKER_HOST
}

# Makes an image of the programs of Debian's package busybox-static: in Docker, or in the store of images.
busybox_image() { # IMAGE LOG docker|store
    local dir name status=0
    dir=$(mktemp -d)
    (cd "$dir" && apt-get -q download busybox-static && dpkg-deb -x busybox-static*.deb deb &&
        mkdir -p root/bin root/tmp && for name in $(deb/bin/busybox --list); do ln -s busybox "root/bin/$name"; done &&
        cp --remove-destination deb/bin/busybox root/bin/ && tar -C root -cf layer.tar . &&
        if [[ $3 == store ]]; then
            /usr/bin/python3 -B "$OB_ROOT/tools/image_archive.py" "$1" layer.tar image.tar && image_program load image.tar
        else
            docker import layer.tar "$1"
        fi) >"$2" 2>&1 </dev/null || status=1
    rm -rf "$dir"
    return $status
}

# --- ports ----------------------------------------------------------------------------------------

check_ports() {
    local port line pid who
    for port in "$OPENBATCH_PORT" "$OB_KAFKA_PORT" "$OB_CONTROLLER_PORT" "$OB_TLS_PORT" "$OB_KAFKA_REMOTE_PORT" "$OB_CONSOLE_PORT" \
        "$OB_CONSOLE_TLS_PORT"; do
        [[ $port != "$OB_TLS_PORT" && $port != "$OB_CONSOLE_TLS_PORT" ]] || tls_is_on || continue
        [[ $port != "$OB_KAFKA_REMOTE_PORT" || -n $OB_REMOTE_HOST ]] || continue
        while read -r line; do
            pid=$(sed -n 's/.*pid=\([0-9]*\),.*/\1/p' <<<"$line")
            if [[ -n $pid ]]; then
                grep -qx "$pid" <<<"$(our_pids java openbatch-api openbatch-console haproxy)" && continue
                who="$(command_of "$pid" 80) (pid $pid)"
            else
                who="somebody else's process"
            fi
            die "port $port is used by $who; stop it, or choose other ports: OPENBATCH_PORT=18080 ./openbatch up"
        done < <(ss -Hltnp "sport = :$port")
    done
}

# --- supervision ----------------------------------------------------------------------------------

# The folders in which something stops when they are full. A full log folder stops nothing; without space for containers
# a job fails.
watched_disks() {
    local list="PostgreSQL=$OB_PGDATA;Kafka=$OPENBATCH_HOME/kafka;executors=$OPENBATCH_HOME/instances;logs~$OPENBATCH_HOME/log"
    if engine_is_ours; then list+=";containers~$OPENBATCH_HOME/docker"; fi
    if [[ $OB_RUNTIME == oci ]]; then
        list+=";containers~${OPENBATCH_OCI_HOME:-$OPENBATCH_HOME/oci};images~${OPENBATCH_OCI_IMAGES:-$OPENBATCH_HOME/images}"
    fi
    say "$list"
}

# The environment of every process of this copy; nothing else of the caller's environment is passed on.
write_env() {
    local name
    {
        for name in PATH OPENBATCH_HOME OPENBATCH_RUN_DIR OPENBATCH_PORT DOCKER_HOST OB_PGBIN OB_PGDATA OB_PG_SOCKETS \
            OB_KAFKA_LIBS OB_BUILD; do
            [[ -z ${!name} ]] || printf '%s=%q\n' "$name" "${!name}"
        done
        printf 'LANG=C.UTF-8\n'
        printf 'OPENBATCH_KAFKA=127.0.0.1:%s\n' "$OB_KAFKA_PORT"
        printf 'OPENBATCH_KAFKA_PID_FILE=%q\n' "$OPENBATCH_HOME/kafka/pid"
        printf 'OPENBATCH_DISKS=%q\n' "$(watched_disks)"
        printf 'OPENBATCH_CONSOLE_PORT=%s\nOPENBATCH_CONSOLE_API=http://127.0.0.1:%s\n' "$OB_CONSOLE_PORT" "$OPENBATCH_PORT"
        # The caller's own settings; the engine fetches images through the caller's proxy.
        for name in $(compgen -A export | LC_ALL=C sort); do
            case $name in
            # Made above; and those of `openbatch env`.
            OPENBATCH_HOME | OPENBATCH_RUN_DIR | OPENBATCH_PORT | OPENBATCH_DISKS | OPENBATCH_CONSOLE_PORT | OPENBATCH_CONSOLE_API | OPENBATCH_KAFKA | OPENBATCH_KAFKA_USER | \
                OPENBATCH_KAFKA_PID_FILE | \
                OPENBATCH_KAFKA_PASSWORD*) ;;
            OPENBATCH_* | OTEL_EXPORTER_OTLP_ENDPOINT | OTEL_EXPORTER_OTLP_HEADERS | OTEL_SERVICE_NAME | \
                http_proxy | https_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | NO_PROXY | SSL_CERT_FILE | \
                SSL_CERT_DIR | TZ | ASAN_OPTIONS | LSAN_OPTIONS | UBSAN_OPTIONS | TSAN_OPTIONS)
                printf '%s=%q\n' "$name" "${!name}"
                ;;
            esac
        done
        remote_env
    } | (umask 077 && cat >"$OPENBATCH_HOME/env.new") # a proxy's address may hold a password
    mv "$OPENBATCH_HOME/env.new" "$OPENBATCH_HOME/env"
}

# The settings that a service starts with, as one line; if it differs from the line at its start, it is restarted.
service_stamp() {
    local files=("$OPENBATCH_HOME/env" "$OB_ROOT/tools/sv/$1")
    case $1 in
    tls) files+=("$OPENBATCH_HOME/tls/env") ;;
    kafka) files+=("$OPENBATCH_HOME"/kafka/{server.properties,log4j2.properties,run,acls.py,libs/.checked}) ;;
    esac
    # PostgreSQL, Kafka, Redis and dockerd do not use our settings, but for one.
    local settings='OPENBATCH_[A-Z0-9_]*|OTEL_[A-Z_]*'
    [[ $1 != kafka ]] || settings='OPENBATCH_(?!KAFKA_JAVA=)[A-Z0-9_]*|OTEL_[A-Z_]*'
    case $1 in
    postgres | redis | kafka | dockerd) grep -vhP "^($settings|OB_BUILD|[A-Z]*SAN_OPTIONS)=" "${files[@]}" ;;
    *) cat "${files[@]}" ;;
    esac | sha256sum
}

make_service() { # NAME: its service directory; it does not start before `sv up`
    local dir=$OPENBATCH_HOME/sv/$1 source=$OB_ROOT/tools/sv
    [[ -d $dir/supervise ]] || {
        mkdir -p "$dir"
        touch "$dir/down"
    }
    mkdir -p "$dir/log" "$dir/control" "$OPENBATCH_HOME/log/$1"
    if ! cmp -s "$source/log" "$dir/log/run"; then
        install -m 755 "$source/log" "$dir/log/run"
        # The pipe belongs to the supervisor, so nothing in it is lost.
        if [[ -p $dir/log/supervise/ok ]]; then sv restart "$dir/log" >/dev/null || :; fi
    fi
    [[ ! -f $source/$1.stop ]] || install -m 755 "$source/$1.stop" "$dir/control/t"
    install -m 755 "$source/$1" "$dir/run"
}

start_supervisor() {
    runsvdir_pid >/dev/null && return 0
    if [[ -n $(our_pids runsv runsvdir) ]]; then
        note "the supervisor has died; taking over its services"
        stop_all
    fi
    find "$OPENBATCH_HOME/sv/" -mindepth 1 -delete
    local name
    for name in "$@"; do make_service "$name"; done
    env -i PATH="$PATH" OPENBATCH_HOME="$OPENBATCH_HOME" setsid runsvdir -P "$OPENBATCH_HOME/sv" \
        >"$OPENBATCH_HOME/log/runsvdir.log" 2>&1 </dev/null 9>&- &
    echo $! >"$OPENBATCH_HOME/runsvdir.pid"
}

# For a service that supports it: its process runs its run script again and keeps its port, so no client is refused.
begin_anew() { # DIR
    local was i
    was=$(cat "$1/started" 2>/dev/null) && sv hup "$1" >/dev/null || return 1
    for ((i = 0; i < 400; i++)); do
        [[ $(cat "$1/started" 2>/dev/null) == "$was" ]] || return 0
        sleep 0.05
    done
    return 1
}

start_service() { # NAME: running, with the settings and the program of now
    local dir=$OPENBATCH_HOME/sv/$1 stamp pid deadline=$((SECONDS + 120))
    make_service "$1"
    # The supervisor finds a new directory within five seconds, unless it is delayed.
    until [[ -p $dir/supervise/ok ]] && sv status "$dir" >/dev/null 2>&1; do
        ((SECONDS < deadline)) || break
        sleep 0.05
    done
    rm -f "$dir/down"
    stamp=$(service_stamp "$1")
    pid=$(cat "$dir/supervise/pid" 2>/dev/null || :)
    if [[ -n $pid ]] && { [[ $stamp != "$(cat "$dir/stamp" 2>/dev/null)" ]] ||
        [[ $(readlink "/proc/$pid/exe") == *' (deleted)' ]]; }; then
        say "restarting $1"
        begin_anew "$dir" || sv -w 20 restart "$dir" >/dev/null || sv -w 5 force-restart "$dir" >/dev/null || :
    fi
    printf '%s\n' "$stamp" >"$dir/stamp"
    sv up "$dir" >/dev/null || die "$1 cannot be started; see $OPENBATCH_HOME/log/runsvdir.log"
}

# An executor whose program was built again restarts with it; its containers keep running.
restart_executors() {
    local dir pid
    while read -r dir; do
        pid=$(cat "$dir/supervise/pid" 2>/dev/null || :)
        if [[ -n $pid && $(readlink "/proc/$pid/exe") == *' (deleted)' ]]; then sv term "$dir" >/dev/null || :; fi
    done < <(instance_dirs)
}

# The progress of a service, as a text that changes while it makes progress: its process, the processor time of the
# process and its children, of those that run, too, and the size of its log. Empty if no process runs.
service_progress() { # NAME
    local pid one line ticks sum=0
    pid=$(cat "$OPENBATCH_HOME/sv/$1/supervise/pid" 2>/dev/null || :)
    [[ -n $pid && -e /proc/$pid/stat ]] || return 0
    for one in "$pid" $(pgrep -P "$pid"); do
        { read -r line <"/proc/$one/stat"; } 2>/dev/null || continue
        read -ra ticks <<<"${line##*) }"
        ((sum += ticks[11] + ticks[12] + ticks[13] + ticks[14])) || :
    done
    say "$pid $sum" \
        "$(stat -c %s "$OPENBATCH_HOME/log/$1/current" 2>/dev/null || :)"
}

unhealthy() { # NAME WHY: gives up
    note "$1 is not healthy: $2"
    case $1 in api | scheduler | scaler | console) service_health "$1" >&2 || : ;; esac
    log_tail "$1"
    die "try './openbatch logs $1'; run './openbatch up' again to continue"
}

# Waits while the service makes progress, even for minutes on a busy host, but not for one that keeps ending, does
# nothing, or (because every service always does a little) is not healthy after 15 minutes.
wait_for_service() { # NAME
    local name=$1 began=$SECONDS moved=$SECONDS told=$SECONDS now last='' pid='' starts=0
    until healthy "$name"; do
        now=$(service_progress "$name")
        if [[ -n $now && ${now%% *} != "$pid" ]]; then
            pid=${now%% *}
            ((++starts <= 5)) || unhealthy "$name" "it ends soon after each start"
        fi
        [[ $now == "$last" ]] || moved=$SECONDS
        last=$now
        ((SECONDS - moved < 120)) || unhealthy "$name" "it has done nothing for two minutes"
        ((SECONDS - began < 900)) || unhealthy "$name" "it did not become healthy within 15 minutes"
        if ((SECONDS - told >= 10)); then
            note "waiting for $name, which is starting ($((SECONDS - began)) s)"
            told=$SECONDS
        fi
        sleep 0.1
    done
}

wait_healthy() { # NAME...
    local name
    for name in "$@"; do wait_for_service "$name"; done
}

# Unmounts what a container engine left below the home or the run directory, so that it can be deleted.
unmount_all() {
    local where
    while read -r where; do
        umount -l "$where" 2>/dev/null || :
    done < <(awk -v home="$OPENBATCH_HOME/docker/" -v run="$OPENBATCH_RUN_DIR/" \
        'index($2 "/", home) == 1 || index($2 "/", run) == 1 { print $2 }' /proc/self/mounts | sort -r)
}

# Ends the copy's containers after its processes have stopped: in a shared engine those with its label; in its own
# engine all, with the runtime below it, because that engine is down.
end_containers() {
    local runc=$OPENBATCH_RUN_DIR/docker/runtime-runc/moby host ids id
    if engine_is_ours; then
        for id in "$runc"/*/; do
            [[ ! -d $id ]] || runc --root "$runc" delete --force "$(basename "$id")" >/dev/null 2>&1 || :
        done
        stop_strays KILL containerd-shim containerd-shim-runc-v2
        return 0
    fi
    host=$(engine_host)
    [[ -n $host ]] || return 0
    if ! ids=$(docker -H "$host" ps -aq --no-trunc --filter "label=openbatch.home=$OPENBATCH_HOME"); then
        note "the engine at $host does not answer; containers with the label openbatch.home=$OPENBATCH_HOME are left there"
        return 0
    fi
    mapfile -t ids <<<"$ids"
    [[ -z ${ids[0]} ]] || docker -H "$host" rm -f "${ids[@]}" >/dev/null || :
}

# Ends containers that executors of this copy run without an engine, and removes their folders. The keeper removes only
# what executors have made (docs/containers.md).
end_oci_containers() {
    local home dir instance attempt keeper
    home=$(oci_home)
    [[ -L $home/ob-oci-home ]] || return 0 # no executor has used it
    home=$(realpath "$home")
    keeper=$(dirname "$(program_of executor)")/openbatch-keeper
    if [[ ! -x $keeper ]]; then
        note "$keeper is missing; containers in $home are left there"
        return 0
    fi
    for dir in "$home"/i-*/; do
        [[ -d $dir ]] || continue
        instance=$(basename "$dir")
        # Executors of other copies may use the same directory.
        [[ $home == "$OPENBATCH_HOME"/* || -d $OPENBATCH_HOME/instances/$instance ]] || continue
        for attempt in "$dir"ob-*/ "$dir".trial/; do
            [[ ! -d $attempt ]] || end_oci_container "$keeper" "$home" "$instance" "$(basename "$attempt")"
        done
        "$keeper" clean --home "$home" --instance "$instance" || :
        rmdir "$dir" 2>/dev/null || :
    done
}

# Its keeper ends when its container has ended, and then nobody holds the lock of the state.
end_oci_container() { # KEEPER HOME INSTANCE NAME
    local dir=$2/$3/$4 i
    for ((i = 0; i < 100; i++)); do
        "$1" clean --home "$2" --instance "$3" --id "$4" || :
        if [[ ! -e $dir/state ]] || flock -n "$dir/state" true; then break; fi
        sleep 0.1
    done
    "$1" clean --home "$2" --instance "$3" --id "$4" || return 0
    [[ $(readlink "$dir/ob-attempt") == "$4" && ! -e $dir/ob-room ]] || return 0
    rm -f "$dir/config.json" "$dir/output" "$dir/state" "$dir/ob-attempt"
    rmdir "$dir" || :
}

# Ends our services and executors; servers stay. The scaler ends first, otherwise it would start executors again.
stop_services() {
    local pid dirs
    if pid=$(runsvdir_pid); then kill "$pid"; fi
    stop_dirs 10 "$OPENBATCH_HOME/sv/scaler"
    mapfile -t dirs < <(instance_dirs)
    stop_dirs 10 "${dirs[@]}" "$OPENBATCH_HOME/sv/scheduler" "$OPENBATCH_HOME/sv/console" \
        "$OPENBATCH_HOME/sv/api"
}

# Ends all processes of this copy; containers and their shims keep running.
stop_all() {
    stop_services
    stop_dirs 20 "$OPENBATCH_HOME"/sv/*
    # Processes that lost their supervisor earlier.
    stop_strays TERM
    stop_strays KILL
    rm -f "$OPENBATCH_HOME/runsvdir.pid"
}

stop_dirs() { # SECONDS DIR...
    local seconds=$1 dir dirs=()
    shift
    for dir in "$@"; do
        if sv status "$dir" >/dev/null 2>&1; then dirs+=("$dir"); fi
    done
    ((${#dirs[@]} == 0)) || sv -w "$seconds" force-shutdown "${dirs[@]}" >/dev/null 2>&1 || :
}

stop_strays() { # SIGNAL [NAME...]
    local i pids signal=$1
    shift
    (($#)) || set -- runsvdir runsv svlogd openbatch-logger openbatch-api openbatch-scheduler openbatch-scaler openbatch-executor \
        openbatch-console         java redis-server postgres dockerd containerd haproxy
    for ((i = 0; i < 50; i++)); do
        mapfile -t pids < <(our_pids "$@")
        ((${#pids[@]})) || return 0
        ((i % 25)) || kill "-$signal" "${pids[@]}" 2>/dev/null || :
        sleep 0.1
    done
}
