# shellcheck shell=bash
# simulate: histories of the whole system in one process, over virtual time (docs/simulation.md). The program is
# built without sanitizers, in a folder of its own; OPENBATCH_SANITIZE=1 takes the sanitized build of the tests.
. "$OB_ROOT/tools/install.sh"

case " $* " in
*" --help "*)
    cat <<EOF
usage: openbatch simulate [--seed N] [--histories M] [--faults LIST] [--jobs J] [--size S] [--keep-going] [--story]

  --seed N       the first seed; each history has the next one (default: 1)
  --histories M  how many (default: 100)
  --faults LIST  kinds of faults, with commas; all, none (default: all)
  --jobs J       histories that run at a time (default: one for each processor)
  --size S       jobs of each history (default: 100 to 300, drawn)
  --keep-going   do not end with the first history that is broken
  --story        print every step of a broken history, not only what concerns its job
  --only MASK    of a history's faults only these, as a broken one names them
EOF
    exit 0
    ;;
esac

check_platform
take_lock
mkdir -p "$OPENBATCH_HOME/log"
install_packages test
OB_BUILD=$OPENBATCH_HOME/build-simulate
[[ -z ${OPENBATCH_SANITIZE:-} ]] || choose_build
build tests/simulation/ob-simulate
exec 9>&- # the lock is for the build
exec "$OB_BUILD/tests/simulation/ob-simulate" "$@"
