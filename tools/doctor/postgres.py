"""PostgreSQL: whether it answers, its schema, its connections, transactions that hold others up."""

from finding import Finding
from processes import MEANS

LONG_S = 60
VERY_LONG_S = 300
WAITING_S = 5

STATE = """
SELECT current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity),
    pg_is_in_recovery(), current_setting('transaction_read_only')
"""
# Transactions that last, with the number of connections that wait for each.
LASTING = f"""
SELECT a.pid, a.application_name, extract(epoch FROM now() - a.xact_start)::int, a.state,
    (SELECT count(*) FROM pg_stat_activity w WHERE a.pid = ANY (pg_blocking_pids(w.pid))
        AND now() - w.query_start > interval '{WAITING_S} s')
FROM pg_stat_activity a
WHERE a.xact_start IS NOT NULL AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
    AND now() - a.xact_start > interval '{WAITING_S} s'
ORDER BY 5 DESC, 3 DESC LIMIT 5
"""


def server(system):
    try:
        limit, used, recovering, _ = system.psql(STATE)[0]
    except (OSError, IndexError) as err:
        yield away(err)
        return
    if recovering == "t":
        yield Finding(
            "postgres",
            "PostgreSQL is a standby that accepts no writes",
            MEANS["postgres"],
            "promote it (pg_ctl promote), or let OPENBATCH_PG name the primary",
        )
        return
    if int(used) > int(limit) * 9 // 10:
        yield Finding(
            "postgres",
            f"{used} of at most {limit} connections are open",
            "services may not reach PostgreSQL after a restart",
            "close other programs' connections, or raise max_connections (docs/operations.md)",
        )
    yield from schema(system)
    yield from transactions(system)


def away(err):
    text = str(err)
    hint = "./openbatch logs postgres shows why; './openbatch up' starts it"
    if "too many" in text or "reserved" in text:
        hint = "close other programs' connections, or raise max_connections (docs/operations.md)"
    return Finding("postgres", f"PostgreSQL does not answer: {text}", MEANS["postgres"], hint)


def schema(system):
    here = len(list((system.root / "services/api/sql").glob("0*.sql")))
    try:
        there = int(system.psql("SELECT max(version) FROM schema_migration")[0][0])
    except (OSError, ValueError) as err:
        yield Finding(
            "schema",
            f"the database has no schema of OpenBatch: {err}",
            "no request is answered",
            "./openbatch up: the api makes it when it starts",
        )
        return
    if there > here:
        yield Finding(
            "schema",
            f"the database has schema {there}, and this version knows only {here}",
            "services of this version do not start again",
            "run the newer version, or restore a backup that this version made",
        )
    elif there < here:
        yield Finding(
            "schema",
            f"the database has schema {there}, and this version needs {here}",
            "the scheduler and the scaler of this version wait for it",
            "./openbatch up restarts the api, which brings the schema up to date",
        )


def transactions(system):
    for pid, name, seconds, state, blocks in system.psql(LASTING):
        blocks, seconds = int(blocks), int(seconds)
        if not blocks and seconds < LONG_S:
            continue
        who = f"a transaction of '{name or 'an unnamed program'}' (backend {pid}, {state})"
        end = f'psql -h {system.run_dir} -U openbatch -c "SELECT pg_terminate_backend({pid})"'
        if blocks:
            yield Finding(
                "postgres",
                f"{who} is open for {seconds} s and holds up {blocks} other"
                + (" connections" if blocks > 1 else " connection"),
                "what they do (answers, rounds of the scheduler) waits for it",
                f"end that program, or: {end}",
            )
        elif name != "openbatch backup":
            yield Finding(
                "postgres",
                f"{who} is open for {seconds} s",
                "nothing at first; dead rows cannot be removed meanwhile, and tables grow",
                f"end that program, or: {end}",
                level="problem" if seconds > VERY_LONG_S else "note",
            )
