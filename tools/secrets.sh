# shellcheck shell=bash
# Makes a copy's secrets in $OPENBATCH_HOME/secrets, each once.

KAFKA_USERS=(admin api scheduler scaler executor reader)

make_secret() { # NAME COMMAND...: made once, readable by its owner only
    local file=$OPENBATCH_HOME/secrets/$1
    shift
    [[ -s $file ]] && return 0
    (umask 077 && "$@" >"$file.new" && mv "$file.new" "$file")
}

random_of() { # CHARACTERS COUNT
    LC_ALL=C tr -dc "$1" < <(head -c 4096 /dev/urandom) | cut -c "1-$2"
}

root_key() {
    printf 'AKIA%s\n' "$(random_of 'A-Z2-7' 16)"
    random_of 'A-Za-z0-9+/' 40
}

make_secrets() {
    local user
    for user in "${KAFKA_USERS[@]}"; do
        make_secret "kafka-$user.password" random_of 'A-Za-z0-9' 32
    done
    make_secret master.key openssl rand -hex 32
    make_secret seal.key openssl rand -hex 32
    make_secret console.key openssl rand -hex 32
    make_secret root.key root_key
    make_secret metrics.token random_of 'A-Za-z0-9' 40
}
