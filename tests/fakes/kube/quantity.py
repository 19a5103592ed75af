"""Kubernetes' quantities ("250m", "1", "64Mi"), and what pods request of them."""

import re
from fractions import Fraction

SUFFIXES = {"": 1, "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000)}
SUFFIXES |= {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18}
SUFFIXES |= {f"{s}i": 1024**n for n, s in enumerate("KMGTPE", 1)}
PATTERN = re.compile(r"([+-]?[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE]([+-]?[0-9]+)|([a-zA-Z]*))")


def parse(text):
    """A quantity as a fraction. ValueError: it is none."""
    match = PATTERN.fullmatch(str(text))
    if not match or (match[3] or "") not in SUFFIXES:
        raise ValueError(
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
        )
    return Fraction(match[1]) * Fraction(10) ** int(match[2] or 0) * SUFFIXES[match[3] or ""]


def requested(container, name):
    """What a container requests; a limit counts if there is no request."""
    resources = container.get("resources") or {}
    for kind in ("requests", "limits"):
        if name in (resources.get(kind) or {}):
            return parse(resources[kind][name])
    return Fraction(0)


def of_pod(spec, name):
    """The sum of its containers, or its largest init container."""
    sums = sum((requested(c, name) for c in spec["containers"]), Fraction(0))
    first = [requested(c, name) for c in spec.get("initContainers") or []]
    return max([sums, *first])


def names(spec):
    """The resources that a pod speaks of."""
    found = {"cpu", "memory"}
    for container in [*spec["containers"], *(spec.get("initContainers") or [])]:
        for kind in ("requests", "limits"):
            found |= set((container.get("resources") or {}).get(kind) or {})
    return found


def shown(amount, name):
    """As messages show it."""
    if name == "cpu":
        milli = amount * 1000
        return str(amount) if amount.denominator == 1 else f"{int(milli)}m"
    for suffix in ("Gi", "Mi", "Ki"):
        if amount and (amount / SUFFIXES[suffix]).denominator == 1:
            return f"{amount / SUFFIXES[suffix]}{suffix}"
    return str(int(amount))
