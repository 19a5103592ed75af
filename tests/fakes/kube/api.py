"""What requests to the apiserver mean: paths, verbs, rights, lists in pages, watches and logs."""

import base64
import copy
import json
import time
from collections import OrderedDict
from datetime import datetime

from . import errors, pods
from .selection import selector
from .store import dumps, event_of

KINDS = {
    "namespaces": "Namespace",
    "nodes": "Node",
    "pods": "Pod",
    "secrets": "Secret",
    "configmaps": "ConfigMap",
    "serviceaccounts": "ServiceAccount",
    "resourcequotas": "ResourceQuota",
    "persistentvolumeclaims": "PersistentVolumeClaim",
    "events": "Event",
}
GLOBAL = ("namespaces", "nodes")
REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
PATCHES = ("application/merge-patch+json", "application/strategic-merge-patch+json")
PAGES = 50  # lists of which the rest is kept


def parsed(body):
    """The JSON object of a body."""
    text = "the object provided is unrecognized: couldn't get version/kind; json parse error"
    try:
        item = json.loads(body or b"{}")
    except ValueError as bad:
        raise errors.bad_request(f"{text}: {bad}") from None
    if not isinstance(item, dict):
        raise errors.bad_request(f"{text}: it is not an object")
    return item


class Target:
    """What a path means: group, namespace, resource, name and subresource. kind is empty if there
    is no such resource."""

    def __init__(self, path):
        parts = [part for part in path.split("/") if part]
        if len(parts) < 3 or parts[0] not in ("api", "apis"):
            raise errors.no_such_path()
        self.group = "" if parts[0] == "api" else parts[1]
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        self.namespace = ""
        if len(parts) > 2 and parts[0] == "namespaces":
            self.namespace, parts = parts[1], parts[2:]
        self.resource, self.name, self.part, *more = parts + [""] * 3
        is_global = self.resource in GLOBAL
        good = not any(more) and not self.group and path.startswith("/api/v1/")
        if (self.namespace and is_global) or (self.name and not self.namespace and not is_global):
            good = False
        self.kind = KINDS.get(self.resource, "") if good else ""

    def scope(self):
        """The namespace by which rights are judged."""
        return self.name if self.resource == "namespaces" else self.namespace


