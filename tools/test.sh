# shellcheck shell=bash
# test: the suites named, or all. What they need (packages, jars, virtual environment, sanitized build) is kept in this
# copy's home; the servers of the end-to-end tests have a home and ports of their own, and leave nothing behind.
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/stack.sh"

ALL=(format unit e2e)
suites=("$@")
((${#suites[@]})) || suites=("${ALL[@]}")
for suite in "${suites[@]}"; do
    [[ " ${ALL[*]} " == *" $suite "* ]] || die "there is no suite '$suite'; there are: ${ALL[*]}"
done

export OPENBATCH_SANITIZE=1
OB_BUILD=$OPENBATCH_HOME/build-asan
test_home=''

# shellcheck disable=SC2317  # called by trap
clean_up() {
    [[ -z $test_home ]] || OPENBATCH_HOME=$test_home/home "$OB_ROOT/openbatch" down --wipe --yes >/dev/null 2>&1 || :
    [[ -z $test_home ]] || rm -rf "$test_home"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

prepare() {
    check_platform
    take_lock
    mkdir -p "$OPENBATCH_HOME/log"
    install_packages test
    install_venv test
    install_kafka
    # The lock is for the home's contents, which the suites only read.
    exec 9>&-
}

suite_format() {
    local c_files py_dirs=()
    mapfile -t c_files < <(cd "$OB_ROOT" && find shared services tests -name '*.[ch]' | LC_ALL=C sort)
    [[ -d $OB_ROOT/tests ]] && py_dirs+=("$OB_ROOT/tests")
    (
        status=0
        cd "$OB_ROOT" || exit
        ((${#c_files[@]} == 0)) || clang-format --dry-run -Werror "${c_files[@]}" || status=1
        shellcheck -x openbatch tools/*.sh tools/sv/* tools/kafka/pin .ci/run || status=1
        "$OPENBATCH_HOME/venv/bin/ruff" check -q --no-cache tools "${py_dirs[@]}" || status=1
        "$OPENBATCH_HOME/venv/bin/ruff" format --check -q --no-cache tools "${py_dirs[@]}" || status=1
        exit $status
    )
}

suite_unit() {
    (build all) || return 1
    # Without a test meson would be content.
    [[ $(meson introspect --tests "$OB_BUILD") != '[]' ]] || die "there are no unit tests"
    local status=0
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 meson test -C "$OB_BUILD" --no-rebuild --print-errorlogs ||
        status=1
    # That the demo's checks can fail.
    "$OPENBATCH_HOME/venv/bin/python" -m pytest "$OB_ROOT/tools/demo/tests" -q -p no:cacheprovider || status=1
    return $status
}

# The first of twenty ports that nobody listens on.
free_ports() {
    local port
    for ((port = 20000 + RANDOM % 400 * 20; port < 32000; port += 20)); do
        [[ -z $(ss -Hltn "sport >= :$port and sport < :$((port + 20))") ]] && say "$port" && return
    done
    die "there are no twenty free ports in a row between 20000 and 32000"
}

suite_e2e() {
    (build all) || return 1
    test_home=$(mktemp -d /tmp/openbatch-test.XXXXXX)
    chmod 711 "$test_home"
    mkdir -p "$test_home/home/kafka"
    ln -s "$OPENBATCH_HOME/venv" "$OPENBATCH_HOME/build-asan" "$test_home/home/"
    ln -s "$OPENBATCH_HOME/kafka/libs" "$test_home/home/kafka/"
    (
        OPENBATCH_HOME=$test_home/home
        OPENBATCH_PORT=$(free_ports)
        PATH=$OPENBATCH_HOME/venv/bin:$PATH
        ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0}
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
        export OPENBATCH_HOME OPENBATCH_PORT PATH ASAN_OPTIONS UBSAN_OPTIONS
        "$OB_ROOT/openbatch" up || exit 1
        cd "$OB_ROOT" || exit
        status=0
        "$OPENBATCH_HOME/venv/bin/python" -m pytest tests/e2e -q -p no:cacheprovider --timeout=600 --durations=8 || status=1
        # A service that died of a sanitizer's finding was restarted; its words are in its log.
        if grep -lE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$OPENBATCH_HOME"/log/*/current \
            "$OPENBATCH_HOME"/log/*/*.s 2>/dev/null; then
            note "a sanitizer found something:"
            grep -hE -A25 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$OPENBATCH_HOME"/log/*/current \
                2>/dev/null | head -n 80 >&2 || :
            status=1
        fi
        if ((status)); then "$OB_ROOT/openbatch" logs api scheduler scaler >&2 || :; fi
        exit $status
    )
}

prepare
failed=()
for suite in "${suites[@]}"; do
    say "== $suite"
    "suite_$suite" || failed+=("$suite")
done
((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
say "== all passed: ${suites[*]}"
