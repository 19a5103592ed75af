# shellcheck shell=bash
# up: installs what is missing, builds, starts everything supervised, returns when all is healthy.
# --tls puts HTTPS in front of the api, remembered until --no-tls. --backing-only (for development) stops after PostgreSQL, Redis, Kafka and a container engine of its own.
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/stack.sh"
. "$OB_ROOT/tools/tls.sh"
. "$OB_ROOT/tools/remote.sh"

backing_only=
tls=
for arg in "$@"; do
    case $arg in
    --backing-only) backing_only=1 ;;
    --tls) tls=on ;;
    --no-tls) tls=off ;;
    *) die "up: unknown option '$arg'" ;;
    esac
done

choose_build
# shellcheck disable=SC2034  # written into the env file by its name
OB_KAFKA_LIBS=$OPENBATCH_HOME/kafka/libs

# A small image of Debian's busybox, so that a first job (and the tests) needs no registry. Prints its name.
hello_image() {
    local image=openbatch/busybox place=docker
    [[ $OB_RUNTIME != oci ]] || place=store
    has_image "$image" "$place" || busybox_image "$image" "$OPENBATCH_HOME/log/image.log" "$place" || image=busybox
    say "$image"
}

has_image() { # IMAGE docker|store
    if [[ $2 == store ]]; then
        image_program list | grep -q "^docker\.io/$1:latest "
    else
        docker image inspect "$1" >/dev/null 2>&1
    fi
}

# Queue `default` for the first job; made once, so that it is not made again after it was deleted.
default_queue() {
    [[ -z $(config_get default_queue) ]] || return 0
    client run.py --prepare
    config_set default_queue made
}

first_steps() {
    local aws=$OPENBATCH_HOME/venv/bin/aws image
    image=$(hello_image)
    say "OpenBatch is up: $(endpoint)"
    say "  state   $OPENBATCH_HOME"
    [[ $OB_PGDATA == "$OPENBATCH_HOME"/* ]] || say "          $OB_PGDATA (PostgreSQL)"
    say "  console $(console_endpoint)          (./openbatch console prints a link that signs in)"
    said_of_engine "  engine  "
    if [[ -n $(kafka_remote) ]]; then say "  hosts   executors on other hosts use Kafka at $(kafka_remote) (./openbatch join)"; fi
    say "  stop    $OB_ROOT/openbatch down          (containers keep running; down --wipe stops them and deletes all state)"
    say
    say "A first job (./openbatch run IMAGE CMD... does the same in one command):"
    say "  eval \"\$($OB_ROOT/openbatch env)\""
    say "  $aws batch register-job-definition --job-definition-name hello --type container --container-properties \\"
    say "    '{\"image\":\"$image\",\"command\":[\"echo\",\"hello\"],\"resourceRequirements\":[{\"type\":\"VCPU\",\"value\":\"1\"},{\"type\":\"MEMORY\",\"value\":\"64\"}]}'"
    say "  job=\$($aws batch submit-job --job-name hello --job-queue default --job-definition hello --query jobId --output text)"
    say "  $OB_ROOT/openbatch logs --job \"\$job\" --follow"
}

# JOB COMMAND…: waits for a job of this shell that runs the command. If the job ended and another process got its
# number, bash has lost its result (127): the command is run again, which does nothing that is already done.
finish() {
    local job=$1 rc=0
    wait "$job" 2>/dev/null || rc=$?
    if ((rc == 127)); then "${@:2}"; else return "$rc"; fi
}

check_platform
take_lock
[[ -z $(config_get restoring) ]] ||
    die "a restore into $OPENBATCH_HOME did not finish: run './openbatch down --wipe', then restore $(config_get restoring) again"
make_home
config_set made "$(date -u +%FT%TZ)"
[[ -z $tls ]] || config_set tls "$tls"
kinds=()
if tls_is_on; then kinds+=(tls); fi
# An engine is asked with curl.
if [[ -S ${OB_DOCKER_SOCKET#unix://} || -n ${DOCKER_HOST:-} ]]; then have curl || install_packages; fi
engine_choose
mapfile -t -O "${#kinds[@]}" kinds < <(engine_kinds)
install_packages "${kinds[@]}"
remote_choose
check_ports
config_set port "$OPENBATCH_PORT"
engine_keep
make_secrets
remote_prepare
config_set build "$OB_BUILD"

# Three independent steps.
install_venv up 9>&- &
venv_job=$!
install_kafka 9>&- &
kafka_job=$!
trap 'kill "$venv_job" "$kafka_job" 2>/dev/null || :' EXIT
# The console's page is built of them.
[[ -n $backing_only ]] || install_web 9>&- || exit 1
# Images can be loaded before the services start.
if [[ -n $backing_only ]]; then PROGRAMS=(tools/logger/openbatch-logger services/executor/openbatch-image); fi
(build "${PROGRAMS[@]}") 9>&- || exit 1
finish "$kafka_job" install_kafka || exit 1

pg_locate
make_run_dir
pg_configure
write_env
if [[ $OB_RUNTIME == oci && ! -d $(oci_home) ]]; then install -d -m 711 "$(oci_home)"; fi
kafka_configure
start_supervisor "${BACKING[@]}" "${SERVICES[@]}"
for name in "${BACKING[@]}"; do start_service "$name"; done
finish "$venv_job" install_venv up || exit 1
trap - EXIT
wait_healthy "${BACKING[@]}"
pg_database
kafka_acls
if [[ -n $backing_only ]]; then
    say "${BACKING[*]} are up; sockets in $OPENBATCH_RUN_DIR"
    exit 0
fi
if tls_is_on; then
    tls_prepare
    SERVICES+=(tls)
else
    tls_end
fi
for name in "${SERVICES[@]}"; do start_service "$name"; done
restart_executors
wait_healthy "${SERVICES[@]}"
default_queue
first_steps
