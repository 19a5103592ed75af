# shellcheck shell=bash
# TLS: the authority of a copy and its certificates; the settings of the proxy in front of the api (tools/tls/haproxy.cfg,
# tools/sv/tls).

OB_TLS=$OPENBATCH_HOME/tls
OB_TLS_DAYS=397   # how long a certificate of ours lasts
OB_TLS_RENEW_S=$((30 * 86400))

# An authority of this copy, so that clients that trusted the old certificate trust a renewed one.
tls_authority() {
    local key=$OPENBATCH_HOME/secrets/tls-ca.key
    [[ -s $key && -s $OB_TLS/ca.pem ]] && return 0
    install -d -m 755 "$OB_TLS"
    make_secret tls-ca.key openssl ecparam -name prime256v1 -genkey -noout
    openssl req -x509 -new -key "$key" -days 3650 -subj "/CN=OpenBatch $OB_HASH" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -out "$OB_TLS/ca.pem.new"
    mv "$OB_TLS/ca.pem.new" "$OB_TLS/ca.pem"
}

# The names that the proxy's certificate is for.
tls_names() {
    local name names=DNS:localhost,IP:127.0.0.1,IP:::1
    for name in "$(hostname)" "$(hostname -f 2>/dev/null || :)"; do
        [[ -z $name || $name == localhost || ,$names, == *",DNS:$name,"* ]] || names+=,DNS:$name
    done
    for name in ${OPENBATCH_TLS_NAMES:-}; do names+=,$(tls_name "$name"); done
    say "$names"
}

tls_name() { # ADDRESS|NAME: as a certificate has it
    if [[ $1 =~ ^[0-9.]+$ || $1 == *:* ]]; then say "IP:$1"; else say "DNS:$1"; fi
}

# A certificate with its chain and key in secrets/NAME.pem; made again when its names have changed or its end is near.
tls_certificate() { # NAME NAMES
    local pem=$OPENBATCH_HOME/secrets/$1.pem names=$2 dir
    if [[ -s $pem && $names == "$(cat "$OB_TLS/$1.names" 2>/dev/null)" ]] &&
        openssl x509 -in "$pem" -noout -checkend "$OB_TLS_RENEW_S" >/dev/null; then
        return 0
    fi
    dir=$(mktemp -d -p "$OPENBATCH_HOME/secrets")
    (
        cd "$dir"
        umask 077
        # In PKCS#8, because Kafka accepts no other format.
        openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key
        openssl req -new -key key -subj /CN=OpenBatch -out request
        printf '%s\n' basicConstraints=critical,CA:FALSE keyUsage=critical,digitalSignature \
            extendedKeyUsage=serverAuth "subjectAltName=$names" subjectKeyIdentifier=hash \
            authorityKeyIdentifier=keyid >extensions
        openssl x509 -req -in request -CA "$OB_TLS/ca.pem" -CAkey "$OPENBATCH_HOME/secrets/tls-ca.key" \
            -set_serial "0x$(openssl rand -hex 16)" -days "$OB_TLS_DAYS" -extfile extensions -out certificate
        cat certificate "$OB_TLS/ca.pem" key >pem
        mv pem "$pem"
    ) 2>"$OPENBATCH_HOME/log/tls.log" || die "a certificate could not be made; see $OPENBATCH_HOME/log/tls.log"
    rm -rf "$dir"
    say "$names" >"$OB_TLS/$1.names"
}

# Everything that the proxy needs; OPENBATCH_TLS_PEM and OPENBATCH_TLS_CA are the operator's own.
tls_prepare() {
    local pem=${OPENBATCH_TLS_PEM:-} ca=${OPENBATCH_TLS_CA:-} address=${OPENBATCH_TLS_LISTEN:-127.0.0.1} why
    local threads=${OPENBATCH_API_THREADS:-512}
    [[ $threads =~ ^[1-9][0-9]{0,5}$ ]] || die "OPENBATCH_API_THREADS=$threads is not a number"
    install -d -m 755 "$OB_TLS"
    if [[ -n $pem ]]; then
        openssl x509 -in "$pem" -noout -checkend 0 >/dev/null 2>&1 || die "OPENBATCH_TLS_PEM=$pem is not a valid certificate"
        openssl pkey -in "$pem" -noout 2>/dev/null || die "OPENBATCH_TLS_PEM=$pem has no private key after the certificate"
        [[ -z $ca || -r $ca ]] || die "OPENBATCH_TLS_CA=$ca cannot be read"
    else
        tls_authority
        tls_certificate tls "$(tls_names)"
        pem=$OPENBATCH_HOME/secrets/tls.pem
        ca=$OB_TLS/ca.pem
    fi
    config_set tls_ca "$ca"
    config_set tls_address "${address/#0.0.0.0/127.0.0.1}"
    config_set tls_host "${OPENBATCH_TLS_HOST:-localhost}"
    {
        printf '%s=%q\n' OPENBATCH_TLS_CONFIG "$OB_ROOT/tools/tls" OPENBATCH_TLS_PEM "$pem" \
            OPENBATCH_TLS_BIND "$address:$OB_TLS_PORT" \
            OPENBATCH_TLS_CONSOLE_BIND "$address:$OB_CONSOLE_TLS_PORT" OPENBATCH_TLS_CONSOLE "127.0.0.1:$OB_CONSOLE_PORT" \
            OPENBATCH_TLS_API "127.0.0.1:$OPENBATCH_PORT" OPENBATCH_TLS_REQUESTS "$(((threads + 1) / 2))"
        # A changed certificate restarts the proxy.
        printf '# %s\n' "$(sha256sum "$pem" "$OB_ROOT"/tools/tls/*.cfg | sha256sum)"
    } >"$OB_TLS/env.new"
    mv "$OB_TLS/env.new" "$OB_TLS/env"
    # shellcheck source=/dev/null
    why=$( (set -a && . "$OB_TLS/env" && haproxy -c -q -f "$OB_ROOT/tools/tls/haproxy.cfg") 2>&1) ||
        die "haproxy refuses these settings: $why"
}

# Without HTTPS again.
tls_end() {
    [[ -d $OPENBATCH_HOME/sv/tls ]] || return 0
    stop_dirs 10 "$OPENBATCH_HOME/sv/tls"
    rm -rf "$OPENBATCH_HOME/sv/tls"
}
