"""Millions of jobs as rows of PostgreSQL, where only their number matters: copies of one job that
went through the api, each with an id of its own in the order of time."""

from copies import wait_for

# A version 7 UUID of a time (milliseconds since the epoch) and a number.
ID = (
    "(lpad(to_hex({ms}), 12, '0') || '7' || lpad(to_hex(n % 4096), 3, '0') || '8'"
    " || lpad(to_hex(n), 15, '0'))::uuid"
)


def columns_of(copy, table):
    return [
        row[0]
        for row in copy.sql(
            "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped"
            f" AND attrelid = '{table}'::regclass ORDER BY attnum"
        )
    ]


def copies_sql(table, columns, model, count, changes):
    """INSERT of copies of the row of `model` (a job id), with these columns changed; {n} in them
    is the number of the copy."""
    values = [changes.get(name, f"m.{name}") for name in columns]
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)}"
        f" FROM (SELECT * FROM {table} WHERE {'id' if table == 'job' else 'job_id'} = '{model}'"
        f" AND {'true' if table == 'job' else 'idx = -1'} LIMIT 1) m,"
        f" generate_series(0::bigint, {count - 1}) n"
    )


def insert_jobs(copy, model, count, tables, changes, before_ms=0):
    """Copies of a job and of its rows in other tables. before_ms: how long before the model's time
    their ids lie."""
    [[model_ms]] = copy.sql(f"SELECT created_at_ms FROM job WHERE id = '{model}'")
    new_id = ID.format(ms=f"({int(model_ms) - before_ms}::bigint + n / 1000)")
    statements = ["SET synchronous_commit = off"]
    for table in ("job", *tables):
        key = "id" if table == "job" else "job_id"
        changed = {key: new_id} | changes.get(table, {})
        statements.append(copies_sql(table, columns_of(copy, table), model, count, changed))
    statements.append(f"ANALYZE {', '.join(('job', *tables))}")
    for statement in statements[1:]:
        copy.sql(f"{statements[0]}; {statement}")


def stopped(copy, *services):
    """Services that insert_jobs must not meet; call what is returned to start them again."""
    for service in services:
        (copy.home / "sv" / service / "supervise/control").write_text("d")
    for service in services:
        wait_for(f"the end of {service}", lambda s=service: not copy.pid(s), 60)

    def start(timeout=120):
        for service in reversed(services):
            (copy.home / "sv" / service / "supervise/control").write_text("u")
        for service in services:
            wait_for(f"{service} to be well", lambda s=service: copy.is_well(s), timeout)

    return start
