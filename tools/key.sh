# shellcheck shell=bash
# key: makes, lists and revokes access keys and sets their policies (docs/access.md).
need_home
client key.py "$@"
