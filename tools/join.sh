# shellcheck shell=bash
# join: prints what to run on a host that joins an unmanaged compute environment (docs/capacity.md).
need_home
OPENBATCH_KAFKA=127.0.0.1:$OB_KAFKA_PORT OPENBATCH_EXECUTOR=$(config_get build)/services/executor/openbatch-executor \
    client join.py "$@"
