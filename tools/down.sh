# shellcheck shell=bash
# down: stops everything but running containers. --wipe stops them too and deletes all state.
. "$OB_ROOT/tools/stack.sh"

wipe='' yes=''
for arg in "$@"; do
    case $arg in
    --wipe) wipe=1 ;;
    --yes | -y) yes=1 ;;
    *) die "down: unknown option '$arg'" ;;
    esac
done
[[ -d $OPENBATCH_HOME ]] || die "there is nothing at $OPENBATCH_HOME"
# Only a home that `up` made may be deleted.
[[ -z $wipe || -n $(config_get made) ]] || die "$OPENBATCH_HOME is not a home that 'up' made; nothing was deleted"
take_lock
pgdata=$(config_get pgdata)
demo=$(config_get demo)

if [[ -n $wipe ]]; then
    say "this stops all jobs and deletes:"
    say "    $OPENBATCH_HOME (jobs, logs, keys, images, builds)"
    [[ -z $pgdata || $pgdata == "$OPENBATCH_HOME"/* ]] || say "    $pgdata (PostgreSQL)"
    [[ -z $demo ]] || say "    $demo (the demo's films and pictures)"
    if [[ -z $yes && -t 0 ]]; then
        read -r -p "type yes to continue: " answer
        [[ $answer == yes ]] || die "nothing was deleted"
    fi
fi
stop_all
if [[ -z $wipe ]]; then
    say "stopped; running containers continue, and './openbatch up' adopts them"
    exit 0
fi
end_containers
end_oci_containers
unmount_all
[[ -z $pgdata ]] || rm -rf "$pgdata"
[[ -z $demo ]] || rm -rf "$demo"
rm -rf "$OPENBATCH_RUN_DIR" "$OB_PG_SOCKETS"
find "$OPENBATCH_HOME" -mindepth 1 -maxdepth 1 ! -name lock -exec rm -rf {} +
rm -f "$OPENBATCH_HOME/lock"
rmdir "$OPENBATCH_HOME" "${OPENBATCH_RUN_DIR%/*}" /var/lib/openbatch 2>/dev/null || :
say "stopped and deleted"
