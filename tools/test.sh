# shellcheck shell=bash
# test: runs the named suites, or format, unit, e2e and compose. Their packages, jars, virtual environment and sanitized build are in this
# copy's home; the servers of the end-to-end tests have a home and ports of their own, and leave nothing behind.
. "$OB_ROOT/tools/install.sh"
. "$OB_ROOT/tools/stack.sh"

ALL=(format unit e2e compose)
MORE=(pure analysis faults crashes upgrades packages kubernetes long) # only when they are named
suites=("$@")
cluster_tests=() # all
OB_CLUSTER_PROGRAM=$OPENBATCH_HOME/kubernetes
if ((${#suites[@]} == 0)); then
    suites=("${ALL[@]}")
    # Its program takes long to build, and a home that has none does not need it.
    if ((EUID == 0)) && "$OB_ROOT/tests/kubernetes/program/build.sh" --find "$OB_CLUSTER_PROGRAM" >/dev/null; then
        suites+=(kubernetes)
        cluster_tests=(-m 'not long')
    fi
fi
for suite in "${suites[@]}"; do
    [[ " ${ALL[*]} ${MORE[*]} " == *" $suite "* ]] || die "there is no suite '$suite'; there are: ${ALL[*]} ${MORE[*]}"
done

export OPENBATCH_SANITIZE=1
choose_build
OB_VENV=$OPENBATCH_HOME/venv OB_JARS=$OPENBATCH_HOME/kafka/libs OB_WEB=$OPENBATCH_HOME/web/modules
# What a sanitizer's report begins with.
REPORT='ERROR: (Address|Leak)Sanitizer|runtime error:|(WARNING|FATAL): ThreadSanitizer'
test_home='' test_homes=() parts=() engine_home='' engine_net='' engine_host='' compose_pid='' compose_port=''
beside_pid='' build_pid='' cluster_home=''

kill_tree() { # PROCESS
    local child
    for child in $(pgrep -P "$1"); do kill_tree "$child"; done
    kill "$1" 2>/dev/null || :
}

# shellcheck disable=SC2317  # called by trap
clean_up() {
    local pid
    for pid in "${parts[@]}" $beside_pid $build_pid $compose_pid; do kill_tree "$pid"; done
    [[ -z $cluster_home ]] || cluster_down || :
    [[ -z $engine_home ]] || engine_down
    drop_test_homes
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

prepare() {
    check_platform
    take_lock
    mkdir -p "$OPENBATCH_HOME/log"
    local kinds=(test browser tls docker oci)
    [[ " ${suites[*]} " != *" analysis "* ]] || kinds+=(analysis)
    [[ " ${suites[*]} " != *" kubernetes "* ]] || kinds+=(kubernetes)
    install_packages "${kinds[@]}"
    (install_web) || exit 1 # the build needs it
    begin_build
    # Each waits for the network.
    local step pid
    for step in 'install_venv test' install_node install_kafka; do
        $step &
        parts+=("$!")
    done
    for pid in "${parts[@]}"; do wait "$pid" || exit 1; done
    parts=()
    # The lock is for the home's contents, which the suites only read.
    exec 9>&-
}

# The tree is built beside what is fetched and the suite format, which leave a core idle. built repeats what it says.
begin_build() {
    local suite
    for suite in "${suites[@]}"; do
        [[ " format analysis packages " == *" $suite "* ]] && continue
        (exec 9>&- && build all) >/dev/null 2>&1 </dev/null &
        build_pid=$!
        return
    done
}

built() { # TARGET...
    if [[ -n $build_pid ]]; then wait "$build_pid" || :; fi
    build_pid=''
    (build "$@")
}

# The types of the console's page and of its tests.
web_types() {
    local config=$OPENBATCH_HOME/web/tsconfig.json
    cat >"$config" <<END
{
  "extends": "$OB_ROOT/services/console/web/tsconfig.json",
  "compilerOptions": { "baseUrl": "modules", "paths": { "*": ["*"] }, "typeRoots": [], "noEmit": true },
  "include": ["$OB_ROOT/services/console/web/**/*"]
}
END
    node "$OPENBATCH_HOME/node_modules/typescript/bin/tsc" -p "$config"
}

suite_format() {
    local c_files py_dirs=()
    mapfile -t c_files < <(cd "$OB_ROOT" && find shared services tests tools -name '*.[ch]' | LC_ALL=C sort)
    [[ -d $OB_ROOT/tests ]] && py_dirs+=("$OB_ROOT/tests" "$OB_ROOT/examples")
    (
        status=0
        cd "$OB_ROOT" || exit
        # jansson's loaders recurse as deep as the text is nested; only shared/src/json.c limits that.
        if grep -nE '\bjson_load(s|b|f|fd|_file|_callback)\(' -r services shared --include='*.[ch]' |
            grep -v '^shared/src/json\.c:'; then
            note "JSON may be read only with ob_json_* (shared/include/ob/json.h)"
            status=1
        fi
        if grep -nE 'sizeof ?\(?([a-z_]+)\)? */ *sizeof ?\(?\*?\1\b' "${c_files[@]}"; then
            note "the members of an array are ARRAY_SIZE (shared/include/ob/mem.h)"
            status=1
        fi
        ((${#c_files[@]} == 0)) || clang-format --dry-run -Werror "${c_files[@]}" || status=1
        /usr/bin/python3 tools/text_rules.py || status=1
        /usr/bin/python3 tools/include_rules.py || status=1
        /usr/bin/python3 tools/commit_rules.py || status=1
        /usr/bin/python3 tools/log_events.py --check || status=1
        /usr/bin/python3 tools/metrics.py --check || status=1
        /usr/bin/python3 tools/sql_rules.py || status=1
        /usr/bin/python3 tools/crash_points.py --check || status=1
        /usr/bin/python3 tools/runtime_tests.py --check || status=1
        web_types || status=1
        shellcheck -x openbatch tools/*.sh tools/packaged/*.sh tools/sv/* tools/kafka/{archive,pin,started} tools/web/pin tools/compose/setup \
            tests/clients/*.sh tests/compose/*.sh tests/simulation/*.sh tests/kubernetes/*/*.sh deploy/kubernetes/*.sh .ci/run || status=1
        "$OPENBATCH_HOME/venv/bin/ruff" check -q --no-cache tools "${py_dirs[@]}" || status=1
        "$OPENBATCH_HOME/venv/bin/ruff" format --check -q --no-cache tools "${py_dirs[@]}" || status=1
        exit $status
    )
}

suite_unit() {
    built all || return 1
    # meson succeeds even if there are no tests.
    [[ $(meson introspect --tests "$OB_BUILD") != '[]' ]] || die "there are no unit tests"
    local status=0
    begin_histories 1 2000
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 meson test -C "$OB_BUILD" --no-rebuild --print-errorlogs ||
        status=1
    # The demo's checks, the checker of the fault tests and the benchmarks' arithmetic can fail.
    "$OPENBATCH_HOME/venv/bin/python" -m pytest "$OB_ROOT/tools/demo/tests" -q -p no:cacheprovider || status=1
    "$OPENBATCH_HOME/venv/bin/python" -m pytest "$OB_ROOT"/tests/faults/test_{checker,recipes}.py -q -p no:cacheprovider || status=1
    "$OPENBATCH_HOME/venv/bin/python" -m pytest "$OB_ROOT/tests/bench" -q -p no:cacheprovider || status=1
    # The Kubernetes cluster that other tests take for a real one.
    "$OPENBATCH_HOME/venv/bin/python" -m pytest "$OB_ROOT/tests/fakes" -q -p no:cacheprovider --timeout=120 || status=1
    "$OPENBATCH_HOME/venv/bin/python" -m pytest "$OB_ROOT/tests/kubernetes/test_kube_command.py" -q -p no:cacheprovider || status=1
    end_histories || status=1
    return $status
}

# Histories of the whole system over virtual time (docs/simulation.md), in a build without sanitizers. They run beside
# other tests, most of which wait for something.
simulate() ( # SEED HISTORIES
    unset OPENBATCH_SANITIZE
    "$OB_ROOT/openbatch" simulate --seed "$1" --histories "$2" &&
        "$OB_ROOT/tests/simulation/again.sh" "$OPENBATCH_HOME/build-simulate/tests/simulation/ob-simulate"
)

begin_histories() { # SEED HISTORIES
    say "simulate: $2 histories from seed $1"
    (renice -n 10 "$BASHPID" >/dev/null && simulate "$@") >"$OB_BUILD/histories.log" 2>&1 </dev/null &
    beside_pid=$!
}

end_histories() {
    local status=0
    wait "$beside_pid" || status=1
    beside_pid=''
    cat "$OB_BUILD/histories.log"
    return $status
}

# The unit tests that need no server: seconds.
suite_pure() {
    built all || return 1
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 meson test -C "$OB_BUILD" --no-rebuild --print-errorlogs --suite pure
}

# A separate copy for a suite, in test_home. "ours": with an engine of its own, even if another one answers; "oci": with
# executors that run containers themselves.
make_test_home() { # [ours|oci]
    test_home=$(mktemp -d /tmp/openbatch-test.XXXXXX)
    test_homes+=("$test_home")
    chmod 711 "$test_home"
    mkdir -p "$test_home/home/kafka" "$test_home/home/clusters"
    ln -s "$OPENBATCH_HOME/venv" "$OPENBATCH_HOME/node_modules" "$OB_BUILD" "$test_home/home/"
    ln -s "$OPENBATCH_HOME/kafka/libs" "$test_home/home/kafka/"
    ln -s "$OPENBATCH_HOME/web" "$test_home/home/"
    case ${1:-} in
    ours) printf 'made=for the tests\nengine=ours\n' >"$test_home/home/config" ;;
    oci) printf 'made=for the tests\nengine=none\nruntime=oci\n' >"$test_home/home/config" ;;
    esac
}

drop_test_homes() {
    local home
    for home in "${test_homes[@]}"; do
        OPENBATCH_HOME=$home/home "$OB_ROOT/openbatch" down --wipe --yes >/dev/null 2>&1 || :
        rm -rf "$home"
    done
    test_homes=() test_home=''
}

on_test_home() { # PYTEST_ARGUMENT...: starts the copy in test_home and runs pytest against it
    local result=0
    (
        OPENBATCH_HOME=$test_home/home
        OPENBATCH_PORT=${test_port:-$(free_ports)}
        PATH=$OPENBATCH_HOME/venv/bin:$PATH
        # A small quarantine of freed memory costs a tenth less time than the usual one of 256 MiB.
        ASAN_OPTIONS=${ASAN_OPTIONS:-abort_on_error=0:quarantine_size_mb=16}
        UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
        OPENBATCH_CRASH_FILE=$OPENBATCH_HOME/crash # does nothing until a test writes it
        OPENBATCH_KUBERNETES_DIR=$OPENBATCH_HOME/clusters # those that tests have started
        export OPENBATCH_KUBERNETES_DIR OPENBATCH_HOME OPENBATCH_PORT OPENBATCH_CRASH_FILE PATH ASAN_OPTIONS UBSAN_OPTIONS
        "$OB_ROOT/openbatch" up || exit 1
        cd "$OB_ROOT" || exit
        status=0
        "$OPENBATCH_HOME/venv/bin/python" -m pytest -q -p no:cacheprovider "$@" || status=1
        # A service that a sanitizer ended was restarted, and leaks are found at the end; the reports are in the log.
        timeout --foreground -k 10 600 "$OB_ROOT/openbatch" down >/dev/null || status=1
        if grep -lE "$REPORT" "$OPENBATCH_HOME"/log/{*/current,*/*.s,sanitizer.*} 2>/dev/null; then
            note "a sanitizer reported an error:"
            grep -hE -A25 "$REPORT" "$OPENBATCH_HOME"/log/{*/current,sanitizer.*} 2>/dev/null | head -n 80 >&2 || :
            status=1
        fi
        if ((status)); then "$OB_ROOT/openbatch" logs api scheduler scaler console >&2 || :; fi
        exit "$status"
    ) || result=1
    [[ -n ${test_port:-} ]] || drop_test_homes
    return $result
}

# In parts side by side, each with a copy of its own: most tests wait for something. of_part has pytest's arguments for
# each part, as words; engine_of what runs its containers (make_test_home), by default an engine of the copy's own, so
# that tests can inject faults into it. OPENBATCH_TEST_ENGINE is for all parts.
in_parts() { # PYTEST_ARGUMENT...: for all parts
    local port status=0 logs=() ports=("$compose_port") engine=() i
    for i in "${!of_part[@]}"; do
        ((EUID != 0)) || engine=("${OPENBATCH_TEST_ENGINE:-${engine_of[i]:-ours}}")
        make_test_home "${engine[@]}"
        port=$(free_ports)
        while [[ " ${ports[*]} " == *" $port "* ]]; do port=$(free_ports); done
        ports+=("$port")
        logs+=("$test_home/pytest.log")
        local words=()
        read -ra words <<<"${of_part[i]}"
        (test_port=$port on_test_home "${words[@]}" "$@") >"$test_home/pytest.log" 2>&1 </dev/null &
        parts+=("$!")
    done
    for i in "${!parts[@]}"; do
        wait "${parts[i]}" || status=1
        cat "${logs[i]}"
    done
    parts=()
    drop_test_homes
    return $status
}

suite_e2e() {
    built all || return 1
    # What speaks to Docker's engine, or harms it, has one. The others run with either; without one they take half of the
    # time. The parts take about as long.
    local docker=(auth/test_taken_host.py containers faults/test_{crash_points,faults,host}.py)
    local second=(auth console definitions http logs)
    local third=(clients command faults jobs/test_{array,dependencies,job,retries,scenarios}.py metrics queues)
    local others=("${docker[@]}" "${second[@]}" "${third[@]}" kubernetes) of_part engine_of=(ours oci oci oci oci)
    of_part=("${docker[*]/#/tests/e2e/}" "${second[*]/#/tests/e2e/} ${docker[*]/#/--ignore=tests/e2e/}"
        "${third[*]/#/tests/e2e/} ${docker[*]/#/--ignore=tests/e2e/}" tests/e2e/kubernetes
        "tests/e2e ${others[*]/#/--ignore=tests/e2e/}")
    # Kafka lives for minutes here: what its better compiler costs is never earned.
    local -x OPENBATCH_KAFKA_JAVA=-XX:TieredStopAtLevel=1
    # Real servers on a possibly busy machine: a failed test is tried once more, and counted as a rerun. Where a server
    # is gone, all later tests would fail by their deadlines; a part ends before that, and says which failed first.
    in_parts -m 'not long' --timeout=600 --durations=25 --reruns 1 --maxfail=8 --session-timeout=2400
}

# The unit tests in which threads share something.
THREADED=(api_audit api_pool api_turns bus bus_outage clients cond console_live console_requests console_stream executor_heartbeat id log
    scaler_lacking scheduler_heard scheduler_seal scheduler_sent scheduler_publisher service sweeper)

# Static analysers; then ThreadSanitizer, on unit tests and on all services under load. The copy's jobs have no
# containers but for one host's.
suite_analysis() {
    local OB_BUILD status=0
    local -x OPENBATCH_SANITIZE=thread TSAN_OPTIONS=suppressions=$OB_ROOT/tests/tsan/suppressions.txt
    choose_build
    built "${PROGRAMS[@]}" "${THREADED[@]/#/tests/unit/test_}" || return 1
    /usr/bin/python3 "$OB_ROOT/tools/analysis/analyze.py" "$OB_BUILD" || status=1
    meson test -C "$OB_BUILD" --no-rebuild --print-errorlogs --timeout-multiplier 3 "${THREADED[@]}" || status=1
    if ((EUID == 0)); then make_test_home ours; else make_test_home; fi
    TSAN_OPTIONS+=:log_path=$test_home/home/log/sanitizer
    OPENBATCH_RUNTIME=null OPENBATCH_NULL_WORD=$test_home/home/word OPENBATCH_LOCAL_VCPUS=512 \
        OPENBATCH_LOCAL_MEMORY_MIB=4194304 OPENBATCH_API_THREADS=32 on_test_home tests/tsan --timeout=3600 || status=1
    return $status
}

# Faults are injected into servers and the container engine, so those must be this copy's own. The last part has no engine:
# its executors run containers themselves. Its 500 containers come late, and not beside the first part's busy host: both at
# once leave no processor to any part. Nothing is tried again.
suite_faults() {
    ((EUID == 0)) || die "the suite faults starts a container engine: that needs root"
    built all || return 1
    local dies=(bus_dies.py disk_full.py engine_dies.py random_kills.py) load=(clocks.py load.py redis_is_lost.py)
    local oci=(oci_dies.py oci_disks.py) either=(disk_full.py random_kills.py)
    local others=("${dies[@]}" "${load[@]}" "${oci[@]}") no_engine=("${either[@]}" "${oci[@]}") of_part engine_of=(ours ours ours oci)
    of_part=("${dies[*]/#/tests/faults/test_}" "${load[*]/#/tests/faults/test_}"
        "tests/faults ${others[*]/#/--ignore=tests/faults/test_}" "${no_engine[*]/#/tests/faults/test_}")
    in_parts -m 'not long and not crashes and not upgrades' --timeout=1500 --durations=0 --durations-min=1
}

# A service dies before and after each crash point, half of which are the scaler's. Nothing is tried again. Retention
# runs every few seconds, and an executor's silence is noticed soon.
suite_crashes() {
    ((EUID == 0)) || die "the suite crashes starts a container engine: that needs root"
    built all || return 1
    local of_part=('-k scaler' '-k not(scaler)')
    OPENBATCH_JOB_RETENTION_S=3600 OPENBATCH_LOG_RETENTION_S=3600 OPENBATCH_LOST_AFTER_MS=12000 \
        in_parts tests/faults/test_crash_points.py --timeout=400 --durations=8
}

# A copy of the version before becomes one of this version, while jobs run.
suite_upgrades() {
    ((EUID == 0)) || die "the suite upgrades starts a container engine: that needs root"
    built all || return 1
    # The test makes its copy itself.
    cd "$OB_ROOT" || return 1
    env ASAN_OPTIONS=abort_on_error=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
        "$OB_VENV/bin/python" -m pytest -q -p no:cacheprovider tests/faults/test_upgrades.py --timeout=3600 --durations=0
}

# Long tests that rarely fail.
suite_long() {
    ((EUID == 0)) || die "the suite long starts a container engine: that needs root"
    built all || return 1
    local status=0 of_part
    begin_histories "$(shuf -i 1-1000000000 -n 1)" 20000
    of_part=("tests/faults/test_load.py" "tests/faults --ignore=tests/faults/test_load.py" tests/e2e)
    in_parts -m long --timeout=3600 --durations=0 || status=1
    "$OB_BUILD/tests/bench/sim" || status=1
    end_histories || status=1
    return "$status"
}

# The Debian packages, installed and run in a clean Debian root, with a container engine of the suite's own.
suite_packages() {
    local status=0 work
    ((EUID == 0)) || die "the suite packages installs packages in a root of its own: that needs root"
    engine_up
    work=$engine_home/packages
    mkdir "$work"
    (
        export DOCKER_HOST=$engine_host OB_TEST_WORK=$work OB_TEST_JARS=$OB_JARS OB_TEST_WEB=$OB_WEB OB_TEST_ENGINE=$engine_home/docker.sock
        cd "$OB_ROOT" || exit
        busybox_image openbatch/busybox "$work/image.log" docker || exit
        "$OB_VENV/bin/python" -m pytest tests/packages -q -p no:cacheprovider --timeout=1500 --durations=5
    ) || status=1
    engine_down
    return $status
}

# A real Kubernetes on this host, which the suite kubernetes makes and ends.
cluster() { # up|down
    /usr/bin/python3 -B "$OB_ROOT/tests/kubernetes/cluster.py" "$1" "$cluster_home" "${@:2}"
}

cluster_down() {
    local status=0
    cluster down || status=1
    rm -rf "$cluster_home"
    cluster_home=''
    return $status
}

suite_kubernetes() {
    ((EUID == 0)) || die "the suite kubernetes starts a cluster: that needs root"
    built all || return 1
    local program status=0
    program=$("$OB_ROOT/tests/kubernetes/program/build.sh" "$OB_CLUSTER_PROGRAM") || return 1
    cluster_home=$(mktemp -d /tmp/openbatch-kubernetes.XXXXXX)
    cluster up --program "$program" || return 1
    make_test_home oci
    # A missing image is given up early.
    OPENBATCH_PULL_STALL_MS=20000 OPENBATCH_TEST_CLUSTER=$cluster_home on_test_home tests/kubernetes \
        --ignore=tests/kubernetes/test_kube_command.py "${cluster_tests[@]}" --timeout=1500 --durations=10 || status=1
    cluster_down || status=1
    return $status
}

# Deletes what the engine of run number N has left in the kernel: the bridges of its networks and all rules that name
# them or their addresses. An engine that was killed deletes neither, and each new network needs a free range.
engine_forget() { # N
    local from=$((4 * $1)) bridge bridges table words pattern
    mapfile -t bridges < <(ip -o -4 address show to "10.214.$from.0/22" | awk '{ print $2 }')
    pattern="obtest$1 |10\.213\.$1\.|10\.214\.($from|$((from + 1))|$((from + 2))|$((from + 3)))\."
    for bridge in "${bridges[@]}"; do
        pattern+="|$bridge "
        ip link delete "$bridge"
    done
    for table in filter nat; do
        while read -ra words; do
            iptables -w -t "$table" -D "${words[@]:1}" || :
        done < <(iptables-save -t "$table" 2>/dev/null | grep -E -- "^-A .*($pattern)" || :)
    done
}

# A separate bridge with the first number that no other run uses: 10.213.N.1/24, and 10.214.4N.0/22 for the engine's
# networks. A bridge's alias is its run's process; that of a killed run is deleted.
engine_bridge() {
    local n run
    exec 8>/run/lock/openbatch-test
    flock 8
    for ((n = 0; n < 64; n++)); do
        if [[ -d /sys/class/net/obtest$n ]]; then
            run=$(<"/sys/class/net/obtest$n/ifalias")
            [[ -n $run && ! -d /proc/$run ]] || continue
            ip link delete "obtest$n"
        fi
        engine_forget "$n"
        ip link add "obtest$n" type bridge
        engine_net=$n
        ip link set "obtest$n" alias $$ up
        ip address add "10.213.$n.1/24" dev "obtest$n"
        exec 8>&-
        return 0
    done
    die "there is no free number for a bridge obtestN"
}

# A separate engine for the composed copy, so that everything in it belongs to the test.
engine_up() {
    ((EUID == 0)) || die "the suite compose starts a container engine: that needs root"
    engine_home=$(mktemp -d /tmp/openbatch-engine.XXXXXX)
    engine_bridge
    setsid dockerd -H "unix://$engine_home/docker.sock" -p "$engine_home/pid" --data-root "$engine_home/data" \
        --exec-root "$engine_home/run" --config-file <(echo '{}') -b "obtest$engine_net" --log-level warn \
        --default-address-pool "base=10.214.$((4 * engine_net)).0/22,size=24" >"$engine_home/log" 2>&1 </dev/null &
    engine_host=unix://$engine_home/docker.sock
    local i
    for ((i = 0; i < 150; i++)); do
        docker -H "$engine_host" version >/dev/null 2>&1 && return 0
        sleep 0.2
    done
    tail -n 20 "$engine_home/log" >&2
    die "the container engine of the suite compose did not start"
}

# Also when the engine does not answer any more.
engine_down() {
    local ids pid i container
    mapfile -t ids < <(timeout 60 docker -H "$engine_host" ps -aq 2>/dev/null)
    ((${#ids[@]} == 0)) || timeout 120 docker -H "$engine_host" rm -f "${ids[@]}" >/dev/null 2>&1 || :
    pid=$(cat "$engine_home/pid" 2>/dev/null || :)
    [[ -z $pid ]] || kill "$pid" 2>/dev/null || :
    for ((i = 0; i < 100; i++)); do [[ -n $pid && -d /proc/$pid ]] && sleep 0.1; done
    pkill -KILL -f -- "$engine_home/" || :
    for container in "$engine_home"/run/runtime-runc/moby/*; do
        [[ ! -d $container ]] ||
            timeout 20 runc --root "${container%/*}" delete --force "${container##*/}" 2>/dev/null || :
    done
    if [[ -n $engine_net ]]; then
        engine_forget "$engine_net"
        ip link delete "obtest$engine_net" 2>/dev/null || :
    fi
    awk -v of="$engine_home/" 'index($2, of) == 1 { print $2 }' /proc/mounts | sort -r | xargs -r umount -l
    rm -rf "$engine_home" 2>/dev/null || :
    engine_home='' engine_net='' engine_host=''
}

# The suite compose runs beside the other suites: it waits for packages, for images and for servers that begin.
begin_compose() {
    engine_up
    compose_port=$(free_ports)
    compose >"$engine_home/compose.log" 2>&1 </dev/null &
    compose_pid=$!
}

compose() {
    mkdir "$engine_home/images"
    cd "$OB_ROOT" || return
    DOCKER_HOST=$engine_host nice bash tests/compose/images.sh "$engine_home/images" "$OB_JARS" || return
    DOCKER_HOST=$engine_host OPENBATCH_PORT=$compose_port \
        "$OB_VENV/bin/python" -m pytest tests/compose -q -p no:cacheprovider --timeout=3000 --durations=5 --reruns 1
}

suite_compose() {
    local status=0
    [[ -n $compose_pid ]] || begin_compose
    wait "$compose_pid" || status=1
    compose_pid=''
    cat "$engine_home/compose.log"
    engine_down
    return $status
}

prepare
failed=()
if ((EUID == 0)) && [[ " ${suites[*]} " == *" compose "* && " ${suites[*]} " != *" packages "* ]]; then begin_compose; fi
for suite in "${suites[@]}"; do
    say "== $suite"
    "suite_$suite" || failed+=("$suite")
done
((${#failed[@]} == 0)) || die "failed: ${failed[*]}"
say "== all passed: ${suites[*]}"
