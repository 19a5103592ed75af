# shellcheck shell=bash
# down: stops everything; running containers go on. --wipe ends them too and deletes all state.
. "$OB_ROOT/tools/stack.sh"

[[ -d $OPENBATCH_HOME ]] || die "there is no $OPENBATCH_HOME"
take_lock
stop_services
say "stopped; './openbatch up' goes on where this left off"
