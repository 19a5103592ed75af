# shellcheck shell=bash disable=SC2034  # backup and restore use what is set here
# The file that backup writes and restore reads: a tar of
#   manifest   what it is, who made it, and the checksums of the others; lines of KEY=VALUE
#   home.tar   secrets, TLS, settings, as they are in the home
#   database   pg_dump's custom format, of one snapshot

OB_ARCHIVE_FORMAT=1
OB_PG_CONNINFO=${OPENBATCH_PG:-host=$OPENBATCH_RUN_DIR user=openbatch dbname=openbatch}
# Lines of a home's config that the next copy keeps; the others are found out again.
OB_KEPT_CONFIG=(port engine runtime runtime_from tls default_queue)

# All that is needed beside the database. What Kafka, Redis and the engine hold is not.
archive_home() { # FILE
    local name names=(secrets)
    for name in config env tls; do [[ ! -e $OPENBATCH_HOME/$name ]] || names+=("$name"); done
    tar -C "$OPENBATCH_HOME" --owner=0 --group=0 --numeric-owner -cf "$1" "${names[@]}"
}

archive_manifest() { # DIRECTORY SCHEMA MADE
    printf '%s\n' "format=$OB_ARCHIVE_FORMAT" "version=$(ob_version)" "schema=$2" "made=$3" "home=$OPENBATCH_HOME"
    (cd "$1" && sha256sum home.tar database | sed -E 's/^([0-9a-f]+)  (.*)$/sha256.\2=\1/')
}

# Reads COPY's rows of schema_migration; prints the highest version.
archive_newest_migration() {
    awk -F '\t' '/^COPY / { inside = 1; next } /^\\\./ { inside = 0 } inside && $1 > most { most = $1 } END { if (most) print most }'
}

archive_says() { # MANIFEST KEY
    sed -n "s/^$2=//p" "$1"
}

# The newest schema that this version knows.
known_schema() {
    local files=("$OB_ROOT"/services/api/sql/0*.sql)
    say ${#files[@]}
}

# Unpacks and checks a file. Dies with a text that says what is wrong with it.
archive_open() { # FILE DIRECTORY
    local manifest=$2/manifest format schema part
    [[ -f $1 && -r $1 ]] || die "$1 cannot be read"
    # The first member alone, so that a file of another kind is not unpacked.
    tar -C "$2" -xf "$1" --occurrence=1 manifest 2>/dev/null || :
    [[ -s $manifest ]] || die "$1 is not a backup of OpenBatch, or it is damaged at its beginning"
    format=$(archive_says "$manifest" format)
    [[ $format == "$OB_ARCHIVE_FORMAT" ]] ||
        die "$1 has format '$format', and this version reads format $OB_ARCHIVE_FORMAT; it was made by $(archive_says "$manifest" version)"
    schema=$(archive_says "$manifest" schema)
    # In arithmetic, bash would run commands that are in the text.
    [[ $schema =~ ^[1-9][0-9]{0,5}$ ]] || die "$1 is damaged: its schema is not a number"
    ((schema <= $(known_schema))) ||
        die "$1 has schema $schema, and this version knows only $(known_schema): restore it with OpenBatch $(archive_says "$manifest" version) or newer"
    tar -C "$2" -xf "$1" --no-same-owner home.tar database 2>/dev/null || die "$1 is damaged: it ends too early"
    for part in home.tar database; do
        [[ $(sha256sum <"$2/$part") == "$(archive_says "$manifest" "sha256.$part")  -" ]] ||
            die "$1 is damaged: the checksum of its part $part is wrong"
    done
}
