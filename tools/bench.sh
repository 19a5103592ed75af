# shellcheck shell=bash
# bench: the benchmarks (tests/bench), on copies of their own; what they need is installed and built in this home.
. "$OB_ROOT/tools/install.sh"

((EUID == 0)) || die "the benchmarks start container engines: that needs root"
kinds=(bench browser docker oci)
for arg in "$@"; do
    case $arg in
    --with-slurm) kinds+=(slurm) ;;
    -h | --help) exec /usr/bin/python3 "$OB_ROOT/tests/bench/arguments.py" --help ;;
    esac
done
OB_BUILD=$OPENBATCH_HOME/build
check_platform
take_lock
install_packages "${kinds[@]}"
install_venv up
install_node
install_kafka
install_web
# With the C programs of the benchmarks, which a user's copy does not need.
build "${PROGRAMS[@]}" tests/bench/{load,hosts,loop_engine,loop_oci,spawn,bench_engine,bench_decide,sim}
# The lock is for what is installed and built here, which the benchmarks only read.
exec 9>&-
export OB_BUILD
PYTHONDONTWRITEBYTECODE=1 exec "$OPENBATCH_HOME/venv/bin/python" "$OB_ROOT/tests/bench/bench.py" "$@"
