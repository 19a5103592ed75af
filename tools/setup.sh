# shellcheck shell=bash
# setup: on a packaged system, makes what the services need before their first start: secrets, the database, the settings of
# a Kafka of this host, the command's Python clients. Each step does nothing if it was done before.
[[ -n $OB_PACKAGED ]] || die "'setup' is for a packaged system; './openbatch up' does all of it here"
((EUID == 0)) || die "run it as root"
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/kafka.sh"

id openbatch >/dev/null 2>&1 || die "there is no user openbatch: install the package openbatch-services on this host first"

setup_database() {
    local psql=(runuser -u postgres -- psql -X -q -At -w -v ON_ERROR_STOP=1 -d postgres)
    cd /
    healthy postgres && return 0
    if ! "${psql[@]}" -c 'SELECT 1' >/dev/null 2>&1; then
        note "PostgreSQL does not answer at $OPENBATCH_PG, nor on this host as its own user: start it and run this again," \
            "or make a role and a database there that OPENBATCH_PG in /etc/openbatch/openbatch.conf names"
        return 0
    fi
    [[ -n $("${psql[@]}" -c "SELECT 1 FROM pg_roles WHERE rolname = 'openbatch'") ]] ||
        "${psql[@]}" -c 'CREATE ROLE openbatch LOGIN'
    [[ -n $("${psql[@]}" -c "SELECT 1 FROM pg_database WHERE datname = 'openbatch'") ]] ||
        "${psql[@]}" -c "CREATE DATABASE openbatch OWNER openbatch ENCODING 'UTF8' LOCALE 'C.UTF-8' TEMPLATE template0"
    say "PostgreSQL: role and database 'openbatch'"
}

# A broker of this host alone, that asks for passwords and knows who may do what.
setup_kafka() {
    local file=/etc/openbatch/kafka.properties
    [[ $(kafka_address) == 127.0.0.1:9092 ]] || return 0
    (umask 077 && kafka_properties 127.0.0.1:9092 127.0.0.1:9092 9093 "$OB_KAFKA_HOME/data" >"$file.new")
    chown root:openbatch-kafka "$file.new"
    chmod 640 "$file.new"
    mv "$file.new" "$file"
    say "Kafka: $file, for openbatch-kafka.service with Kafka's jars in /opt/kafka/libs"
}

install -d -m 711 -o openbatch -g openbatch "$OPENBATCH_HOME"
install -d -m 711 "$OPENBATCH_HOME/secrets" "$OPENBATCH_HOME/log"
make_secrets
own_secrets
say "secrets: $OPENBATCH_HOME/secrets"
setup_database
setup_kafka
install_venv up
say "now: systemctl enable --now openbatch-kafka openbatch-api openbatch-scheduler openbatch-scaler; with the package openbatch-console also openbatch-console; then: openbatch doctor"
