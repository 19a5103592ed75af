# shellcheck shell=bash
# Installs dependencies: Debian packages, Kafka's jars, Python packages. Each step does nothing if it was done before.
. "$OB_ROOT/tools/kafka.sh"

check_platform() {
    [[ $(uname -m) == x86_64 ]] || die "this machine is $(uname -m); openbatch runs on x86-64 Linux"
    if ! { [[ -f /etc/debian_version ]] && have dpkg-query && have apt-get; }; then
        die "this system has no apt-get; openbatch needs Debian 12 or a system based on it"
    fi
}

# Also one whose triggers, or those of others, are still to be run: it is there.
is_installed() {
    case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in
    installed | triggers-pending | triggers-awaited) ;;
    *) return 1 ;;
    esac
}

# Prints which process holds a lock of dpkg's or apt's, or of another copy's installation; fails when none does.
apt_holder() {
    local file inode pid
    for file in /run/openbatch-apt.lock /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock; do
        inode=$(stat -c %i "$file" 2>/dev/null) || continue
        pid=$(awk -v inode=":$inode" '$2 != "->" && substr($6, length($6) - length(inode) + 1) == inode { print $5; exit }' \
            /proc/locks)
        [[ -z $pid ]] || { say "$pid" && return 0; }
    done
    return 1
}

# Another process is installing packages, possibly the missing ones.
wait_for_apt() {
    local pid told=-30
    while pid=$(apt_holder); do
        if ((SECONDS - told >= 30)); then
            note "waiting for another package installation to finish: $(command_of "$pid" 60) (pid $pid)"
            told=$SECONDS
        fi
        sleep 1
    done
}

# Prints the packages of tools/packages.txt that are missing; arguments: test, tls, docker include what is for those only.
missing_packages() {
    local name words word skip command
    while read -r name words; do
        [[ -z $name || $name == \#* ]] && continue
        skip=
        for word in $words; do
            case $word in
            unless=*)
                command=${word#unless=}
                have "$command" && skip=1
                ;;
            for=*) [[ " $* " == *" ${word#for=} "* ]] || skip=1 ;;
            *) die "tools/packages.txt: cannot read '$name $word'" ;;
            esac
        done
        [[ -n $skip ]] && continue
        is_installed "$name" || say "$name"
    done <"$OB_ROOT/tools/packages.txt"
}

