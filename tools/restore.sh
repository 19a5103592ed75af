# shellcheck shell=bash
# restore: makes an empty home the copy that a backup was taken of, or an empty packaged system. It starts nothing.
. "$OB_ROOT/tools/archive.sh"

[[ $# == 1 && $1 != -* ]] || die "usage: openbatch restore FILE"
file=$(realpath -m "$1")
# What is different: refuse_unless_empty, begin_home, begin_postgres, end_postgres, forget, and what to do next.
if [[ -n $OB_PACKAGED ]]; then
    . "$OB_ROOT/tools/packaged/restore.sh"
else
    . "$OB_ROOT/tools/restore_home.sh"
fi

restore_secrets() {
    mkdir "$parts/home"
    tar -C "$parts/home" -p --no-same-owner -xf "$parts/home.tar"
    cp -a "$parts/home/secrets/." "$OPENBATCH_HOME/secrets/"
    [[ ! -d $parts/home/tls ]] || cp -a "$parts/home/tls" "$OPENBATCH_HOME/"
}

restore_database() {
    local log=$OPENBATCH_HOME/log/restore-database.log
    as_openbatch pg_restore --exit-on-error --no-owner --no-privileges --single-transaction -d "$OB_PG_CONNINFO" \
        >"$log" 2>&1 <"$parts/database" || die "PostgreSQL refuses the backup: $(tail -n 1 "$log"); see $log"
    /usr/bin/python3 -B "$OB_ROOT/tools/rows.py" <"$OB_ROOT/tools/restored.sql" >"$parts/restored.sql"
    as_openbatch psql -X -q -1 -v ON_ERROR_STOP=1 -v made="$(archive_says "$parts/manifest" made)" -d "$OB_PG_CONNINFO" \
        >>"$log" 2>&1 <"$parts/restored.sql" || die "the restored rows could not be made consistent: $(tail -n 1 "$log"); see $log"
}

# An end before the last step leaves the home as empty as it was.
undo() {
    [[ -z $begun ]] || {
        forget
        note "nothing was restored; $OPENBATCH_HOME is empty again"
    }
    rm -rf "$parts"
}

take_lock
refuse_unless_empty
umask 077
begun=''
mkdir -p "$OPENBATCH_HOME/log"
parts=$(mktemp -d "$OPENBATCH_HOME/log/restore.XXXXXX")
trap undo EXIT
trap 'exit 130' INT TERM HUP
archive_open "$file" "$parts"
begin_home
restore_secrets
begin_postgres
restore_database
end_postgres
begun=''
say "restored the state of $(archive_says "$parts/manifest" made) into $OPENBATCH_HOME"
say_next
