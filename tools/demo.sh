# shellcheck shell=bash
# demo: up, then the examples of tools/demo.
"$OB_ROOT/openbatch" up
client demo/main.py "$@"
