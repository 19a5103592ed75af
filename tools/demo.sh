# shellcheck shell=bash
# demo: up, then the examples of tools/demo.
"$OB_ROOT/openbatch" up
# The data of jobs is outside of the copy's home, because no container may use a folder of it.
OPENBATCH_DEMO_DIR=$(config_get demo)
if [[ ! -d $OPENBATCH_DEMO_DIR ]]; then
    OPENBATCH_DEMO_DIR=$(mktemp -d /var/tmp/openbatch-demo-XXXXXX)
    chmod 755 "$OPENBATCH_DEMO_DIR"
    config_set demo "$OPENBATCH_DEMO_DIR"
fi
OPENBATCH_RUNTIME=$(runtime_of_copy)
export OPENBATCH_DEMO_DIR OPENBATCH_RUNTIME
client demo/main.py "$@"