install_packages() {
    local missing log=$OPENBATCH_HOME/log/apt.log
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    wait_for_apt
    mapfile -t missing < <(missing_packages "$@")
    ((${#missing[@]})) || return 0
    say "installing these Debian packages (nothing is removed, no system service is started):"
    printf '%s\n' "${missing[*]}" | fold -s -w 96 | sed 's/^/    /'
    local sudo=()
    if ((EUID != 0)); then
        # Without a terminal no password can be typed.
        if have sudo && { sudo -n true 2>/dev/null || { [[ -t 0 ]] && sudo -v; }; }; then sudo=(sudo); fi
        ((${#sudo[@]})) || die "this needs root: run it as root, or run first: apt-get install --no-install-recommends ${missing[*]}"
    fi
    mkdir -p "$OPENBATCH_HOME/log"
    if ! "${sudo[@]}" /bin/bash "$OB_ROOT/tools/apt.sh" "${missing[@]}" >"$log" 2>&1 </dev/null; then
        grep -E '^(E|W|Err|dpkg):?' "$log" | tail -n 8 | sed 's/^/    /' >&2 || :
        die "a package could not be installed; the output of apt is in $log"
    fi
    hash -r
}

# Kafka from Maven Central, each jar checked against the checksums in this tree, and the archive of its classes.
install_kafka() {
    local libs=$OPENBATCH_HOME/kafka/libs java
    if ! cmp -s "$OB_ROOT/tools/kafka/checksums" "$libs/.checked"; then
        java=$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')
        ((${java:-0} >= 17)) || die "Kafka needs Java 17 or newer; $(command -v java) is older (Debian: default-jre-headless)"
        fetch_jars kafka "$libs" "Kafka's jars" "Kafka was not started"
        rm -f "$libs/.archived"
    fi
    java=$(stat -c '%n %s %Y' "$(readlink -f "$(command -v java)")")
    [[ $java != "$(cat "$libs/.archived" 2>/dev/null || :)" ]] || return 0
    # Without the archive, or with that of another Java, Kafka starts as well, but more slowly.
    kafka_archive "$libs" >"$OPENBATCH_HOME/log/kafka-archive.log" 2>&1 </dev/null || rm -f "$libs/classes.jsa"
    say "$java" >"$libs/.archived"
}

# The modules of the console's page, unpacked for the build.
install_web() {
    local libs=$OPENBATCH_HOME/web/libs modules=$OPENBATCH_HOME/web/modules
    cmp -s "$OB_ROOT/tools/web/checksums" "$modules/.checked" && return 0
    fetch_jars web "$libs" "the console's modules" "the console was not built"
    /usr/bin/python3 -B "$OB_ROOT/tools/web/unpack.py" "$modules" "$libs"/*.jar
    cp "$libs/.checked" "$modules/"
}

# What tools/KIND/pom.xml names, from Maven Central, each jar checked against tools/KIND/checksums.
fetch_jars() { # KIND LIBS WHAT CONSEQUENCE
    local kind=$1 libs=$2 what=$3 consequence=$4 sums=$OB_ROOT/tools/$1/checksums log=$OPENBATCH_HOME/log/maven-$1.log
    mkdir -p "$libs" "$OPENBATCH_HOME/log"
    say "fetching $what from Maven Central"
    find "$libs/" -maxdepth 1 -name '*.jar' -delete
    mvn -B -f "$OB_ROOT/tools/$kind/pom.xml" dependency:copy-dependencies -DoutputDirectory="$libs/" \
        -Dmaven.repo.local="$OPENBATCH_HOME/m2-$kind" >"$log" 2>&1 </dev/null || {
        grep -E '^\[ERROR\]' "$log" | head -n 4 >&2 || :
        die "$what could not be fetched from Maven Central; the output of Maven is in $log"
    }
    if ! (cd "$libs" && sha256sum --quiet --strict -c "$sums" >&2) ||
        [[ $(find "$libs/" -name '*.jar' | wc -l) != $(wc -l <"$sums") ]]; then
        die "the checksums of $what differ from tools/$kind/checksums; $consequence"
    fi
    cp "$sums" "$libs/.checked"
    rm -rf "$OPENBATCH_HOME/m2-$kind"
}

# Python packages from PyPI in a virtual environment; $1 = test adds those for the tests.
install_venv() {
    local venv=$OPENBATCH_HOME/venv log=$OPENBATCH_HOME/log/pip.log files=("$OB_ROOT/tools/requirements.txt") args=() f
    [[ -f $OB_ROOT/tools/demo/requirements.txt ]] && files+=("$OB_ROOT/tools/demo/requirements.txt")
    [[ ${1:-} == test ]] && files+=("$OB_ROOT/tools/requirements-test.txt")
    # Packages that were installed for the tests stay.
    for f in "${files[@]}"; do
        cmp -s "$f" "$venv/.installed-$(basename "$(dirname "$f")")-$(basename "$f")" || args+=(-r "$f")
    done
    ((${#args[@]})) || return 0
    mkdir -p "$OPENBATCH_HOME/log"
    say "installing the test clients (boto3, aws) from PyPI"
    {
        [[ -x $venv/bin/pip ]] || /usr/bin/python3 -m venv "$venv"
        # Modules are compiled when they are first used: most never are.
        "$venv/bin/pip" install --no-compile --disable-pip-version-check --no-input -q "${args[@]}"
    } >"$log" 2>&1 </dev/null || {
        tail -n 4 "$log" | sed 's/^/    /' >&2
        die "Python packages could not be installed; the output of pip is in $log"
    }
    for f in "${files[@]}"; do
        cp "$f" "$venv/.installed-$(basename "$(dirname "$f")")-$(basename "$f")"
    done
}

# The SDK for JavaScript from npm, for the tests, each package checked against the lock file.
install_node() {
    local lock=$OB_ROOT/tests/clients/package-lock.json log=$OPENBATCH_HOME/log/npm.log
    cmp -s "$lock" "$OPENBATCH_HOME/node_modules/.installed" && return 0
    mkdir -p "$OPENBATCH_HOME/log"
    say "installing the SDK for JavaScript from npm"
    cp "${lock%/*}"/package*.json "$OPENBATCH_HOME/"
    (cd "$OPENBATCH_HOME" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 </dev/null || {
        grep 'npm error' "$log" | head -n 4 >&2 || :
        die "the SDK for JavaScript could not be installed; the output of npm is in $log"
    }
    rm -f "$OPENBATCH_HOME"/package*.json
    cp "$lock" "$OPENBATCH_HOME/node_modules/.installed"
}

# Sets OB_BUILD, the directory of this copy's build, by OPENBATCH_SANITIZE: 1 or "thread".
choose_build() {
    case ${OPENBATCH_SANITIZE:-} in
    1) OB_BUILD=$OPENBATCH_HOME/build-asan ;;
    thread) OB_BUILD=$OPENBATCH_HOME/build-tsan ;;
    *) OB_BUILD=$OPENBATCH_HOME/build ;;
    esac
}

# Builds into $OB_BUILD, with meson's arguments in OB_BUILD_ARGS if it is set. Warnings stop a sanitized build, which is
# for tests; an unforeseen compiler must not stop a user.
build() {
    local log=$OPENBATCH_HOME/log/build.log args=(--buildtype=debugoptimized -Dwerror=false)
    # With -O2 and all of -g, sanitized code takes twice the time to compile.
    local sanitized=(-Dbuildtype=debugoptimized -Doptimization=1 -Dc_args=-g1 -Dwerror=true -Db_lundef=false)
    case ${OPENBATCH_SANITIZE:-} in
    1) args=("${sanitized[@]}" "-Db_sanitize=address,undefined") ;;
    thread) args=("${sanitized[@]}" "-Db_sanitize=thread") ;;
    esac
    [[ ! -v OB_BUILD_ARGS ]] || args=("${OB_BUILD_ARGS[@]}")
    # Without these the console is not built.
    [[ ! -d $OPENBATCH_HOME/web/modules ]] || args+=("-Dweb_modules=$OPENBATCH_HOME/web/modules")
    mkdir -p "$OPENBATCH_HOME/log"
    [[ -f $OB_BUILD/build.ninja ]] || {
        say "building"
        rm -rf "$OB_BUILD"
        meson setup "${args[@]}" "$OB_BUILD" "$OB_ROOT" >"$log" 2>&1 </dev/null || {
            grep -E 'ERROR|not found' "$log" | sed 's/^/    /' >&2 || :
            die "the build could not be set up; the output of meson is in $log"
        }
    }
    # A build of before that knows no modules.
    if [[ -d $OPENBATCH_HOME/web/modules ]] && ! grep -q '^web_modules = ' "$OB_BUILD/meson-private/cmd_line.txt"; then
        meson setup --reconfigure "-Dweb_modules=$OPENBATCH_HOME/web/modules" "$OB_BUILD" "$OB_ROOT" >"$log" 2>&1 </dev/null ||
            die "the build could not be set up; the output of meson is in $log"
    fi
    ninja -C "$OB_BUILD" "$@" >"$log" 2>&1 </dev/null || {
        grep -E -A6 'error:|FAILED' "$log" | head -n 40 | sed 's/^/    /' >&2 || :
        die "the build failed; the output of the compiler is in $log"
    }
}
