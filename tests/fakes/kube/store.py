"""Objects and their history, as etcd and the watch cache have them.

Objects are never changed in place: each change stores a new copy under a new version, so that
readers need no lock for what they hold. All changes are made with 'changed' held."""

import bisect
import copy
import json
import threading
import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

HISTORY = 50_000  # changes that are kept for watches, for each resource
FIRST = 100  # the version of an empty store


def now_text():
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Change:
    """of an object: before is None when it was made, gone says that it is no more. The object's
    version is that of the change, also when it is gone."""

    version: int
    before: dict | None
    item: dict
    gone: bool = False


def key_of(item):
    meta = item["metadata"]
    return meta.get("namespace", ""), meta["name"]


def is_over(item):
    """Nothing holds an object that is being deleted any more."""
    meta = item["metadata"]
    return (
        "deletionTimestamp" in meta
        and not meta.get("finalizers")
        and not meta.get("deletionGracePeriodSeconds")
    )


class Store:
    def __init__(self):
        self.changed = threading.Condition(threading.RLock())
        self.version = FIRST
        self.objects = defaultdict(dict)
        self.history = defaultdict(list)
        self.oldest = defaultdict(lambda: FIRST)
        self.listeners = []

    def get(self, resource, namespace, name):
        """None if there is none."""
        with self.changed:
            return self.objects[resource].get((namespace or "", name))

    def list(self, resource, namespace="", chosen=None):
        """(version, objects in the order of their names)"""
        with self.changed:
            found = [
                item
                for key, item in sorted(self.objects[resource].items(), key=lambda pair: pair[0])
                if not namespace or key[0] == namespace
            ]
            version = self.version
        return version, [item for item in found if not chosen or chosen(item)]

    def _note(self, resource, change):
        changes = self.history[resource]
        changes.append(change)
        if len(changes) > HISTORY:
            self.oldest[resource] = changes[HISTORY // 10].version
            del changes[: HISTORY // 10 + 1]
        self.changed.notify_all()
        for listener in self.listeners:
            listener(resource, change)

    def _next(self, item):
        self.version += 1
        return item | {"metadata": item["metadata"] | {"resourceVersion": str(self.version)}}

    def create(self, resource, item):
        """The stored object; KeyError if there is one of this name."""
        with self.changed:
            key = key_of(item)
            if key in self.objects[resource]:
                raise KeyError(key)
            meta = {"uid": str(uuid.uuid4()), "creationTimestamp": now_text()}
            item = self._next(item | {"metadata": item["metadata"] | meta})
            self.objects[resource][key] = item
            self._note(resource, Change(self.version, None, item))
            return item

    def change(self, resource, namespace, name, edit, uid=None):
        """Stores what edit(copy) has made of an object; an object that nothing holds goes. The
        object as it is then, or None: there is no such object, or it has another uid."""
        with self.changed:
            key = (namespace or "", name)
            before = self.objects[resource].get(key)
            if not before or (uid and before["metadata"]["uid"] != uid):
                return None
            item = copy.deepcopy(before)
            edit(item)
            if is_over(item):
                return self._remove(resource, key, item)
            if item == before:
                return before
            item = self._next(item)
            self.objects[resource][key] = item
            self._note(resource, Change(self.version, before, item))
            return item

    def _remove(self, resource, key, last):
        before = self.objects[resource].pop(key)
        item = self._next(last)
        self._note(resource, Change(self.version, before, item, gone=True))
        return item

    def remove(self, resource, namespace, name, uid=None):
        """At once, whatever holds it; None if there is no such object."""
        with self.changed:
            item = self.objects[resource].get((namespace or "", name))
            if not item or (uid and item["metadata"]["uid"] != uid):
                return None
            return self._remove(resource, (namespace or "", name), item)

    def compact(self, resource):
        """Forgets all changes: older versions are expired."""
        with self.changed:
            self.version += 1
            self.oldest[resource] = self.version
            self.history[resource].clear()
            self.changed.notify_all()

    def since(self, resource, version):
        """Changes after this version; None if some of them are forgotten."""
        with self.changed:
            if version < self.oldest[resource]:
                return None
            changes = self.history[resource]
            at = bisect.bisect_right(changes, version, key=lambda change: change.version)
            return changes[at:]


def event_of(change, chosen, namespace=""):
    """What a watch with this selector says of a change: (type, object), or None."""

    def seen(item):
        where = item["metadata"].get("namespace", "")
        return (not namespace or where == namespace) and chosen(item)

    before = change.before is not None and seen(change.before)
    after = not change.gone and seen(change.item)
    if not before and not after:
        return None
    if after:
        return ("MODIFIED" if before else "ADDED"), change.item
    item = change.item
    if not change.gone:  # it has left the selection: shown as it was, with the new version
        version = item["metadata"]["resourceVersion"]
        item = change.before | {
            "metadata": change.before["metadata"] | {"resourceVersion": version}
        }
    return "DELETED", item


def dumps(item):
    return json.dumps(item, separators=(",", ":")).encode()
