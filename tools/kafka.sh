# shellcheck shell=bash
# Sets Kafka up: users, configuration, access rules (its storage makes tools/kafka/run). Jobs share the host's network, so every listener asks for
# a password, and a user may do only what its service needs.

. "$OB_ROOT/tools/secrets.sh"

# The controller's listener is Kafka's own: tools/kafka/run puts another password there at each start.
kafka_password() { # USER
    if [[ $1 == controller ]]; then say @EACH_START@; else cat "$OPENBATCH_HOME/secrets/kafka-$1.password"; fi
}

kafka_jaas() { # BROKER USER...: what a listener knows; BROKER: as whom the broker itself uses it, '' if it does not
    local user
    printf 'org.apache.kafka.common.security.plain.PlainLoginModule required'
    [[ -z $1 ]] || printf ' username="%s" password="%s"' "$1" "$(kafka_password "$1")"
    for user in "${@:2}"; do
        printf ' user_%s="%s"' "$user" "$(kafka_password "$user")"
    done
    printf ';\n'
}

# Prints the broker's configuration. Addresses are host:port; clients come to 'listen' and are told 'advertised'.
kafka_properties() { # LISTEN ADVERTISED CONTROLLER_PORT DATA_DIRECTORY [REMOTE_LISTEN REMOTE_ADVERTISED]
    local listen=$1 advertised=$2 controller=$3 data=$4
    cat <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=CLIENT://$listen,CONTROLLER://127.0.0.1:$controller${5:+,REMOTE://$5}
advertised.listeners=CLIENT://$advertised${6:+,REMOTE://$6}
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT${5:+,REMOTE:SASL_SSL}
controller.listener.names=CONTROLLER
inter.broker.listener.name=CLIENT
sasl.enabled.mechanisms=PLAIN
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.plain.sasl.jaas.config=$(kafka_jaas admin "${KAFKA_USERS[@]}")
listener.name.controller.plain.sasl.jaas.config=$(kafka_jaas controller controller)
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:admin;User:controller
# More would exceed the number of files that Kafka can open, and it would end. No copy needs so many.
listener.name.client.max.connections=5000
listener.name.controller.max.connections=200
# Kafka takes memory for as much as a request says that it will send: little for one without a password, and no request
# is longer than a message with what is around it.
sasl.server.max.receive.size=1024
socket.request.max.bytes=4194304
# What executors send compressed would be kept so: a few bytes that become more than any reader can hold, and at which
# it stops for good. Kafka stores it unpacked, or refuses it.
compression.type=uncompressed
log.dirs=$data
auto.create.topics.enable=false
num.partitions=1
num.network.threads=2
num.io.threads=4
num.recovery.threads.per.data.dir=2
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# A host that stalls must not cost the only broker its partitions; tools/kafka/run lets a killed one back at once.
broker.session.timeout.ms=120000
broker.heartbeat.interval.ms=1000
initial.broker.registration.timeout.ms=600000
group.initial.rebalance.delay.ms=0
log.retention.hours=24
log.segment.bytes=67108864
log.cleaner.dedupe.buffer.size=16777216
metadata.log.segment.bytes=67108864
EOF
}

# The archive of classes (tools/kafka/archive), by a broker with these settings and no password of this copy.
kafka_archive() ( # LIBS
    # shellcheck disable=SC2317 # kafka_properties calls it
    kafka_password() { if [[ $1 == controller ]]; then say @EACH_START@; else say none; fi; }
    port=$(free_ports) || exit
    work=$(mktemp -d) || exit
    trap 'rm -rf "$work"' EXIT
    kafka_properties "127.0.0.1:$port" "127.0.0.1:$port" $((port + 1)) "$work/data" >"$work/properties"
    "$OB_ROOT/tools/kafka/archive" "$1" "$work/properties" "$OB_ROOT/tools/kafka/log4j2.properties"
)

kafka_configure() {
    local dir=$OPENBATCH_HOME/kafka here=127.0.0.1:$OB_KAFKA_PORT
    mkdir -p "$dir/data"
    (
        umask 077
        if [[ -z $(kafka_remote) ]]; then
            kafka_properties "$here" "$here" "$OB_CONTROLLER_PORT" "$dir/data"
        else
            kafka_properties "$here" "$here" "$OB_CONTROLLER_PORT" "$dir/data" "$OB_REMOTE_BIND" "$(kafka_remote)"
            remote_properties
        fi >"$dir/server.properties"
    )
    cp "$OB_ROOT"/tools/kafka/{log4j2.properties,acls.py} "$dir/"
    install -m 755 "$OB_ROOT/tools/kafka/run" "$dir/"
}

# Applies tools/kafka/acls.py unless Kafka's storage has seen this very version of it.
kafka_acls() {
    local done=$OPENBATCH_HOME/kafka/data/acls.applied script=$OB_ROOT/tools/kafka/acls.py \
        log=$OPENBATCH_HOME/log/acls.log i
    cmp -s "$script" "$done" && return 0
    # Kafka listens before it can do all things, and may be slow.
    for ((i = 0; ; i++)); do
        "$OPENBATCH_HOME/venv/bin/python" "$script" --process "$OPENBATCH_HOME/kafka/pid" \
            "127.0.0.1:$OB_KAFKA_PORT" "$OPENBATCH_HOME/secrets/kafka-admin.password" 2>"$log" && break
        ((i < 20)) || die "Kafka's access rules could not be set: $(tail -n 1 "$log"); see $log"
        note "waiting for Kafka to accept its access rules"
        sleep 1
    done
    cp "$script" "$done"
}
