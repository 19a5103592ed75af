"""What tools/embed_queries.py makes of SQL and refuses, and what tools/sql_rules.py finds."""

import contextlib
import io
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools"))
import embed_queries
import sql_rules

NAMES = {"OB_JOB_RUNNING": "4"}


def embed(**files: str) -> list[embed_queries.Source]:
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for name, text in files.items():
            paths.append(Path(folder) / f"{name}.sql")
            paths[-1].write_text(text)
        return embed_queries.read_all(paths, NAMES)


def one(text: str) -> embed_queries.Statement:
    return embed(a=text)[0].statements[0]


class Embedding(unittest.TestCase):
    def refused(self, text: str, why: str) -> None:
        with self.assertRaisesRegex(embed_queries.Wrong, why):
            embed(a=text)

    def test_parameters_and_constants_are_put_in(self):
        made = one(
            """
            -- name: jobs
            -- params: queue_id bigint,
            --     ids uuid[]
            -- columns: JOB
            SELECT j.id, count(*) AS n -- of them; all
            FROM job j WHERE ':no' <> j.x::text AND j.state = :OB_JOB_RUNNING
                AND queue_id = :queue_id AND j.id = ANY (:ids);
            """.replace("\n            ", "\n")
        )
        self.assertEqual(made.columns, ["id", "n"])
        self.assertEqual([p.type for p in made.params], ["bigint", "uuid[]"])
        self.assertEqual(
            made.sql,
            "SELECT j.id, count(*) AS n FROM job j WHERE ':no' <> j.x::text AND j.state = 4"
            " AND queue_id = $1::bigint AND j.id = ANY ($2::uuid[])",
        )

    def test_columns_of_every_statement_are_seen(self):
        for sql, columns in [
            ("SELECT DISTINCT a.b, c FROM a", ["b", "c"]),
            ("SELECT DISTINCT ON (a.b) c FROM a", ["c"]),
            ("WITH x AS (SELECT 1 AS y) SELECT y, (SELECT 2) AS z FROM x", ["y", "z"]),
            ("WITH x AS (SELECT y FROM z) INSERT INTO a SELECT y FROM x RETURNING b", ["b"]),
            ("UPDATE a SET b = 1 WHERE c RETURNING a.d, e AS f", ["d", "f"]),
        ]:
            self.assertEqual(one(f"-- name: s\n-- columns: S\n{sql};").columns, columns)

    def test_fragments_are_put_in(self):
        made = one(
            "-- fragment: of(table, more)\nFROM {{table}} WHERE {{more}};\n"
            "-- name: s\n-- columns: S\nSELECT a {{of: t; b = 1 {{of: u; c}}}};"
        )
        self.assertEqual(made.sql, "SELECT a FROM t WHERE b = 1 FROM u WHERE c")

    def test_arrays_are_rows(self):
        made = one(
            "-- name: s\n-- params: a uuid[], n int, b text[]\n"
            "INSERT INTO t ({{names}}) SELECT :n, {{names}} FROM {{rows: m; i}};"
        )
        self.assertEqual(
            made.sql,
            "INSERT INTO t (a, b) SELECT $2::int, a, b"
            " FROM unnest($1::uuid[], $3::text[]) WITH ORDINALITY AS m(a, b, i)",
        )

    def test_prefixes_follow_each_other(self):
        job, page = embed(
            job="-- fragment: job\n-- columns: JOB\nj.a, j.b;",
            page="-- include: job.sql\n-- name: s\n-- columns: JOB then PAGE\n"
            "SELECT {{job}}, k.c FROM k;",
        )
        self.assertEqual(job.columns["JOB"], (0, ["a", "b"]))
        self.assertEqual(page.columns["PAGE"], (2, ["c"]))

    def test_what_is_wrong_is_refused(self):
        name = "-- name: s\n"
        self.refused(name + "UPDATE a SET b = $1;", "parameters have names")
        self.refused(name + "UPDATE a SET b = :c;", "not one of its params")
        self.refused(name + "-- params: c int\nUPDATE a SET b = 1;", "c is not used")
        self.refused(name + "UPDATE a SET b = :OB_NO;", "not a known constant")
        self.refused(name + "SELECT a FROM b;", "declare its columns")
        self.refused(name + "-- columns: S\nSELECT a, count(*) FROM b;", "number 2 has no name")
        self.refused(name + "-- columns: S = a\nSELECT a, b FROM c;", "1 are declared, 2 can be")
        self.refused(name + "-- columns: S = b\nSELECT a FROM c;", "b is declared where a")
        self.refused(name + "-- columns: S\nSELECT a, a FROM c;", "a name of S stands there twice")
        self.refused(name + "-- columns: S\nUPDATE a SET b = 1;", "returns no rows")
        self.refused(name + "DELETE FROM {{t}};", "not a fragment")
        self.refused(
            "-- fragment: f\na;\n" + name + "DELETE FROM t;", "f: the fragment is not used"
        )
        self.refused(name + "DELETE FROM t", "no semicolon")
        self.refused("DELETE FROM t;", "has no name")
        both = "-- columns: S\nSELECT {};\n-- name: t\n-- columns: S\nSELECT {} FROM x;"
        self.refused(name + both.format("a FROM x", "b"), "S has other ones")

    def test_the_build_says_where(self):
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.redirect_stderr(io.StringIO()) as told,
        ):
            path = Path(folder) / "x.sql"
            path.write_text("-- name: s\nSELECT a FROM b;")
            sys.argv = ["embed_queries.py", "--out", folder, str(path)]
            self.assertEqual(embed_queries.main(), 1)
        self.assertIn("x.sql: s: it returns rows", told.getvalue())


