# shellcheck shell=bash
# interrupt: gives a Spot instance its interruption notice (docs/capacity.md).
need_home
client interrupt.py "$@"
