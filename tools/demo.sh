# shellcheck shell=bash
# demo: up, then the examples of tools/demo.
"$OB_ROOT/openbatch" up
# Where jobs find their data: no container may have a folder of the copy's home.
OPENBATCH_DEMO_DIR=$(config_get demo)
if [[ ! -d $OPENBATCH_DEMO_DIR ]]; then
    OPENBATCH_DEMO_DIR=$(mktemp -d /var/tmp/openbatch-demo-XXXXXX)
    chmod 755 "$OPENBATCH_DEMO_DIR"
    config_set demo "$OPENBATCH_DEMO_DIR"
fi
export OPENBATCH_DEMO_DIR
client demo/main.py "$@"
