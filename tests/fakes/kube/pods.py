"""Pods as the apiserver keeps them: defaults and admission at creation, patches, deletion with its
grace periods and finalizers."""

import copy
import uuid
from datetime import UTC, datetime, timedelta

from . import errors, quantity, validation
from .store import now_text

POD_FIELDS = "`spec.containers[*].image`,`spec.initContainers[*].image`,"
POD_FIELDS += "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing "
POD_FIELDS += (
    "tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was "
)
POD_FIELDS += "previously negative)"
NOT_READY = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def later_text(seconds):
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def moved_text(text, seconds):
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ") + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _container_defaults(container):
    latest = ":" not in container.get("image", "").rpartition("/")[2]
    latest = latest or container.get("image", "").endswith(":latest")
    container.setdefault("imagePullPolicy", "Always" if latest else "IfNotPresent")
    container.setdefault("terminationMessagePath", "/dev/termination-log")
    container.setdefault("terminationMessagePolicy", "File")
    resources = container.setdefault("resources", {})
    if resources.get("limits"):
        requests = resources.get("requests") or {}
        resources["requests"] = resources["limits"] | requests


def _tolerations(spec):
    tolerations = list(spec.get("tolerations") or [])
    for key in NOT_READY:
        tolerated = any(
            t.get("key", key) == key and t.get("effect", "NoExecute") == "NoExecute"
            for t in tolerations
            if t.get("key") == key or (not t.get("key") and t.get("operator") == "Exists")
        )
        if not tolerated:
            one = {"key": key, "operator": "Exists", "effect": "NoExecute"}
            tolerations.append(one | {"tolerationSeconds": 300})
    spec["tolerations"] = tolerations


def _quality(spec):
    containers = [*spec["containers"], *(spec.get("initContainers") or [])]
    resources = [c["resources"] for c in containers]
    if not any(r.get("requests") or r.get("limits") for r in resources):
        return "BestEffort"
    full = all(
        name in (r.get("limits") or {})
        and quantity.parse(r["limits"][name]) == quantity.parse(r["requests"][name])
        for r in resources
        for name in ("cpu", "memory")
    )
    return "Guaranteed" if full else "Burstable"


def with_defaults(pod):
    spec = pod["spec"]
    for kind in ("initContainers", "containers"):
        for container in spec.get(kind) or []:
            _container_defaults(container)
    for volume in spec.get("volumes") or []:
        if len(volume) == 1:
            volume["emptyDir"] = {}
    defaults = {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "terminationGracePeriodSeconds": 30,
        "schedulerName": "default-scheduler",
        "enableServiceLinks": True,
        "securityContext": {},
        "serviceAccountName": "default",
        "priority": 0,
        "preemptionPolicy": "PreemptLowerPriority",
    }
    for name, value in defaults.items():
        if spec.get(name) is None:
            spec[name] = value
    spec["serviceAccount"] = spec["serviceAccountName"]
    if spec.get("containers"):
        _tolerations(spec)
        pod["status"] = {"phase": "Pending", "qosClass": _quality(spec)}
    return pod


def _admit(store, pod):
    """What admission plugins look at: the namespace, the service account, quotas."""
    name, namespace = pod["metadata"].get("name", ""), pod["metadata"]["namespace"]
    found = store.get("namespaces", "", namespace)
    if not found:
        raise errors.not_found("namespaces", namespace)
    if found["metadata"].get("deletionTimestamp"):
        why = (
            f"unable to create new content in namespace {namespace} because it is being terminated"
        )
        text = f"namespace {namespace} is being terminated"
        cause = {"reason": "NamespaceTerminating", "message": text, "field": "metadata.namespace"}
        raise errors.not_admitted("pods", name, why, [cause])
    account = pod["spec"]["serviceAccountName"]
    if not store.get("serviceaccounts", namespace, account):
        why = f"error looking up service account {namespace}/{account}:"
        raise errors.not_admitted("pods", name, f'{why} serviceaccount "{account}" not found')
    for quota in store.list("resourcequotas", namespace)[1]:
        _admit_quota(store, pod, quota)


def _counted(spec, name):
    if name == "pods" or name == "count/pods":
        return 1
    return quantity.of_pod(spec, name.removeprefix("requests."))


