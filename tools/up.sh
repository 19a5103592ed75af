# shellcheck shell=bash
# up: installs what is missing, builds, starts everything supervised, returns when all is healthy.
# --backing-only (for development) stops after PostgreSQL, Redis, Kafka and the container engine.
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/kafka.sh"
. "$OB_ROOT/tools/stack.sh"

backing_only=
for arg in "$@"; do
    case $arg in
    --backing-only) backing_only=1 ;;
    *) die "up: unknown option '$arg'" ;;
    esac
done

OB_BUILD=$OPENBATCH_HOME/build
[[ ${OPENBATCH_SANITIZE:-} == 1 ]] && OB_BUILD=$OPENBATCH_HOME/build-asan
OB_KAFKA_LIBS=$OPENBATCH_HOME/kafka/libs

check_platform
take_lock
install_packages
check_ports
make_home
config_set port "$OPENBATCH_PORT"
config_set build "$OB_BUILD"

# Three things that do not need each other.
install_venv 9>&- &
venv_job=$!
install_kafka 9>&- &
kafka_job=$!
[[ -n $backing_only ]] || build 9>&-
wait "$kafka_job" || exit 1

pg_locate
make_run_dir
engine_choose
pg_configure
write_env
kafka_configure
start_supervisor "${BACKING[@]}" "${SERVICES[@]}"
for name in "${BACKING[@]}"; do start_service "$name"; done
wait "$venv_job" || exit 1
wait_healthy 60 "${BACKING[@]}"
pg_database
kafka_acls
if [[ -n $backing_only ]]; then
    say "PostgreSQL, Redis, Kafka and the container engine are up; sockets in $OPENBATCH_RUN_DIR"
    exit 0
fi
for name in "${SERVICES[@]}"; do start_service "$name"; done
restart_executors
wait_healthy 60 "${SERVICES[@]}"
