#!/bin/bash
# Makes stand-ins for the base images that docker-compose.yml and the Dockerfile name, from packages, in the engine of
# DOCKER_HOST, where they cannot be pulled. What they share with the originals is what the compose file relies on: the
# programs' places and the users' numbers. Existing images are kept.
#
# usage: images.sh WORK_DIRECTORY KAFKA_JARS_DIRECTORY
set -euo pipefail
work=$1 jars=$2

have() { docker image inspect "$1" >/dev/null 2>&1; }

# debian:bookworm-slim, with this machine's package sources, certificates and settings of pip.
debian() {
    local root=$work/debian
    have debian:bookworm-slim && return 0
    mmdebstrap --quiet --variant=minbase --include=ca-certificates bookworm "$root" >"$work/mmdebstrap.log" 2>&1 ||
        { tail -n 5 "$work/mmdebstrap.log" >&2; return 1; }
    if [[ -d /etc/apt/sources.list.d ]]; then
        rm -f "$root/etc/apt/sources.list"
        cp -a /etc/apt/sources.list /etc/apt/sources.list.d "$root/etc/apt/" 2>/dev/null || cp -a /etc/apt/sources.list.d "$root/etc/apt/"
    fi
    cp -a /usr/local/share/ca-certificates/. "$root/usr/local/share/ca-certificates/" 2>/dev/null || :
    if [[ -f /etc/pip.conf ]]; then cp /etc/pip.conf "$root/etc/"; fi
    chroot "$root" update-ca-certificates >/dev/null 2>&1
    # As in the original: no fsync for each file of a package, no lists of other languages. Each image below begins with
    # the lists that are read here.
    echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/docker-apt-speedup"
    echo 'Acquire::Languages "none";' >"$root/etc/apt/apt.conf.d/docker-no-languages"
    chroot "$root" apt-get update >"$work/update.log" 2>&1 || { tail -n 5 "$work/update.log" >&2; return 1; }
    rm -rf "$root"/var/cache/apt/*.bin "$root"/var/cache/apt/archives/*.deb "$root"/usr/share/{doc,man,locale}/*
    tar -C "$root" --numeric-owner -c . | docker import --change 'CMD ["bash"]' - debian:bookworm-slim >/dev/null
    rm -rf "$root"
}

build() { # NAME CONTEXT: the Dockerfile comes from stdin
    have "$1" && return 0
    docker build -q -t "$1" -f - "$2" >"$work/build.log" 2>&1 || { tail -n 20 "$work/build.log" >&2; return 1; }
}

debian
mkdir -p "$work/empty"
# All servers in one, as each package installation and each layer takes its time.
build openbatch/stand-in "$work/empty" <<'END'
FROM debian:bookworm-slim
RUN mkdir -p /usr/share/man/man1 \
    && groupadd -g 999 postgres && useradd -u 999 -g 999 -d /var/lib/postgresql postgres \
    && groupadd -o -g 999 redis && useradd -o -u 999 -g 999 redis \
    && groupadd -g 1000 appuser && useradd -u 1000 -g 1000 appuser \
    && apt-get update && apt-get install -y --no-install-recommends postgresql-common \
    && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf \
    && apt-get install -y --no-install-recommends default-jre-headless haproxy postgresql-15 python3-minimal redis-server \
    && usermod -u 99 haproxy && groupmod -g 99 haproxy
END
for name in postgres:15-bookworm redis:7-bookworm haproxy:2.6-bookworm; do
    have "$name" || docker tag openbatch/stand-in "$name"
done
build apache/kafka:4.1.0 "$jars" <<'END'
FROM openbatch/stand-in
COPY *.jar /opt/kafka/libs/
END

# What the tests' jobs run: Debian's busybox; and Python, which asks servers without a password.
if ! have openbatch/busybox; then
    (cd "$work" && apt-get -q download busybox-static && dpkg-deb -x busybox-static*.deb busybox) >/dev/null 2>&1
    mkdir -p "$work/root/bin" "$work/root/tmp"
    for name in $("$work/busybox/bin/busybox" --list); do ln -sf busybox "$work/root/bin/$name"; done
    cp --remove-destination "$work/busybox/bin/busybox" "$work/root/bin/"
    tar -C "$work/root" -c . | docker import - openbatch/busybox >/dev/null
fi
build openbatch/asker "$work/empty" <<'END'
FROM openbatch/stand-in
ENTRYPOINT ["/bin/sh"]
END
