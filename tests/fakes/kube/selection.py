"""Label and field selectors."""

import re

from . import errors

SET = re.compile(r"(\S+)\s+(in|notin)\s*\(([^)]*)\)")


def _requirement(text):
    """A function that says whether these labels fulfil one requirement."""
    text = text.strip()
    match = SET.fullmatch(text)
    if match:
        key, word, values = match[1], match[2], {v.strip() for v in match[3].split(",")}
        if word == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    for word, equal in (("!=", False), ("==", True), ("=", True)):
        if word in text:
            key, value = (part.strip() for part in text.split(word, 1))
            return lambda labels: (labels.get(key) == value) == equal
    if text.startswith("!"):
        return lambda labels: text[1:].strip() not in labels
    if not re.fullmatch(r"[A-Za-z0-9./_-]+", text):
        found = text.split()[1] if len(text.split()) > 1 else text
        raise errors.bad_request(
            f"unable to parse requirement: found '{found}', expected: in, notin, =, ==, !=, gt, lt"
        )
    return lambda labels: text in labels


def _split(text):
    """At commas, but not at those in parentheses."""
    return [part for part in re.split(r",(?![^(]*\))", text) if part.strip()]


def _field(item, path):
    for name in path.split("."):
        item = item.get(name) if isinstance(item, dict) else None
    return "" if item is None else str(item)


FIELDS = {
    "pods": ("metadata.name", "metadata.namespace", "spec.nodeName", "status.phase")
    + ("spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName"),
    "nodes": ("metadata.name", "spec.unschedulable"),
}


def _field_requirement(resource, text):
    equal = "!=" not in text
    key, _, value = text.partition("!=") if not equal else text.replace("==", "=").partition("=")
    key, value = key.strip(), value.strip()
    if key not in FIELDS.get(resource, ("metadata.name", "metadata.namespace")):
        raise errors.bad_request(f"field label not supported: {key}")
    return lambda item: (_field(item, key) == value) == equal


def selector(resource, label_text, field_text):
    """A function that says whether an object is selected."""
    labels = [_requirement(part) for part in _split(label_text or "")]
    fields = [_field_requirement(resource, p) for p in (field_text or "").split(",") if p.strip()]

    def chosen(item):
        have = item["metadata"].get("labels") or {}
        return all(wanted(have) for wanted in labels) and all(wanted(item) for wanted in fields)

    return chosen