class Rules(unittest.TestCase):
    def test_sql_in_c_is_found(self):
        for text in ['"DELETE FROM job"', '"UPDATE job"\n    " SET a = 1"', '"WITH x AS (" y']:
            self.assertEqual(len(list(sql_rules.sql_in_c("a.c", f"f({text});"))), 1, text)
        for text in ['"DELETE"', '"SELECT 1"', '"SET jit = off"', '/* "SELECT a" */']:
            self.assertEqual(list(sql_rules.sql_in_c("a.c", f"f({text});")), [], text)

    def test_bare_positions_are_found(self):
        for text in ["ob_col_int(res, f(a, b), 3, 0)", "PQgetvalue(res, 0, JOB_ID + 1)"]:
            self.assertEqual(len(list(sql_rules.positions_in_c(text))), 1, text)
        for text in ["ob_col_int(res, 0, JOB_ID, 0)", "ob_col(res, 1, column)"]:
            self.assertEqual(list(sql_rules.positions_in_c(text)), [], text)

    def test_bare_numbers_in_c_are_found(self):
        for text in ["if (job->state == 4)", "ob_param_int(&p, 3);"]:
            self.assertEqual(len(list(sql_rules.numbers_in_c(text))), 1, text)
        for text in ["if (job->state == OB_JOB_RUNNING)", "ob_param_int(&p, OB_INBOX_CANCEL);"]:
            self.assertEqual(list(sql_rules.numbers_in_c(text)), [], text)

    def test_bare_numbers_in_sql_are_found(self):
        for text in [
            "WHERE l.state = 4",
            "WHERE 4 <> l.state",
            "WHERE i.kind IN (2, 3)",
            "WHERE consumer=1",
            "CASE i.kind WHEN 2 THEN :X END",
            "WHERE flags & 2 <> 0",
            "coalesce(d.state, 0)",
            "counts[3]",
            "hashtextextended(a || lower(b), 5)",
            "pg_try_advisory_lock(28514, :role)",
            "INSERT INTO inbox (consumer, kind, ref) SELECT 1, :X, q.id FROM q",
            "INSERT INTO inbox (a, kind) VALUES (f(1, 2), 4)",
        ]:
            self.assertEqual(len(list(sql_rules.numbers_in_sql(text))), 1, text)
        for text in [
            "WHERE l.state = :OB_JOB_RUNNING AND idx = -1",
            "INSERT INTO inbox (consumer, n) SELECT :X, 1 FROM q",
            "SELECT 'state = 4' -- state = 4",
            "(1 << state) & :states <> 0",
        ]:
            self.assertEqual(list(sql_rules.numbers_in_sql(text)), [], text)

    def test_the_code_keeps_them(self):
        self.assertEqual(list(sql_rules.findings()), [])


if __name__ == "__main__":
    unittest.main()
