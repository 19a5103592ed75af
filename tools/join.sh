# shellcheck shell=bash
# join: prints what to run on a host that joins an unmanaged compute environment (docs/capacity.md).
need_home
OPENBATCH_KAFKA_REMOTE=$(kafka_remote) OPENBATCH_EXECUTOR=$(program_of executor) OPENBATCH_RUNTIME=$(runtime_of_copy) \
    client join.py "$@"
