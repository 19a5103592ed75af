"""The arithmetic of a report: quantiles, ratios of what was measured in turn, numbers as text."""

import math
import statistics


def quantile(values, part):
    """The smallest value that at least this part of all values do not exceed."""
    ordered = sorted(values)
    if not ordered:
        raise ValueError("no values")
    return ordered[min(len(ordered) - 1, max(0, math.ceil(part * len(ordered)) - 1))]


def median(values):
    return statistics.median(values)


def ratios(ours, others):
    """Of each pair, measured one after the other: what disturbs a machine for minutes disturbs
    both."""
    return [a / b for a, b in zip(ours, others, strict=True) if b]


def median_ratio(ours, others):
    """None: there is no pair."""
    found = ratios(ours, others)
    return median(found) if found else None


def spread(values):
    """(lowest, highest)."""
    return min(values), max(values)


def merge(tables):
    """The median of each entry of several {name: number}; what is missing in one counts as 0."""
    names = {name for table in tables for name in table}
    return {name: median([table.get(name, 0) for table in tables]) for name in sorted(names)}


def text_of(number):
    """Three significant digits, with thousands marked; '-' for None."""
    if number is None:
        return "-"
    if number == 0:
        return "0"
    digits = 2 - math.floor(math.log10(abs(number)))
    text = f"{round(number, digits):,.{max(0, digits)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
