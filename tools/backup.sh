# shellcheck shell=bash
# backup: writes PostgreSQL, secrets and settings of a copy, which may run, to one file; restore brings them back.
. "$OB_ROOT/tools/archive.sh"

[[ $# == 1 && $1 != -* ]] || die "usage: openbatch backup FILE"
need_home
file=$(realpath -m "$1")
[[ -d ${file%/*} ]] || die "there is no directory ${file%/*}"
[[ ! -e $file || -f $file ]] || die "$file is not a file"
healthy postgres || die "PostgreSQL does not answer; './openbatch doctor' says why"
[[ -z $(config_get restoring) ]] || die "a restore into $OPENBATCH_HOME did not finish; there is nothing to back up"
take_lock

# The parts, and the archive until it is complete, are beside the file, so that the last step is one rename.
umask 077
parts=$(mktemp -d "${file%/*}/.openbatch-backup.XXXXXX")
trap 'rm -rf "$parts"' EXIT
trap 'exit 130' INT TERM HUP

made=$(date -u +%FT%TZ)
# One snapshot: the state of one moment, while everything goes on.
PGAPPNAME='openbatch backup' as_openbatch pg_dump -w -Fc --no-owner --no-privileges --lock-wait-timeout=60s -d "$OB_PG_CONNINFO" \
    >"$parts/database" 2>"$parts/said" || die "PostgreSQL could not be read: $(tail -n 1 "$parts/said")"
archive_home "$parts/home.tar" || die "the secrets and settings in $OPENBATCH_HOME could not be read"
schema=$(pg_restore -a -t schema_migration -f - "$parts/database" | archive_newest_migration)
[[ -n $schema ]] || die "the database has no schema of OpenBatch; nothing was written"
archive_manifest "$parts" "$schema" "$made" >"$parts/manifest"
tar -C "$parts" -cf "$parts/archive" manifest home.tar database || die "$file could not be written"
sync "$parts/archive" || die "$file could not be written"
mv "$parts/archive" "$file"
sync "${file%/*}"
say "$file: $(stat -c %s "$file") bytes, schema $schema. It holds this copy's secrets: keep it where only you can read it."
