# shellcheck shell=bash disable=SC2154,SC2034 # file, parts and begun are of restore.sh
# restore's steps for a copy in a home: a PostgreSQL of its own, that runs only meanwhile. `up` then starts the copy.
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/stack.sh"

postgres_pid=''

refuse_unless_empty() {
    local other
    check_platform
    other=$(our_pids runsvdir postgres java redis-server dockerd openbatch-api openbatch-scheduler openbatch-scaler openbatch-executor openbatch-console \
        containerd-shim containerd-shim-runc-v2)
    [[ -z $other ]] || die "a copy runs in $OPENBATCH_HOME (process ${other//$'\n'/, }); restore needs an empty home:" \
        "'./openbatch down --wipe' first, or set OPENBATCH_HOME"
    other=$(foreign_files)
    [[ -n $other ]] || other=$(find "$OPENBATCH_HOME/kafka/" -mindepth 1 -maxdepth 1 ! -name libs -print -quit 2>/dev/null || :)
    [[ -z $other ]] || die "$OPENBATCH_HOME is not empty ($other); restore needs an empty home: set OPENBATCH_HOME to another directory"
}

begin_home() {
    local key value
    install_packages up
    mkdir "$parts/config"
    tar -C "$parts/config" --no-same-owner -xf "$parts/home.tar" config
    make_home
    begun=1
    config_set restoring "$file"
    config_set made "$(date -u +%FT%TZ)"
    config_set port "$OPENBATCH_PORT"
    for key in "${OB_KEPT_CONFIG[@]}"; do
        value=$(sed -n "s/^$key=//p" "$parts/config/config" | tail -n 1)
        [[ -z $value ]] || config_set "$key" "$value"
    done
}

begin_postgres() {
    local i run
    pg_locate
    if [[ -e $OB_PGDATA ]]; then
        i=$OB_PGDATA OB_PGDATA=''
        die "$i exists: it is PostgreSQL's data of an earlier copy with this home; move it away, or delete it"
    fi
    make_run_dir
    pg_configure
    run=("$OB_PGBIN/postgres" -D "$OB_PGDATA" -c listen_addresses= -c unix_socket_directories="$OB_PG_SOCKETS"
        -c unix_socket_permissions=0700 -c port=5432 -c fsync=off -c timezone=UTC -c log_timezone=UTC)
    if ((EUID == 0)); then run=(chpst -u postgres:postgres "${run[@]}"); fi
    (cd / && exec setsid "${run[@]}") >"$OPENBATCH_HOME/log/restore.log" 2>&1 </dev/null 9>&- &
    postgres_pid=$!
    for ((i = 0; i < 600; i++)); do
        if healthy postgres; then
            pg_database
            return 0
        fi
        [[ -d /proc/$postgres_pid ]] || break
        sleep 0.1
    done
    die "PostgreSQL did not start; see $OPENBATCH_HOME/log/restore.log"
}

postgres_stop() {
    [[ -n $postgres_pid ]] || return 0
    kill -INT "$postgres_pid" 2>/dev/null || :
    wait "$postgres_pid" 2>/dev/null || :
    postgres_pid=''
}

# Everything is on disk before the home counts as restored.
end_postgres() {
    postgres_stop
    remove_left_containers
    own_settings >"$OPENBATCH_HOME/env.restored"
    sync -f "$OPENBATCH_HOME" "$OB_PGDATA"
    config_set restoring ''
}

forget() {
    postgres_stop
    [[ -z ${OB_PGDATA:-} ]] || rm -rf "$OB_PGDATA"
    rm -rf "$OPENBATCH_HOME"/{config,secrets,tls,env.restored,docker.json,sv,instances}
}

# Containers of the lost copy that a shared engine still has: their instances are lost, and their jobs may run again.
remove_left_containers() {
    local host ids label
    label=openbatch.home=$(archive_says "$parts/manifest" home)
    host=$(config_get engine)
    [[ -n $host && $host != ours && $host != none ]] || return 0
    if ! ids=$(docker -H "$host" ps -aq --no-trunc --filter "label=$label" 2>/dev/null); then
        note "the engine at $host does not answer; remove what the lost copy left there before './openbatch up':" \
            "docker ps -aq --filter label=$label"
        return 0
    fi
    [[ -z $ids ]] || xargs docker -H "$host" rm -f >/dev/null <<<"$ids" || :
}

# The exported variables that the copy had, as lines for a shell; what `up` finds out by itself is left out.
own_settings() {
    [[ -f $parts/home/env ]] || return 0
    grep -E '^(OPENBATCH_[A-Z0-9_]+|[a-z]+_proxy|[A-Z]+_PROXY|SSL_CERT_(FILE|DIR)|TZ)=' "$parts/home/env" |
        grep -vE '^OPENBATCH_(HOME|RUN_DIR|PORT|DISKS|KAFKA|KAFKA_PID_FILE|SANITIZE)=|^OPENBATCH_RUNTIME=(oci|docker)$' | sed 's/^/export /' || :
}

say_next() {
    if [[ -s $OPENBATCH_HOME/env.restored ]]; then
        say "it ran with these settings; before './openbatch up': . $OPENBATCH_HOME/env.restored"
        sed 's/^/    /' "$OPENBATCH_HOME/env.restored"
    fi
    say "./openbatch up starts it"
}
