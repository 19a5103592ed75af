# shellcheck shell=bash
# key: makes, lists, revokes access keys and says what they may do (docs/access.md).
need_home
client key.py "$@"
