# shellcheck shell=bash disable=SC2154,SC2034 # file, parts and begun are of restore.sh
# restore's steps for a packaged system: the PostgreSQL that OPENBATCH_PG names, an empty secrets folder. systemctl then starts
# the services. /etc/openbatch is not changed.
. "$OB_ROOT/tools/secrets.sh"

refuse_unless_empty() {
    local other tables
    ((EUID == 0)) || die "run it as root"
    id openbatch >/dev/null 2>&1 || die "there is no user openbatch: install the package openbatch-services first"
    other=$(our_pids openbatch-api openbatch-scheduler openbatch-scaler openbatch-console)
    [[ -z $other ]] || die "services run (process ${other//$'\n'/, }): systemctl stop openbatch-api openbatch-scheduler openbatch-scaler openbatch-console"
    other=$(find "$OPENBATCH_HOME/secrets/" -type f -print -quit 2>/dev/null || :)
    [[ -z $other ]] || die "$OPENBATCH_HOME/secrets is not empty ($other); restore needs an empty system: move it away first"
    healthy postgres || die "PostgreSQL does not answer at $OPENBATCH_PG: make the role and the empty database openbatch (docs/operations.md)"
    tables=$(as_openbatch psql -XAtq -w -d "$OPENBATCH_PG" -c "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    [[ $tables == 0 ]] || die "the database is not empty: restore needs an empty one (dropdb openbatch; createdb -O openbatch -E UTF8 --locale=C.UTF-8 -T template0 openbatch)"
}

begin_home() {
    install -d -m 711 "$OPENBATCH_HOME/secrets" "$OPENBATCH_HOME/log"
    begun=1
}

begin_postgres() { :; }

# A backup of an earlier version has not all of the secrets. Without these nobody could read what is in the database.
end_postgres() {
    local name
    for name in master.key seal.key root.key; do
        [[ -f $OPENBATCH_HOME/secrets/$name ]] || die "the backup has no secrets/$name"
    done
    make_secrets
    own_secrets
}

# The database is restored in one transaction, and then changed in another.
forget() {
    rm -rf "$OPENBATCH_HOME"/{secrets,tls}
    as_openbatch psql -XAtq -w -d "$OPENBATCH_PG" -c 'DROP SCHEMA public CASCADE; CREATE SCHEMA public' >/dev/null 2>&1 || :
}

say_next() {
    say "openbatch setup makes what else is needed (Kafka's settings); then: systemctl start openbatch-api openbatch-scheduler openbatch-scaler; with the package openbatch-console also openbatch-console"
}
