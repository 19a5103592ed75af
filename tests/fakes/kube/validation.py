"""What an apiserver refuses in a pod, as far as it matters to clients that make pods: names,
labels, containers, volumes, resources, and members of another type."""

import re

from . import errors, quantity

LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
SUBDOMAIN = rf"{LABEL}(\.{LABEL})*"
QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
BAD_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
    "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
BAD_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  "
    "or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
)
BAD_KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
)
BAD_FINALIZER = "name is neither a standard finalizer name nor is it fully qualified"
BAD_ENV = (
    "a valid environment variable name must consist only of printable ASCII characters other than "
    "'='"
)
POLICIES = ("Always", "IfNotPresent", "Never")


def _bad(field, value, text):
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return field, "FieldValueInvalid", f"Invalid value: {shown}: {text}"


def _required(field, text=""):
    return field, "FieldValueRequired", "Required value" + (f": {text}" if text else "")


def _twice(field, value):
    return field, "FieldValueDuplicate", f'Duplicate value: "{value}"'


def _missing(field, value):
    return field, "FieldValueNotFound", f'Not found: "{value}"'


def _unsupported(field, value, values):
    listed = ", ".join(f'"{one}"' for one in values)
    text = f'Unsupported value: "{value}": supported values: {listed}'
    return field, "FieldValueNotSupported", text


def _named(field, name, pattern, longest, text):
    if not name:
        return [_required(field)]
    found = []
    if len(name) > longest:
        found.append(
            (field, "FieldValueTooLong", f"Too long: may not be more than {longest} bytes")
        )
    if not re.fullmatch(pattern, name):
        found.append(_bad(field, name, text))
    return found


def _keys(field, pairs):
    for key in pairs:
        prefix, slash, name = key.rpartition("/")
        if not re.fullmatch(QUALIFIED, name) or len(name) > 63:
            yield _bad(field, key, BAD_KEY)
        if slash and not re.fullmatch(SUBDOMAIN, prefix):
            yield _bad(field, key, f"prefix part {BAD_SUBDOMAIN}")


def metadata(item):
    meta = item["metadata"]
    if not meta.get("name"):
        yield _required("metadata.name", "name or generateName is required")
    elif len(meta["name"]) > 253:
        yield _bad("metadata.name", meta["name"], "must be no more than 253 characters")
    else:
        yield from _named("metadata.name", meta["name"], SUBDOMAIN, 253, BAD_SUBDOMAIN)
    labels, annotations = meta.get("labels") or {}, meta.get("annotations") or {}
    yield from _keys("metadata.labels", labels)
    for value in labels.values():
        if len(value) > 63:
            yield _bad("metadata.labels", value, "must be no more than 63 bytes")
        if value and not re.fullmatch(QUALIFIED, value):
            yield _bad("metadata.labels", value, BAD_VALUE)
    yield from _keys("metadata.annotations", [key.lower() for key in annotations])
    size = sum(len(k) + len(v) for k, v in annotations.items())
    if size > 256 * 1024:
        yield (
            "metadata.annotations",
            "FieldValueTooLong",
            "Too long: may not be more than 262144 bytes",
        )
    for at, name in enumerate(meta.get("finalizers") or []):
        field = f"metadata.finalizers[{at}]"
        if "/" not in name:
            yield _bad(field, name, BAD_FINALIZER)
        else:
            yield from _keys(field, [name])


def _resources(field, resources):
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    amounts = {}
    for kind, pairs in (("limits", limits), ("requests", requests)):
        for name, text in pairs.items():
            amounts[kind, name] = quantity.parse(text)
            if amounts[kind, name] < 0:
                yield _bad(
                    f"{field}.{kind}[{name}]", str(text), "must be greater than or equal to 0"
                )
            if kind == "requests" and "/" in name and name not in limits:
                yield _required(
                    f"{field}.limits", "Limit must be set for non overcommitable resources"
                )
    for name in requests:
        limit = amounts.get(("limits", name))
        if limit is not None and amounts["requests", name] > limit:
            text = f"must be less than or equal to {name} limit of {limits[name]}"
            yield _bad(f"{field}.requests", str(requests[name]), text)
        elif limit is not None and "/" in name and amounts["requests", name] != limit:
            text = f"must be equal to {name} limit of {limits[name]}"
            yield _bad(f"{field}.requests", str(requests[name]), text)


def _container(field, container, volumes):
    yield from _named(f"{field}.name", container.get("name"), LABEL, 63, BAD_LABEL)
    if not container.get("image"):
        yield _required(f"{field}.image")
    elif container["image"] != container["image"].strip():
        text = "must not have leading or trailing whitespace"
        yield _bad(f"{field}.image", container["image"], text)
    policy = container.get("imagePullPolicy") or "Always"
    if policy not in POLICIES:
        yield _unsupported(f"{field}.imagePullPolicy", policy, POLICIES)
    for at, one in enumerate(container.get("env") or []):
        if not one.get("name"):
            yield _required(f"{field}.env[{at}].name")
        elif not re.fullmatch(r"[ -<>-~]+", one["name"]):
            yield _bad(f"{field}.env[{at}].name", one["name"], BAD_ENV)
    paths = set()
    for at, mount in enumerate(container.get("volumeMounts") or []):
        if mount.get("name") not in volumes:
            yield _missing(f"{field}.volumeMounts[{at}].name", mount.get("name"))
        if not mount.get("mountPath"):
            yield _required(f"{field}.volumeMounts[{at}].mountPath")
        elif mount["mountPath"] in paths:
            text = "must be unique"
            yield _bad(f"{field}.volumeMounts[{at}].mountPath", mount["mountPath"], text)
        paths.add(mount.get("mountPath"))
    yield from _resources(f"{field}.resources", container.get("resources") or {})
    security = container.get("securityContext") or {}
    if security.get("privileged") and security.get("allowPrivilegeEscalation") is False:
        text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        yield _bad(f"{field}.securityContext", "", text)


