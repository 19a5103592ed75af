"""Plots as SVG. A bar is a rectangle and a text, so this needs no library: matplotlib would bring
a hundred megabytes. The same figures give the same file."""

from html import escape

from stats import text_of

WIDTH, LABEL, VALUE = 760, 240, 150  # of all; left and right of the bars
ROW, BAR, TOP = 26, 16, 34
COLOURS = ("#2563a8", "#b0b7c3", "#d98c2b", "#4a9d6e", "#8d6bb1", "#c25b5b", "#5b8fa8", "#a3a34b")
STYLE = (
    "text{font:13px sans-serif;fill:#1f2328}.t{font-weight:bold}.s{font-size:11px}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)


def _text(x, y, text, kind="", anchor="start"):
    mark = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{mark}>{escape(text)}</text>'


def _rect(x, y, width, colour, title):
    return (
        f'<rect x="{x:.1f}" y="{y:g}" width="{max(width, 1):.1f}" height="{BAR}"'
        f' fill="{colour}"><title>{escape(title)}</title></rect>'
    )


def _page(title, height, parts):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}"'
        f' height="{height}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<style>{STYLE}</style>\n" + "\n".join([_text(8, 20, title, "t"), *parts]) + "\n</svg>\n"
    )


def bars(title, rows):
    """rows: [(label, value, unit, is it a baseline?)]. Each unit has a scale of its own."""
    longest = {}
    for _, value, unit, _ in rows:
        longest[unit] = max(longest.get(unit, 0), value)
    parts = []
    for n, (label, value, unit, is_baseline) in enumerate(rows):
        y = TOP + n * ROW
        width = (WIDTH - LABEL - VALUE) * value / longest[unit] if longest[unit] else 0
        text = f"{text_of(value)} {unit}"
        parts += [
            _text(LABEL - 8, y + 13, label, anchor="end"),
            _rect(LABEL, y, width, COLOURS[1 if is_baseline else 0], f"{label}: {text}"),
            _text(LABEL + max(width, 1) + 6, y + 13, text, "s"),
        ]
    return _page(title, TOP + len(rows) * ROW + 8, parts)


def stacks(title, unit, rows):
    """rows: [(label, {part: value})]: bars of parts, with a legend below."""
    totals = [sum(parts.values()) for _, parts in rows]
    names = sorted({n for _, parts in rows for n in parts}, key=lambda n: -_most(rows, n))
    colours = {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}
    drawn = []
    for n, ((label, parts), total) in enumerate(zip(rows, totals, strict=True)):
        x, y = LABEL, TOP + n * ROW
        drawn.append(_text(LABEL - 8, y + 13, label, anchor="end"))
        for name in names:
            width = (WIDTH - LABEL - VALUE) * parts.get(name, 0) / (max(totals) or 1)
            if width >= 0.5:
                drawn.append(_rect(x, y, width, colours[name], f"{name}: {text_of(parts[name])}"))
                x += width
        drawn.append(_text(x + 6, y + 13, f"{text_of(total)} {unit}", "s"))
    top = TOP + len(rows) * ROW + 8
    for i, name in enumerate(names):
        x, y = 8 + 250 * (i % 3), top + 20 * (i // 3)
        drawn += [_rect(x, y, BAR, colours[name], name), _text(x + BAR + 6, y + 13, name, "s")]
    return _page(title, top + 20 * ((len(names) + 2) // 3) + 8, drawn)


def _most(rows, name):
    return max(parts.get(name, 0) for _, parts in rows)
