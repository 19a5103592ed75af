# One image for each service, and `setup`, which makes a composed copy's secrets. docker-compose.yml builds them all;
# docs/compose.md says what each is.

# The modules of the console's page, each checked.
FROM debian:bookworm-slim AS web
RUN apt-get update && apt-get install -y --no-install-recommends maven python3
COPY tools/web /web
RUN mvn -B -q -f /web/pom.xml dependency:copy-dependencies -DoutputDirectory=/libs \
    && (cd /libs && sha256sum --quiet --strict -c /web/checksums) \
    && python3 /web/unpack.py /modules /libs/*.jar

FROM debian:bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends \
        esbuild gcc libc6-dev meson ninja-build pkg-config \
        libcivetweb-dev libcurl4-openssl-dev libexpat1-dev libhiredis-dev libjansson-dev libpq-dev librdkafka-dev libssl-dev uthash-dev
COPY --from=web /modules /modules
COPY . /src
RUN meson setup /build /src --buildtype=release -Dwerror=false -Dtests=false -Dsystem_files=false -Dweb_modules=/modules \
    && ninja -C /build \
    && mkdir /programs \
    && for name in api scheduler scaler executor console; do \
        strip -o "/programs/openbatch-$name" "/build/services/$name/openbatch-$name" || exit 1; \
    done

# What all services share: libraries, a user without rights, a place for the health socket.
FROM debian:bookworm-slim AS base
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libjansson4 librdkafka1 libssl3 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/openbatch openbatch \
    && install -d -o openbatch -g openbatch /run/openbatch /run/openbatch/standby /var/lib/openbatch
ENV OPENBATCH_HOME=/var/lib/openbatch OPENBATCH_RUN_DIR=/run/openbatch
COPY tools/compose/healthy /usr/local/bin/
USER openbatch

FROM base AS api
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcivetweb1 libpq5 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /programs/openbatch-api /usr/local/bin/
USER openbatch
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["healthy", "api"]
CMD ["openbatch-api"]

FROM base AS scheduler
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4 libpq5 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /programs/openbatch-scheduler /usr/local/bin/
USER openbatch
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["healthy", "scheduler"]
CMD ["openbatch-scheduler"]

# The scaler and the executors use the engine's socket, which is root's.
# Executors of nodes of Kubernetes clusters run beside the scaler: runsv supervises them, svlogd keeps their logs.
FROM base AS scaler
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4 libexpat1 libhiredis0.14 libpq5 runit \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /programs/openbatch-scaler /programs/openbatch-executor /usr/local/bin/
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["healthy", "scaler"]
CMD ["openbatch-scaler"]

FROM base AS executor
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcurl4 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
COPY --from=build /programs/openbatch-executor /usr/local/bin/
CMD ["openbatch-executor"]

FROM base AS console
USER root
RUN apt-get update \
    && apt-get install -y --no-install-recommends libcivetweb1 libcurl4 \
    && rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log \
    && useradd --uid 10002 --user-group --no-create-home --home-dir /var/lib/openbatch openbatch-console \
    && chown openbatch-console:openbatch-console /run/openbatch
COPY --from=build /programs/openbatch-console /usr/local/bin/
# Browsers reach it, so it can read no secrets but its own.
USER openbatch-console
EXPOSE 8085
HEALTHCHECK --interval=5s --timeout=5s --start-period=30s --retries=3 CMD ["healthy", "console"]
CMD ["openbatch-console"]

FROM debian:bookworm-slim AS setup
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates openssl python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
COPY tools/requirements.txt /opt/openbatch/tools/
RUN python3 -m venv /opt/openbatch/venv \
    && /opt/openbatch/venv/bin/pip install --no-cache-dir $(grep -E '^(boto3|confluent-kafka)==' /opt/openbatch/tools/requirements.txt)
COPY tools/secrets.sh tools/kafka.sh tools/tls.sh tools/run.py tools/own.py tools/plain.py /opt/openbatch/tools/
COPY tools/tls /opt/openbatch/tools/tls
COPY tools/kafka /opt/openbatch/tools/kafka
COPY tools/compose /opt/openbatch/tools/compose
ENTRYPOINT ["/bin/bash", "/opt/openbatch/tools/compose/setup"]