def _volumes(spec):
    names = set()
    for at, volume in enumerate(spec.get("volumes") or []):
        field, name = f"spec.volumes[{at}]", volume.get("name")
        yield from _named(f"{field}.name", name, LABEL, 63, BAD_LABEL)
        if name in names:
            yield _twice(f"{field}.name", name)
        names.add(name)
        if len(volume) > 2:
            text = "Forbidden: may not specify more than 1 volume type"
            yield f"{field}.{list(volume)[2]}", "FieldValueForbidden", text


def _affinity(spec):
    node = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (node.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get(
        "nodeSelectorTerms"
    )
    field = "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    for at, term in enumerate(terms or []):
        for n, one in enumerate(term.get("matchFields") or []):
            where = f"{field}.nodeSelectorTerms[{at}].matchFields[{n}]"
            if one.get("key") != "metadata.name":
                yield _bad(f"{where}.key", one.get("key"), "not a valid field selector key")
            if one.get("operator") not in ("In", "NotIn"):
                yield _bad(
                    f"{where}.operator", one.get("operator"), "not a valid selector operator"
                )
            if len(one.get("values") or []) != 1:
                text = "must be only one value when `operator` is 'In' or 'NotIn' for node field"
                text += " selector"
                yield _required(f"{where}.values", text)


def pod(item):
    """All that is wrong with a pod whose defaults are set."""
    yield from metadata(item)
    spec = item["spec"]
    volumes = {v.get("name") for v in spec.get("volumes") or []}
    yield from _volumes(spec)
    if not spec.get("containers"):
        yield _required("spec.containers")
    names = set()
    for kind in ("containers", "initContainers"):
        for at, container in enumerate(spec.get(kind) or []):
            yield from _container(f"spec.{kind}[{at}]", container, volumes)
            if container.get("name") in names:
                yield _twice(f"spec.{kind}[{at}].name", container["name"])
            names.add(container.get("name"))
    policies = ("Always", "OnFailure", "Never")
    if spec["restartPolicy"] not in policies:
        yield _unsupported("spec.restartPolicy", spec["restartPolicy"], policies)
    policies = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
    if spec["dnsPolicy"] not in policies:
        yield _unsupported("spec.dnsPolicy", spec["dnsPolicy"], policies)
    yield from _affinity(spec)


# Members whose type clients get wrong: (path, type, its name in Go).
CONTAINER_TYPES = {
    "name": (str, "string"),
    "image": (str, "string"),
    "command": (list, "[]string"),
    "args": (list, "[]string"),
    "env": (list, "[]v1.EnvVar"),
    "volumeMounts": (list, "[]v1.VolumeMount"),
    "resources": (dict, "v1.ResourceRequirements"),
}
GO_WORDS = {
    str: "string",
    int: "number",
    float: "number",
    bool: "bool",
    list: "array",
    dict: "object",
}


def _typed(value, kind, path, go_type):
    if value is not None and not isinstance(value, kind):
        word = GO_WORDS[type(value)]
        raise errors.bad_request(
            'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal '
            f"{word} into Go struct field {path} of type {go_type}"
        )


def types(item):
    """Raises 400 for members that Go could not read."""
    meta, spec = item.get("metadata") or {}, item.get("spec") or {}
    for name in ("labels", "annotations"):
        _typed(meta.get(name), dict, f"ObjectMeta.metadata.{name}", "map[string]string")
        for value in (meta.get(name) or {}).values():
            _typed(value, str, f"ObjectMeta.metadata.{name}", "string")
    for kind in ("containers", "initContainers"):
        _typed(spec.get(kind), list, f"PodSpec.spec.{kind}", "[]v1.Container")
        for container in spec.get(kind) or []:
            _typed(container, dict, f"PodSpec.spec.{kind}", "v1.Container")
            for name, (wanted, go_type) in CONTAINER_TYPES.items():
                _typed(container.get(name), wanted, f"Container.spec.{kind}.{name}", go_type)
            for name in ("command", "args"):
                for word in container.get(name) or []:
                    _typed(word, str, f"Container.spec.{kind}.{name}", "string")
            for one in container.get("env") or []:
                _typed(one.get("value"), str, f"EnvVar.spec.{kind}.env.value", "string")
            _quantities(container, kind)


def _quantities(container, kind):
    for pairs in (container.get("resources") or {}).values():
        for text in (pairs or {}).values() if isinstance(pairs, dict) else ():
            try:
                quantity.parse(text)
            except ValueError as bad:
                raise errors.bad_request(
                    f'Pod in version "v1" cannot be handled as a Pod: {bad}'
                ) from None
