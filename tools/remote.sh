# shellcheck shell=bash
# Kafka's listener for executors on other hosts (docs/capacity.md): off unless OPENBATCH_KAFKA_LISTEN says where. It is the
# only part of a copy that is open to the network directly, so it uses TLS with a certificate of the copy's own
# authority, and accepts only the user of executors.

OB_REMOTE_SETTINGS=$OPENBATCH_HOME/tls/kafka.settings
# Handshakes use memory (about 0.1 MB of Kafka's 512) before a password is checked, so connections are limited. An
# executor has two.
OB_REMOTE_CONNECTIONS=1500

is_ipv4() {
    local part parts
    [[ $1 =~ ^[0-9]{1,3}(\.[0-9]{1,3}){3}$ ]] || return 1
    IFS=. read -ra parts <<<"$1"
    for part in "${parts[@]}"; do ((10#$part < 256)) || return 1; done
}

is_host() { # an IPv4 address, or a name that is none
    is_ipv4 "$1" || { [[ ! $1 =~ ^[0-9.]+$ && ${#1} -le 253 ]] &&
        [[ $1 =~ ^[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*$ ]]; }
}

# Sets OB_REMOTE_BIND (address:port) and OB_REMOTE_HOST (its name for other hosts); both are empty if it is off.
remote_choose() {
    local listen=${OPENBATCH_KAFKA_LISTEN:-} host=${OPENBATCH_KAFKA_HOST:-} address own
    OB_REMOTE_BIND='' OB_REMOTE_HOST=''
    if [[ -z $listen ]]; then
        [[ -z $host ]] || die "OPENBATCH_KAFKA_HOST=$host has no effect without OPENBATCH_KAFKA_LISTEN"
        return 0
    fi
    is_host "$listen" || die "OPENBATCH_KAFKA_LISTEN=$listen is neither an IPv4 address nor a name of this host"
    address=$listen
    if ! is_ipv4 "$listen"; then
        address=$(getent ahostsv4 "$listen" | sed -n '1s/ .*//p') || :
        [[ -n $address ]] || die "OPENBATCH_KAFKA_LISTEN=$listen has no IPv4 address here"
    fi
    own=$(ip -4 -o address show | sed -n 's|.* inet \([0-9.]*\).*|\1|p' | grep -v '^127\.' | tr '\n' ' ') || :
    case $address in
    127.*) die "OPENBATCH_KAFKA_LISTEN=$listen is $address, which no other host can reach; addresses of this host: $own" ;;
    0.0.0.0)
        [[ -n $host ]] || die "OPENBATCH_KAFKA_LISTEN=0.0.0.0 means all addresses of this host:" \
            "set OPENBATCH_KAFKA_HOST to the address or name that other hosts use"
        ;;
    *)
        [[ " $own" == *" $address "* ]] ||
            die "OPENBATCH_KAFKA_LISTEN=$listen is not an address of this host; it has: $own"
        ;;
    esac
    host=${host:-$listen}
    is_host "$host" || die "OPENBATCH_KAFKA_HOST=$host is neither an IPv4 address nor a name"
    case $host in
    localhost | 127.* | 0.0.0.0) die "OPENBATCH_KAFKA_HOST=$host cannot be reached from other hosts" ;;
    esac
    # shellcheck disable=SC2034  # kafka_configure's
    OB_REMOTE_BIND=$address:$OB_KAFKA_REMOTE_PORT OB_REMOTE_HOST=$host
}

# Makes the certificate and the settings of librdkafka for other hosts, or removes them.
remote_prepare() {
    if [[ -z $OB_REMOTE_HOST ]]; then
        [[ -z $(kafka_remote) ]] || config_set kafka_remote ''
        rm -f "$OB_REMOTE_SETTINGS"
        return 0
    fi
    tls_authority
    tls_certificate kafka "$(tls_name "$OB_REMOTE_HOST")"
    {
        printf '%s\n' security.protocol=SASL_SSL ssl.endpoint.identification.algorithm=https
        # One line a setting.
        printf 'ssl.ca.pem='
        awk '{ printf "%s\\n", $0 } END { print "" }' "$OB_TLS/ca.pem"
    } >"$OB_REMOTE_SETTINGS.new"
    mv "$OB_REMOTE_SETTINGS.new" "$OB_REMOTE_SETTINGS"
    config_set kafka_remote "$OB_REMOTE_HOST:$OB_KAFKA_REMOTE_PORT"
}

# The listener's part of Kafka's configuration.
remote_properties() {
    local pem=$OPENBATCH_HOME/secrets/kafka.pem
    cat <<EOF
listener.name.remote.plain.sasl.jaas.config=$(kafka_jaas '' executor)
listener.name.remote.ssl.keystore.type=PEM
listener.name.remote.ssl.keystore.location=$pem
listener.name.remote.ssl.enabled.protocols=TLSv1.3,TLSv1.2
listener.name.remote.max.connections=$OB_REMOTE_CONNECTIONS
# A certificate that has changed starts Kafka anew: $(sha256sum <"$pem" | cut -c1-64)
EOF
}

# Instances on EC2 use the same address, unless the caller has set another.
remote_env() {
    [[ -n $(kafka_remote) && -z ${OPENBATCH_EC2_KAFKA:-} ]] || return 0
    printf 'OPENBATCH_EC2_KAFKA=%q\n' "$(kafka_remote)"
    [[ -n ${OPENBATCH_EC2_KAFKA_SETTINGS:-} ]] || printf 'OPENBATCH_EC2_KAFKA_SETTINGS=%q\n' "$OB_REMOTE_SETTINGS"
}
