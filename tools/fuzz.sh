# shellcheck shell=bash
# fuzz: runs a fuzz target (tests/fuzz) with libFuzzer, then shows which branches of its files its inputs reach. The kept
# inputs are in tests/fuzz/corpus; those that a run finds are in this copy's home, in fuzz/TARGET, findings in
# fuzz/TARGET.findings.
. "$OB_ROOT/tools/install.sh"

KEPT_MAX=50     # files of a target that are kept
KEPT_BYTES=2048 # of each
DEFAULT_S=60
sources=$OB_ROOT/tests/fuzz
clang=clang
! have ccache || clang='ccache clang'

# The comment at a target's top: what it is about, and the files that it covers.
about() { sed -n '1,/\*\//{s@^/\* @@;s@^ \* @@;s@ *\*/$@@;p}' "$sources/fuzz_$1.c"; }
covers() { about "$1" | sed -n '/^Covers: /,$p' | sed 's/^Covers: //'; }

list_targets() {
    local file name
    say "usage: openbatch fuzz TARGET [SECONDS | -runs=N | keep]"
    say "keep: adds the inputs that were found, as far as they reach more, to tests/fuzz/corpus. Targets:"
    for file in "$sources"/fuzz_*.c; do
        name=$(basename "$file" .c)
        name=${name#fuzz_}
        printf '\n  %s: %s\n' "$name" "$(about "$name" | sed '/^Covers: /,$d' | tr '\n' ' ')"
        covers "$name" | sed 's/^/      /'
    done
}

# Each kind of build has its own directory.
build_fuzz() {
    local OB_BUILD=$OPENBATCH_HOME/build-fuzz
    local -a OB_BUILD_ARGS=(--buildtype=debugoptimized -Dwerror=true "-Db_sanitize=address,undefined"
        -Db_lundef=false -Dfuzz=true)
    CC=$clang build "tests/fuzz/fuzz_$1"
}

build_coverage() {
    local OB_BUILD=$OPENBATCH_HOME/build-coverage
    local -a OB_BUILD_ARGS=(--buildtype=debug -Dwerror=true "-Dc_args=-fprofile-instr-generate -fcoverage-mapping"
        -Dc_link_args=-fprofile-instr-generate)
    CC=$clang build "tests/fuzz/fuzz_$1"
}

fuzz_run() { # TARGET LIBFUZZER_ARGUMENT...: in the fuzz build
    local target=$1
    shift
    UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 "$OPENBATCH_HOME/build-fuzz/tests/fuzz/fuzz_$target" \
        -artifact_prefix="$found.findings/" -print_final_stats=1 "$@"
}

keep() {
    local all=$found.all
    rm -rf "$all"
    mkdir -p "$all" "$kept"
    fuzz_run "$1" -set_cover_merge=1 -max_len=$KEPT_BYTES "$all" "$kept" "$found" 2>&1 | tail -n 1
    rm -f "$kept"/*
    # Larger ones reach more.
    find "$all" -type f -printf '%s %p\n' | sort -rn | head -n $KEPT_MAX | cut -d' ' -f2- | xargs -r cp -t "$kept"
    rm -rf "$all"
    say "$(find "$kept" -type f | wc -l) inputs are kept in tests/fuzz/corpus/$1"
}

coverage() {
    local profile=$found.profile program=$OPENBATCH_HOME/build-coverage/tests/fuzz/fuzz_$1 inputs=("$kept") files
    (build_coverage "$1") || return 1
    [[ ${2:-} == kept ]] || inputs+=("$found")
    LLVM_PROFILE_FILE=$profile.raw "$program" "${inputs[@]}" >/dev/null 2>&1 || die "the inputs of $1 do not pass"
    llvm-profdata merge -o "$profile" "$profile.raw"
    files=$(covers "$1" | tr ' ' '\n' | grep . | paste -sd '|')
    llvm-cov report "$program" -instr-profile="$profile" -show-region-summary=false |
        grep -E "^Filename|^([^ ]*/)?($files) "
    rm -f "$profile" "$profile.raw"
}

(($# > 0)) || {
    list_targets
    exit 0
}
target=$1
limit=${2:-$DEFAULT_S}
[[ -f $sources/fuzz_$target.c ]] || die "there is no target '$target'; './openbatch fuzz' lists them"
check_platform
mkdir -p "$OPENBATCH_HOME/log"
install_packages fuzz test
kept=$sources/corpus/$target found=$OPENBATCH_HOME/fuzz/$target
mkdir -p "$kept" "$found" "$found.findings"
(build_fuzz "$target") || exit 1
case $limit in
keep) keep "$target" ;;
-runs=*) fuzz_run "$target" "$limit" "$found" "$kept" ;;
*[!0-9]* | '') die "not a number of seconds, -runs=N or keep: '$limit'" ;;
*) fuzz_run "$target" -max_total_time="$limit" "$found" "$kept" ;;
esac
coverage "$target" "$([[ $limit == keep ]] && say kept)"
