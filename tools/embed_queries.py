"""Makes C from the SQL of a service: services/<service>/sql/queries/*.sql.

How to write a statement. A file holds the statements of one purpose; each begins with its name:

    -- What it is for, when the name does not say it.
    -- name: live_page
    -- params: after_id uuid, after_idx int, rows int
    -- columns: LIVE
    SELECT l.job_id, l.idx, extract(epoch FROM now() - l.running_at)::bigint AS running_s
    FROM live l WHERE (l.job_id, l.idx) > (:after_id, :after_idx) AND l.state < :OB_JOB_SUCCEEDED
    ORDER BY l.job_id, l.idx LIMIT :rows;

`name`     What C calls it: STMT_LIVE_PAGE (for ob_db_exec, ob_db_pipe_add).
`params`   Names and types, in the order in which C adds them. `:after_id` in the SQL is the
           parameter, with its type: $1::uuid. A list goes on in the next line after a comma.
           `params: LIVE_ROW = job_id uuid[], idx int[]` also makes an enum of their positions,
           LIVE_ROW_JOB_ID ..., for ob_param_next(); another statement with the same parameters says
           `params: LIVE_ROW`.
`columns`  The prefix of the enum of what it returns: LIVE_JOB_ID, LIVE_IDX, LIVE_RUNNING_S, for
           ob_col_int() and the others. Their names are those that the SQL gives: a column's own, or
           behind AS. Where they cannot be seen (`*`) they follow: `columns: LIVE = job_id, idx`;
           and they are compared where they can be seen. Several statements may have one prefix, and
           then the same columns. `columns: JOB then LIST`: first those of JOB, the rest are LIST's.
           `columns: none`: C reads none of them. Each statement that returns rows says so.
`:OB_...`  (capitals) A constant of the headers given with --names, above all of
           shared/include/ob/rows.h: the only place of the numbers that are stored.

What several statements have in common is a fragment; it is put in as text, for {{name}}:

    -- fragment: of_queue(table, more)
    FROM {{table}} WHERE queue_id = :queue_id AND {{more}};

    SELECT count(*) AS n {{of_queue: job; array_size = 0}};

A fragment that begins a list of columns may have a prefix for them, for `columns: JOB then LIST`.

`-- include: jobs.sql` at the top of a file lets it use the fragments, and the prefixes of columns
and parameters, of a file in the same folder.
These are always there; they are about the parameters of a statement that are arrays:
    {{rows: m}}      unnest(:a, :b) AS m(a, b)
    {{rows: m; n}}   unnest(:a, :b) WITH ORDINALITY AS m(a, b, n)
    {{names}}        a, b

A file becomes <file>_sql.h, with the names, the enums, and the table of its statements,
<file>_stmts, for ob_db_prepare(). `-- table: NAME` at its top gives the table another name; several
files with one name are one table, for one connection. `-- table: none`: they are not prepared, and
C runs their text, SQL_LIVE_PAGE, by ob_db_sql(). The tables stand in queries.c; declared.c has
what is declared here for the test that compares it with the schema (tests/unit/test_queries.c).

A new file is listed in the service's meson.build. A build fails when a name is unknown or not used,
a parameter has no name ($1), or what is declared differs from what can be seen.
"""

import argparse
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

