# shellcheck shell=bash
# What differs from tools/lib.sh on a packaged system: Debian's PostgreSQL and Redis, systemd, programs in their places.

# shellcheck source=/dev/null
. "$OB_ROOT/packaged"
# shellcheck disable=SC2034 # setup.sh uses it
OB_KAFKA_HOME=/var/lib/openbatch-kafka

need_home() { initialised || die "run 'openbatch setup' as root first"; }
program_of() { say "$OB_SBIN/openbatch-$1"; }
console_endpoint() { say "http://127.0.0.1:${OPENBATCH_CONSOLE_PORT:-8085}"; }
kafka_address() { say "${OPENBATCH_KAFKA:-127.0.0.1:9092}"; }

# PostgreSQL knows the services' user by the kernel's word.
as_openbatch() {
    if ((EUID == 0)); then
        (cd / && exec runuser -u openbatch -- "$@")
    else
        "$@"
    fi
}

healthy() {
    case $1 in
    postgres) as_openbatch timeout 5 psql -XAtq -w -d "$OPENBATCH_PG" -c 'SELECT 1' >/dev/null 2>&1 ;;
    api | scheduler | scaler | console) service_health "$1" >/dev/null ;;
    esac
}

# Files of secrets/ that a service reads; the doctor looks at them, too.
export OB_SERVICES_SECRETS="master.key seal.key root.key console.key metrics.token kafka-api.password kafka-scheduler.password kafka-scaler.password kafka-reader.password"

# Kafka reads one, too; the others are root's.
own_secrets() {
    local dir=$OPENBATCH_HOME/secrets name
    chown root:root "$dir"
    chmod 711 "$dir"
    chmod 600 "$dir"/*
    for name in $OB_SERVICES_SECRETS; do
        chown openbatch:openbatch "$dir/$name"
    done
    if id openbatch-kafka >/dev/null 2>&1; then chown openbatch-kafka:openbatch-kafka "$dir/kafka-admin.password"; fi
}
