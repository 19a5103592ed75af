# shellcheck shell=bash
# run: one container through the whole system; tools/run.py does it.
case ${1:-} in
-h | --help | '') ;;
*) need_home ;;
esac
client run.py "$@"