def _admit_quota(store, pod, quota):
    hard = quota["spec"].get("hard") or {}
    name, title = pod["metadata"]["name"], quota["metadata"]["name"]
    others = [
        other["spec"]
        for other in store.list("pods", pod["metadata"]["namespace"])[1]
        if other["status"]["phase"] not in ("Succeeded", "Failed")
    ]
    lacking = {}
    for resource in sorted(hard):
        plain = resource.removeprefix("requests.")
        if resource in ("pods", "count/pods"):
            continue
        for container in pod["spec"]["containers"]:
            if plain not in (container["resources"].get("requests") or {}):
                lacking.setdefault(resource, []).append(container["name"])
    if lacking:
        texts = [f"{resource} for: {','.join(names)}" for resource, names in lacking.items()]
        raise errors.not_admitted(
            "pods", name, f"failed quota: {title}: must specify {'; '.join(texts)}"
        )
    over = []
    for resource, text in sorted(hard.items()):
        used, wanted = sum(_counted(s, resource) for s in others), _counted(pod["spec"], resource)
        if used + wanted > quantity.parse(text):
            plain = resource.removeprefix("requests.")
            shown = [
                f"{resource}={quantity.shown(n + quantity.parse(0), plain)}" for n in (wanted, used)
            ]
            over.append((*shown, f"{resource}={text}"))
    if over:
        asked, used, limited = (",".join(column) for column in zip(*over, strict=True))
        why = f"exceeded quota: {title}, requested: {asked}, used: {used}, limited: {limited}"
        raise errors.not_admitted("pods", name, why)


def create(store, namespace, body):
    """POST: the stored pod."""
    validation.types(body)
    pod = copy.deepcopy(body)
    meta = pod.setdefault("metadata", {})
    if meta.setdefault("namespace", namespace) != namespace:
        raise errors.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = meta["generateName"] + uuid.uuid4().hex[:5]
    for name in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"):
        meta.pop(name, None)
    if meta.pop("resourceVersion", ""):
        raise errors.version_was_set()
    pod["kind"], pod["apiVersion"] = "Pod", "v1"
    pod.setdefault("spec", {})
    with_defaults(pod)
    with store.changed:
        # As in a real one: names that exist are found last, after admission and validation.
        _admit(store, pod)
        wrong = list(validation.pod(pod))
        if wrong:
            raise errors.invalid("Pod", meta.get("name", ""), wrong)
        try:
            return store.create("pods", pod)
        except KeyError:
            old = store.get("pods", namespace, meta["name"])["metadata"]
            raise errors.already_exists("pods", meta["name"], "deletionTimestamp" in old) from None


