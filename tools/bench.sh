# shellcheck shell=bash
# bench: every benchmark of tests/bench, in the environment that `env` prints.
. "$OB_ROOT/tools/install.sh"
shopt -s nullglob
benches=("$OB_ROOT"/tests/bench/*)
programs=()
for file in "${benches[@]}"; do [[ -f $file && -x $file ]] && programs+=("$file"); done
((${#programs[@]})) || die "there are no benchmarks in $OB_ROOT/tests/bench"
"$OB_ROOT/openbatch" up
eval "$(print_env)"
PATH=$OPENBATCH_HOME/venv/bin:$PATH
OB_BUILD=$(config_get build)
export OB_BUILD
# Their C programs, which a user's copy does not need otherwise.
build tests/bench/load tests/bench/bench_engine tests/bench/bench_decide tests/bench/sim
for file in "${programs[@]}"; do
    say "== ${file##*/}"
    "$file" "$@"
done