class Api:
    """answer() gives (code, object), or None when it has answered by a stream."""

    def __init__(self, cluster):
        self.cluster, self.store = cluster, cluster.store
        self.pages = OrderedDict()

    def answer(self, method, path, query, body, content_type, user, stream):
        if path in ("/healthz", "/readyz", "/livez"):
            return 200, {"status": "ok"}
        if path == "/version":
            return 200, self._version()
        if path == REVIEWS and method == "POST":
            return 201, self._review(parsed(body), user)
        target = Target(path)
        verb = self._verb(method, target, query)
        resource = f"{target.resource}/{target.part}" if target.part else target.resource
        if not self.cluster.rights.may(user, verb, resource, target.scope()):
            about = (target.scope(), target.name, target.group)
            raise errors.forbidden(user, verb, resource, *about)
        if not target.kind:
            raise errors.no_such_path()
        if target.part == "log" and method == "GET" and target.resource == "pods":
            return self._log(target, query, stream)
        if target.part not in ("", "status"):
            raise errors.no_such_path()
        if verb == "watch":
            return self._watch(target, query, stream)
        if verb == "list":
            return 200, self._list(target, query)
        if verb == "get":
            return 200, self._get(target)
        body = parsed(body)
        if verb == "delete" and "gracePeriodSeconds" in query:
            body["gracePeriodSeconds"] = int(query["gracePeriodSeconds"])
        return self._write(verb, target, body, content_type)

    def _verb(self, method, target, query):
        if method == "GET":
            if target.name and not target.part:
                return "get"
            return "get" if target.name else "watch" if _true(query.get("watch")) else "list"
        if method == "DELETE" and not target.name:
            return "deletecollection"
        return VERBS[method]

    def _version(self):
        major, minor = self.cluster.version.removeprefix("v").split(".")[:2]
        return {
            "major": major,
            "minor": minor,
            "emulationMajor": major,
            "emulationMinor": minor,
            "minCompatibilityMajor": major,
            "minCompatibilityMinor": str(int(minor) - 1),
            "gitVersion": self.cluster.version,
            "gitCommit": "0" * 40,
            "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z",
            "goVersion": "go1.25",
            "compiler": "gc",
            "platform": "linux/amd64",
        }

    def _review(self, body, user):
        wanted = (body.get("spec") or {}).get("resourceAttributes") or {}
        resource = wanted.get("resource", "")
        if wanted.get("subresource"):
            resource += f"/{wanted['subresource']}"
        allowed = self.cluster.rights.may(
            user, wanted.get("verb", ""), resource, wanted.get("namespace", "")
        )
        kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
        return kind | {"metadata": {}} | body | {"status": {"allowed": allowed}}

    def _get(self, target):
        item = self.store.get(target.resource, target.namespace, target.name)
        if not item:
            raise errors.not_found(target.resource, target.name)
        return item

    def _write(self, verb, target, body, content_type):
        if verb == "create":
            if target.name:
                raise errors.not_allowed()
            return 201, self._create(target, body)
        if verb == "deletecollection":
            raise errors.not_allowed()
        key = (target.resource, target.kind, target.namespace, target.name)
        if verb == "delete":
            return 200, self._delete(target, key, body)
        status_too = target.part == "status"
        if verb == "update":
            return 200, pods.update(self.store, *key, lambda old: body, status_too)
        if content_type.split(";")[0].strip() not in PATCHES:
            raise errors.unsupported_patch()
        return 200, pods.update(self.store, *key, lambda old: pods.merged(old, body), status_too)

    def _create(self, target, body):
        if target.resource == "pods":
            return pods.create(self.store, target.namespace, body)
        item = {"kind": target.kind, "apiVersion": "v1"} | copy.deepcopy(body)
        if target.namespace:
            item.setdefault("metadata", {})["namespace"] = target.namespace
        if target.resource == "namespaces":
            self.cluster.add_namespace(item["metadata"]["name"])
            return self.store.get("namespaces", "", item["metadata"]["name"])
        try:
            return self.store.create(target.resource, item)
        except KeyError:
            raise errors.already_exists(target.resource, item["metadata"]["name"]) from None

    def _delete(self, target, key, options):
        """A pod is answered with its last state, as a real apiserver does it; most others with a
        Status."""
        if target.resource == "pods":
            return pods.delete(self.store, target.namespace, target.name, options)
        item = pods.delete_other(self.store, *key, options)
        if target.resource == "namespaces":
            return item
        details = {"name": target.name, "kind": target.resource, "uid": item["metadata"]["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}
        return status | {"details": details}

    # Lists.

    def _list(self, target, query):
        chosen = selector(target.resource, query.get("labelSelector"), query.get("fieldSelector"))
        limit = int(query.get("limit") or 0)
        if query.get("continue"):
            version, items = self._rest(target, query["continue"])
        else:
            wanted = int(query.get("resourceVersion") or 0)
            if wanted > self.store.version:
                raise errors.too_new(wanted, self.store.version)
            version, items = self.store.list(target.resource, target.namespace, chosen)
        meta = {"resourceVersion": str(version)}
        if limit and len(items) > limit:
            meta["continue"] = self._keep(target, version, items[limit:], items[limit - 1])
            if not query.get("labelSelector") and not query.get("fieldSelector"):
                meta["remainingItemCount"] = len(items) - limit
            items = items[:limit]
        # Items of a list say neither kind nor apiVersion.
        plain = [{k: v for k, v in i.items() if k not in ("kind", "apiVersion")} for i in items]
        return {"kind": f"{target.kind}List", "apiVersion": "v1", "metadata": meta, "items": plain}

    def _keep(self, target, version, rest, last):
        start = {"v": "meta.k8s.io/v1", "rv": version, "start": last["metadata"]["name"] + "\0"}
        token = base64.urlsafe_b64encode(dumps(start)).decode().rstrip("=")
        with self.store.changed:
            self.pages[token] = (target.resource, version, rest)
            while len(self.pages) > PAGES:
                self.pages.popitem(last=False)
        return token

    def _rest(self, target, token):
        try:
            start = json.loads(base64.urlsafe_b64decode(token + "=="))
        except ValueError as bad:
            text = f"invalid continue token: continue key is not valid: {bad}"
            raise errors.bad_request(text) from None
        with self.store.changed:
            resource, version, rest = self.pages.get(token, ("", start["rv"], []))
            if resource != target.resource or version < self.store.oldest[resource]:
                raise errors.too_old_page(token)
        return version, rest

    # Watches.

    def _watch(self, target, query, stream):
        chosen = selector(target.resource, query.get("labelSelector"), query.get("fieldSelector"))
        version = int(query.get("resourceVersion") or 0)
        if version > self.store.version:
            raise errors.too_new(version, self.store.version)
        begun = time.monotonic()
        stream.begin()
        first = []
        if not version:
            version, items = self.store.list(target.resource, target.namespace, chosen)
            first = [("ADDED", item) for item in items]
        for kind, item in first:
            stream.send(_line(kind, item))
        self._follow(target, query, stream, chosen, version, begun)
        stream.finish_stream()

    def _follow(self, target, query, stream, chosen, version, begun):
        server, times = self.cluster.server, self.cluster.times
        until = begun + int(query.get("timeoutSeconds") or 1800)
        bookmarks = _true(query.get("allowWatchBookmarks"))
        bookmark_at = begun + times.bookmark_s
        while (now := time.monotonic()) < until and not self.cluster.is_stopped:
            if begun < server.silent_before:
                if stream.is_gone():
                    return
                time.sleep(0.05)
                continue
            changes = self.store.since(target.resource, version)
            if changes is None or server.expired.get(target.resource, 0.0) > begun:
                error = errors.too_old(version, self.store.oldest[target.resource])
                stream.send(_line("ERROR", error.status()))
                return
            if changes:
                found = [event_of(change, chosen, target.namespace) for change in changes]
                stream.send(b"".join(_line(*event) for event in found if event))
                version = changes[-1].version
            if bookmarks and now >= bookmark_at:
                bookmark_at = now + times.bookmark_s
                version = self._bookmark(target, stream, version)
            if stream.is_gone():
                return
            self._wait(target.resource, version, min(until, bookmark_at) - now)

    def _bookmark(self, target, stream, version):
        with self.store.changed:
            if self.store.since(target.resource, version) == []:
                version = max(version, self.store.version)
        meta = {"resourceVersion": str(version), "creationTimestamp": None}
        item = {"kind": target.kind, "apiVersion": "v1", "metadata": meta}
        stream.send(_line("BOOKMARK", item))
        return version

    def _wait(self, resource, version, seconds):
        """Until something has changed, at most half a second: then the client is looked at."""
        with self.store.changed:
            if not self.store.since(resource, version):
                self.store.changed.wait(max(0.01, min(0.5, seconds)))

    # Logs.

    def _log(self, target, query, stream):
        pod = self._get(target)
        name = self._log_container(pod, query.get("container"))
        node = pod["spec"].get("nodeName")
        if not node:
            stream.begin("text/plain")
            stream.finish_stream()
            return
        self._reach_kubelet(pod, node, name)
        container = self.cluster.runtimes[node].get(pod["metadata"]["uid"], name)
        if not container or container.state == "created":
            raise errors.bad_request(self._not_started(pod, name))
        stream.begin("text/plain")
        self._send_log(container, query, stream, node)
        stream.finish_stream()
        return

    def _log_container(self, pod, name):
        spec = pod["spec"]
        every = [c["name"] for c in [*spec["containers"], *(spec.get("initContainers") or [])]]
        if name and name not in every:
            raise errors.bad_request(
                f"container {name} is not valid for pod {pod['metadata']['name']}"
            )
        if not name and len(spec["containers"]) > 1:
            listed = " ".join(c["name"] for c in spec["containers"])
            text = f"a container name must be specified for pod {pod['metadata']['name']}, choose"
            raise errors.bad_request(f"{text} one of: [{listed}]")
        return name or every[0]

    def _reach_kubelet(self, pod, node, name):
        if not self.store.get("nodes", "", node):
            raise errors.not_found("nodes", node)
        if node not in self.cluster.kubelets:
            meta = pod["metadata"]
            path = f"containerLogs/{meta['namespace']}/{meta['name']}/{name}"
            raise errors.kubelet_away(f"https://{node}:10250/{path}?follow=true", f"{node}:10250")

    def _not_started(self, pod, name):
        status = pod["status"]
        found = (status.get("containerStatuses") or []) + (
            status.get("initContainerStatuses") or []
        )
        state = next((one["state"] for one in found if one["name"] == name), {})
        why = (state.get("waiting") or {}).get("reason", "")
        why = {
            "ErrImagePull": "image can't be pulled",
            "ImagePullBackOff": "trying and failing to pull image",
        }.get(why, why or "ContainerCreating")
        return f'container "{name}" in pod "{pod["metadata"]["name"]}" is waiting to start: {why}'

    def _send_log(self, container, query, stream, node):
        since_ns = 0
        if query.get("sinceTime"):
            since_ns = int(_moment(query["sinceTime"]).timestamp()) * 10**9
        elif query.get("sinceSeconds"):
            since_ns = (int(time.time()) - int(query["sinceSeconds"])) * 10**9
        left = int(query["limitBytes"]) if query.get("limitBytes") else None
        tail = int(query["tailLines"]) if query.get("tailLines") else None

        def goes_on():
            away = node not in self.cluster.kubelets
            return not away and not self.cluster.is_stopped and not stream.is_gone()

        follow = _true(query.get("follow"))
        stamps = _true(query.get("timestamps"))
        for data in container.log.read(follow, since_ns, stamps, tail, goes_on):
            if left is not None:
                data, left = data[:left], left - len(data)
            stream.send(data)
            if left is not None and left <= 0:
                return


def _true(text):
    return text is not None and text.lower() in ("true", "1", "")


def _moment(text):
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise errors.bad_request(
            f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": cannot parse "{text}" as "2006"'
        ) from None


def _line(kind, item):
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), dumps(item))