def merged(target, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


IMMUTABLE = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def _changed_meta(kind, old, new):
    """What may not change in the metadata of an object."""
    before, after = old["metadata"], new["metadata"]
    for name in IMMUTABLE:
        if before.get(name) != after.get(name):
            value = after.get(name)
            shown = f'"{value}"' if value is not None else "null"
            yield (
                f"metadata.{name}",
                "FieldValueInvalid",
                f"Invalid value: {shown}: field is immutable",
            )
    added = set(after.get("finalizers") or []) - set(before.get("finalizers") or [])
    if added and before.get("deletionTimestamp"):
        listed = " ".join(f'"{name}"' for name in sorted(added))
        text = "Forbidden: no new finalizers can be added if the object is being deleted, found new"
        text = f"{text} finalizers []string{{{listed}}}"
        yield "metadata.finalizers", "FieldValueForbidden", text


def _changed_spec(old, new):
    def fixed(spec):
        spec = copy.deepcopy(spec)
        for name in ("activeDeadlineSeconds", "tolerations", "terminationGracePeriodSeconds"):
            spec.pop(name, None)
        for kind in ("containers", "initContainers"):
            for container in spec.get(kind) or []:
                container.pop("image", None)
        return spec

    if fixed(old["spec"]) != fixed(new["spec"]):
        text = f"Forbidden: pod updates may not change fields other than {POD_FIELDS}"
        yield "spec", "FieldValueForbidden", text


def update(store, resource, kind, namespace, name, remade, status_too=False):
    """PATCH and PUT: remade(copy of the object) gives the new one. Returns the stored object."""
    with store.changed:
        old = store.get(resource, namespace, name)
        if not old:
            raise errors.not_found(resource, name)
        new = remade(copy.deepcopy(old))
        version = new["metadata"].get("resourceVersion")
        if version and version != old["metadata"]["resourceVersion"]:
            raise errors.modified(resource, name)
        new["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"]
        wrong = list(_changed_meta(kind, old, new))
        if resource == "pods":
            wrong += list(_changed_spec(old, new))
            wrong += list(validation.metadata(new))
        if wrong:
            raise errors.invalid(kind, name, wrong)
        if not status_too and "status" in old:
            new["status"] = old["status"]

        def edit(item):
            item.clear()
            item.update(new)

        return store.change(resource, namespace, name, edit)


def _check_preconditions(kind, item, options):
    wanted = options.get("preconditions") or {}
    meta = item["metadata"]
    if wanted.get("uid") and wanted["uid"] != meta["uid"]:
        raise errors.other_uid(kind, meta["name"], wanted["uid"], meta["uid"])
    if wanted.get("resourceVersion") and wanted["resourceVersion"] != meta["resourceVersion"]:
        found = meta["resourceVersion"]
        raise errors.other_version(kind, meta["name"], wanted["resourceVersion"], found)


def _grace(pod, options):
    """As long as a pod that is to go may take, in seconds."""
    period = options.get("gracePeriodSeconds")
    if period is None:
        period = pod["spec"].get("terminationGracePeriodSeconds") or 0
    if not pod["spec"].get("nodeName") or pod["status"]["phase"] in ("Failed", "Succeeded"):
        return 0
    return 1 if period < 0 else period


def _shorten(pod, options):
    """A pod that is being deleted already: only a shorter grace period counts."""
    meta = pod["metadata"]
    period, held = options.get("gracePeriodSeconds"), meta.get("deletionGracePeriodSeconds")
    if held and period is not None and period < held:
        meta["deletionTimestamp"] = moved_text(meta["deletionTimestamp"], period - held)
        meta["deletionGracePeriodSeconds"] = period


def delete(store, namespace, name, options):
    """DELETE: the pod as it is then; it is gone if nothing holds it."""
    with store.changed:
        pod = store.get("pods", namespace, name)
        if not pod:
            raise errors.not_found("pods", name)
        _check_preconditions("Pod", pod, options)

        def edit(item):
            meta = item["metadata"]
            if meta.get("deletionTimestamp"):
                _shorten(item, options)
                return
            period = _grace(item, options)
            meta["deletionTimestamp"] = later_text(period)
            meta["deletionGracePeriodSeconds"] = period

        return store.change("pods", namespace, name, edit)


def delete_other(store, resource, kind, namespace, name, options):
    """DELETE of what has no grace period."""
    with store.changed:
        item = store.get(resource, namespace, name)
        if not item:
            raise errors.not_found(resource, name)
        _check_preconditions(kind, item, options)

        def edit(item):
            item["metadata"].setdefault("deletionTimestamp", now_text())
            item["metadata"].setdefault("deletionGracePeriodSeconds", 0)
            if resource == "namespaces":  # the namespace controller empties it
                item["status"] = {"phase": "Terminating"}
                item["metadata"].setdefault("finalizers", ["kubernetes"])

        return store.change(resource, namespace, name, edit)


def condition(pod, kind):
    for one in pod["status"].get("conditions") or []:
        if one["type"] == kind:
            return one
    return None


def set_condition(item, kind, status, reason="", message="", **more):
    """In an object that is being changed; its time moves only with its status."""
    conditions = item["status"].setdefault("conditions", [])
    old = next((one for one in conditions if one["type"] == kind), None)
    moved = now_text() if not old or old["status"] != status else old["lastTransitionTime"]
    new = {"type": kind, "status": status, "lastTransitionTime": moved}
    new |= {name: value for name, value in (("reason", reason), ("message", message)) if value}
    if old:
        conditions[conditions.index(old)] = new | more
    else:
        conditions.append(new | more)


def is_ended(pod):
    return pod["status"]["phase"] in ("Succeeded", "Failed")