KEY = re.compile(r"--\s*(name|params|columns|fragment|table|include):\s*(.*)")
TOKEN = re.compile(
    r"""(?P<string>'(?:[^']|'')*')|(?P<quoted>"[^"]*")|(?P<comment>--[^\n]*|/\*.*?\*/)
    |(?P<space>\s+)|(?P<cast>::)|(?P<param>:[a-z]\w*)|(?P<constant>:[A-Z]\w*)
    |(?P<number>\$\d+|\d+(?:\.\d+)?)|(?P<word>[A-Za-z_]\w*)|(?P<end>;)|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
NAME = re.compile(r"[a-z][a-z0-9_]*")
PREFIX = re.compile(r"[A-Z][A-Z0-9_]*")


class Wrong(Exception):
    """What is wrong with the input."""


@dataclass
class Param:
    name: str
    type: str


@dataclass
class Statement:
    name: str
    params: list[Param]
    sql: str
    columns: list[str] | None  # None: not read
    writes: bool  # it inserts, updates or deletes rows


@dataclass
class Fragment:
    args: list[str]
    text: str


@dataclass
class Source:
    path: Path
    table: str
    includes: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    fragments: dict[str, Fragment] = field(default_factory=dict)
    columns: dict[str, tuple[int, list[str]]] = field(default_factory=dict)  # first, names
    params: dict[str, list[Param]] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)  # fragments


# ---- Constants of C ----


def constants(header: Path) -> dict[str, str]:
    """Enumerators with a number, and #defines of a number or of a text."""
    text = re.sub(r"/\*.*?\*/", " ", header.read_text(), flags=re.DOTALL)
    found = dict(re.findall(r"\b([A-Z][A-Z0-9_]*)\s*=\s*(-?\d+)\b", text))
    for name, number, string in re.findall(
        r'^#define ([A-Z][A-Z0-9_]*) (?:(-?\d+)|"([^"\n]*)")\s*$', text, flags=re.MULTILINE
    ):
        found[name] = number or "'" + string.replace("'", "''") + "'"
    return found


# ---- Reading a file ----


def split_list(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def read_params(text: str) -> list[Param]:
    result = []
    for part in split_list(text):
        name, _, kind = part.partition(" ")
        if not NAME.fullmatch(name) or not kind.strip():
            raise Wrong(f'params: "{part}" is not a name and a type')
        result.append(Param(name, kind.strip()))
    names = [p.name for p in result]
    if len(set(names)) < len(names):
        raise Wrong("params: a name stands there twice")
    return result


def blocks(text: str):
    """The parts of a file: the keys above a text, and the text. Texts end with a semicolon."""
    keys: dict[str, str] = {}
    body: list[str] = []
    goes_on = ""
    for line in text.splitlines():
        key = KEY.fullmatch(line.strip())
        if key:
            if "".join(body).strip():
                raise Wrong(f'"{line}" stands in a statement that has no semicolon')
            if key[1] in keys:
                raise Wrong(f"{key[1]} stands there twice: {key[2]}")
            keys[key[1]] = key[2]
            goes_on = key[1] if key[2].rstrip().endswith(",") else ""
            if key[1] in ("table", "include"):
                yield {key[1]: keys.pop(key[1])}, ""
        elif goes_on and line.startswith("--"):
            more = line.lstrip("-").strip()
            keys[goes_on] += " " + more
            goes_on = goes_on if more.endswith(",") else ""
        elif line.startswith("--") and not body:
            continue
        elif line.strip():
            body.append(line)
            whole = "\n".join(body)
            if re.sub(r"--.*", "", line).rstrip().endswith(";") and whole.count(
                "{{"
            ) == whole.count("}}"):
                yield keys, "\n".join(body)
                keys, body = {}, []
    if keys or body:
        raise Wrong("the last statement has no semicolon")


# ---- Fragments ----


def call_at(text: str, start: int) -> int:
    """The end of the call that begins at 'start' with {{."""
    depth, at = 0, start
    while at < len(text):
        if text.startswith("{{", at):
            depth, at = depth + 1, at + 2
        elif text.startswith("}}", at):
            depth, at = depth - 1, at + 2
            if depth == 0:
                return at
        else:
            at += 1
    raise Wrong("{{ without }}")


def split_args(text: str) -> list[str]:
    args, last, at = [], 0, 0
    while at < len(text):
        if text.startswith("{{", at):
            at = call_at(text, at)
            continue
        if text[at] == ";":
            args.append(text[last:at].strip())
            last = at + 1
        at += 1
    return [*args, text[last:].strip()]


def builtin(name: str, args: list[str], params: list[Param]) -> str | None:
    arrays = [p.name for p in params if p.type.endswith("[]")]
    if name == "names" and not args:
        return ", ".join(arrays)
    if name == "rows" and 1 <= len(args) <= 2:
        what = ", ".join(":" + a for a in arrays)
        names = ", ".join(arrays + args[1:])
        return f"unnest({what}) {'WITH ORDINALITY ' if args[1:] else ''}AS {args[0]}({names})"
    return None


def expand(text: str, fragments: dict[str, Fragment], params: list[Param], used: set[str]) -> str:
    out, at = "", 0
    while (start := text.find("{{", at)) >= 0:
        end = call_at(text, start)
        name, colon, rest = text[start + 2 : end - 2].partition(":")
        name = name.strip()
        args = [expand(a, fragments, params, used) for a in split_args(rest)] if colon else []
        put = builtin(name, args, params)
        if put is None:
            fragment = fragments.get(name)
            if not fragment:
                raise Wrong(f"{{{{{name}}}}} is not a fragment")
            if len(args) != len(fragment.args):
                raise Wrong(f"{{{{{name}}}}} takes {len(fragment.args)} arguments")
            used.add(name)
            inner = dict(fragments)
            inner.update({n: Fragment([], a) for n, a in zip(fragment.args, args, strict=True)})
            put = expand(fragment.text, inner, params, used)
        out += text[at:start] + put
        at = end
    return out + text[at:]


# ---- A statement ----


def tokens(sql: str):
    for match in TOKEN.finditer(sql):
        yield match.lastgroup, match[0]


def bind(sql: str, params: list[Param], names: dict[str, str]) -> list[tuple[str, str]]:
    """Puts parameters and constants in; comments go, and space becomes one blank."""
    number = {p.name: n for n, p in enumerate(params, 1)}
    types = {p.name: p.type for p in params}
    used: set[str] = set()
    out: list[tuple[str, str]] = []
    for kind, text in tokens(sql):
        if kind == "param":
            name = text[1:]
            if name not in number:
                raise Wrong(f"{text} is not one of its params")
            used.add(name)
            out.append(("param", f"${number[name]}::{types[name]}"))
        elif kind == "constant":
            if text[1:] not in names:
                raise Wrong(f"{text} is not a known constant")
            out.append(("number", names[text[1:]]))
        elif kind == "number" and text.startswith("$"):
            raise Wrong(f"{text}: parameters have names here")
        elif kind in ("space", "comment"):
            if out and out[-1][0] != "space":
                out.append(("space", " "))
        elif kind == "end":
            continue
        else:
            out.append((kind, text))
    for p in params:
        if p.name not in used:
            raise Wrong(f"params: {p.name} is not used")
    while out and out[-1][0] == "space":
        out.pop()
    return out


def depths(toks):
    depth = 0
    for kind, text in toks:
        if kind == "other" and text in ")]":
            depth -= 1
        yield depth, kind, text
        if kind == "other" and text in "([":
            depth += 1


def output_list(toks) -> list[list[tuple[str, str]]] | None:
    """The items of what the statement returns; None when it returns nothing."""
    items: list[list[tuple[str, str]]] = []
    state = ""
    first = ""
    for depth, kind, text in depths(toks):
        word = text.upper() if kind == "word" and depth == 0 else ""
        if not first and word in ("SELECT", "INSERT", "UPDATE", "DELETE"):
            first = word
        if state == "in":
            if depth == 0 and kind == "other" and text == ",":
                items.append([])
                continue
            if word in ("FROM", "UNION", "WHERE", "ORDER", "LIMIT", "FOR"):
                break
            if kind != "space":
                items[-1].append((kind, text))
        elif (first == "SELECT" and word == "SELECT") or (first and word == "RETURNING"):
            state = "in"
            items.append([])
    if state != "in":
        return None
    if items[0] and items[0][0][1].upper() in ("DISTINCT", "ALL"):
        items[0].pop(0)
        if items[0][0][1].upper() == "ON":
            last = next(n for n, (d, _, t) in enumerate(depths(items[0])) if t == ")" and d == 0)
            items[0] = items[0][last + 1 :]
    return items


def output_name(item) -> str | None:
    """The name of a returned column; None: it has none of its own, or is several ('*')."""
    if item[-1][0] != "word":
        return None
    if len(item) >= 2 and item[-2] == ("other", ".") and len(item) == 3:
        return item[-1][1].lower()
    if len(item) == 1 or item[-2][1].upper() == "AS":
        return item[-1][1].lower()
    return None


def seen_columns(toks) -> list[str | None] | None:
    items = output_list(toks)
    return None if items is None else [output_name(item) for item in items]


def columns_of(toks, listed: list[str] | None) -> list[str]:
    seen = seen_columns(toks)
    if seen is None:
        raise Wrong("columns: it returns no rows")
    star = any(item[-1] == ("other", "*") for item in output_list(toks) or [])
    if listed is None:
        for n, name in enumerate(seen, 1):
            if name is None:
                raise Wrong(f"columns: number {n} has no name; give it one with AS")
        result = [name for name in seen if name]
    else:
        if not star and len(listed) != len(seen):
            raise Wrong(f"columns: {len(listed)} are declared, {len(seen)} can be seen")
        for want, name in zip(listed, seen, strict=False):
            if not star and name and name != want:
                raise Wrong(f"columns: {want} is declared where {name} can be seen")
        result = listed
    return result


def writes(toks) -> bool:
    """Does it insert, update or delete rows? FOR UPDATE only locks them."""
    words = [text.upper() for kind, text in toks if kind == "word"]
    return any(
        word in ("INSERT", "DELETE") or (word == "UPDATE" and before not in ("FOR", "KEY"))
        for before, word in zip(["", *words], words, strict=False)
    )


# ---- A file ----


def same(what: str, prefix: str, old, new):
    if old != new:
        raise Wrong(f"{what}: {prefix} has other ones in another statement")


def note_columns(source: Source, known: dict, spec: str, names: list[str]) -> None:
    prefixes = [p.strip() for p in spec.split(" then ")]
    first = 0
    for n, prefix in enumerate(prefixes):
        if not PREFIX.fullmatch(prefix):
            raise Wrong(f'columns: "{prefix}" is not a prefix')
        last = n == len(prefixes) - 1
        if prefix in known:
            count = len(known[prefix][1])
            same("columns", prefix, known[prefix], (first, names[first : first + count]))
        elif not last:
            raise Wrong(f"columns: {prefix} is of no statement or fragment before")
        else:
            count = len(names) - first
            if len(set(names[first:])) < count:
                raise Wrong(f"columns: a name of {prefix} stands there twice")
            known[prefix] = source.columns[prefix] = (first, names[first:])
        first += count
    if first != len(names):
        raise Wrong(f"columns: {len(names)} are returned, {first} are declared")


def params_of(source: Source, known: dict, spec: str) -> list[Param]:
    prefix, equals, text = (part.strip() for part in spec.partition("="))
    if not equals and PREFIX.fullmatch(prefix):
        if prefix not in known:
            raise Wrong(f"params: {prefix} is of no statement before")
        return known[prefix]
    params = read_params(text if equals else spec)
    if equals:
        if not PREFIX.fullmatch(prefix):
            raise Wrong(f'params: "{prefix}" is not a prefix')
        same("params", prefix, known.setdefault(prefix, params), params)
        source.params[prefix] = params
    return params


def read_fragment(source: Source, keys: dict[str, str], body: str, known: dict) -> None:
    match = re.fullmatch(r"([a-z]\w*)(?:\((.*)\))?", keys["fragment"].strip())
    if not match:
        raise Wrong(f'fragment: "{keys["fragment"]}" is not a name')
    text = body.rstrip().removesuffix(";").rstrip()
    args = split_list(match[2] or "")
    source.fragments[match[1]] = Fragment(args, text)
    if "columns" in keys:
        toks = [tok for tok in tokens("SELECT " + text) if tok[0] != "comment"]
        note_columns(source, known, keys["columns"].strip(), columns_of(toks, None))


def read_statement(
    source: Source,
    keys: dict[str, str],
    body: str,
    fragments: dict[str, Fragment],
    known: tuple[dict, dict],
    names: dict[str, str],
) -> None:
    if not NAME.fullmatch(keys["name"].strip()):
        raise Wrong(f'name: "{keys["name"]}" is not a name')
    params = params_of(source, known[1], keys["params"]) if "params" in keys else []
    toks = bind(expand(body, fragments, params, source.used), params, names)
    spec = keys.get("columns", "").strip()
    columns = None
    if spec and spec != "none":
        prefix, equals, text = (part.strip() for part in spec.partition("="))
        columns = columns_of(toks, split_list(text) if equals else None)
        note_columns(source, known[0], prefix, columns)
    elif not spec and seen_columns(toks) is not None:
        raise Wrong("it returns rows: declare its columns, or none")
    sql = "".join(text for _, text in toks)
    source.statements.append(Statement(keys["name"].strip(), params, sql, columns, writes(toks)))


def read_source(path: Path, done: dict[str, Source], names: dict[str, str]) -> Source:
    source = Source(path, path.stem)
    known: tuple[dict, dict] = ({}, {})
    fragments: dict[str, Fragment] = {}
    for keys, body in blocks(path.read_text()):
        try:
            if "table" in keys:
                source.table = keys["table"].strip()
            elif "include" in keys:
                other = done[keys["include"].strip()]
                source.includes.append(other.path.stem)
                fragments.update(other.fragments)
                known[0].update(other.columns)
                known[1].update(other.params)
            elif "fragment" in keys:
                read_fragment(source, keys, body, known[0])
                fragments.update(source.fragments)
            elif "name" in keys:
                read_statement(source, keys, body, fragments, known, names)
            else:
                raise Wrong("a statement has no name")
        except Wrong as wrong:
            label = keys.get("name") or keys.get("fragment") or "its top"
            raise Wrong(f"{label}: {wrong}") from None
    return source


def read_all(paths: list[Path], names: dict[str, str]) -> list[Source]:
    """Files come after those that they include."""
    done: dict[str, Source] = {}
    left = {path.name: path for path in paths}
    while left:
        for name, path in sorted(left.items()):
            wants = re.findall(r"^-- include:\s*(\S+)", path.read_text(), flags=re.MULTILINE)
            if all(want in done for want in wants):
                try:
                    done[name] = read_source(path, done, names)
                except Wrong as wrong:
                    raise Wrong(f"{path}: {wrong}") from None
                del left[name]
                break
        else:
            raise Wrong(f"include: what {', '.join(left)} include is missing, or a circle")
    used = {name for source in done.values() for name in source.used}
    for source in done.values():
        for name in source.fragments:
            if name not in used:
                raise Wrong(f"{source.path}: {name}: the fragment is not used")
    seen: dict[str, Path] = {}
    for source in done.values():
        for s in source.statements:
            if s.name in seen:
                raise Wrong(f"{source.path}: {s.name} stands in {seen[s.name]}, too")
            seen[s.name] = source.path
    return [done[path.name] for path in paths]


# ---- Writing C ----


def c_string(sql: str) -> list[str]:
    """String literals, broken at blanks."""
    lines, rest = [], sql
    while len(rest) > 80:
        at = rest.rfind(" ", 0, 80)
        at = at if at > 0 else rest.find(" ", 80)
        if at < 0:
            break
        lines.append(rest[:at])
        rest = rest[at:]
    return ['"' + line.replace("\\", "\\\\").replace('"', '\\"') + '"' for line in [*lines, rest]]


def made_from(sources: list[Source]) -> str:
    names = ", ".join(s.path.name for s in sources)
    return f"/* Made by tools/embed_queries.py from {names}. */"


def header(source: Source) -> str:
    lines = [made_from([source]), "#pragma once", "", '#include "ob/db.h"']
    lines += [f'#include "{name}_sql.h"' for name in source.includes]
    if source.table == "none":
        for s in source.statements:
            lines += ["", f"#define SQL_{s.name.upper()} \\"]
            text = c_string(s.sql)
            lines += [*(f"    {line} \\" for line in text[:-1]), f"    {text[-1]}"]
    elif source.statements:
        lines += ["", f"extern const ob_db_stmt {source.table}_stmts[];", ""]
        lines += [f'#define STMT_{s.name.upper()} "{s.name}"' for s in source.statements]
    for prefix, (first, names) in source.columns.items():
        lines += ["", f"enum {{ /* columns: {prefix} */"]
        lines += [f"    {prefix}_{n.upper()} = {i}," for i, n in enumerate(names, first)]
        lines += ["};"]
    for prefix, params in source.params.items():
        lines += ["", f"enum {{ /* parameters: {prefix} */"]
        lines += [f"    {prefix}_{p.name.upper()} = {i}," for i, p in enumerate(params)]
        lines += ["};"]
    return "\n".join([*lines, ""])


def tables(sources: list[Source]) -> dict[str, list[Statement]]:
    result: dict[str, list[Statement]] = {}
    for source in sources:
        if source.statements:
            result.setdefault(source.table, []).extend(source.statements)
    return result


def queries_c(sources: list[Source]) -> str:
    lines = [made_from(sources), '#include "ob/db.h"']
    for table, statements in tables(sources).items():
        if table == "none":
            continue
        lines += ["", f"extern const ob_db_stmt {table}_stmts[];"]
        lines += [f"const ob_db_stmt {table}_stmts[] = {{"]
        for s in statements:
            text = c_string(s.sql)
            lines += [f'    {{ "{s.name}",', *(f"      {line}" for line in text[:-1])]
            lines += [f"      {text[-1]}, {str(s.writes).lower()} }},"]
        lines += ["    { 0 },", "};"]
    return "\n".join([*lines, ""])


def declared_c(sources: list[Source]) -> str:
    lines = [made_from(sources), '#include "declared.h"', "", "const declared declarations[] = {"]
    for table, statements in tables(sources).items():
        for s in statements:
            types = ", ".join(p.type for p in s.params)
            columns = "NULL" if s.columns is None else f'"{",".join(s.columns)}"'
            lines += [f'    {{ "{table}", "{s.name}", "{types}", {columns},']
            text = c_string(s.sql)
            lines += [*(f"      {line}" for line in text[:-1]), f"      {text[-1]} }},"]
    return "\n".join([*lines, "    { 0 },", "};", ""])


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--names", action="append", type=Path, default=[], help="a header of C")
    parser.add_argument("--out", type=Path, required=True, help="the folder for what is made")
    parser.add_argument("sql", nargs="+", type=Path)
    args = parser.parse_args()
    names = {k: v for path in args.names for k, v in constants(path).items()}
    try:
        sources = read_all(args.sql, names)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    for source in sources:
        (args.out / f"{source.path.stem}_sql.h").write_text(header(source))
    (args.out / "queries.c").write_text(queries_c(sources))
    (args.out / "declared.c").write_text(declared_c(sources))
    return 0


if __name__ == "__main__":
    sys.exit(main())
