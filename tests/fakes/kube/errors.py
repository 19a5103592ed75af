"""Answers that are not what was asked for: Status objects, with the texts of a real apiserver."""


class ApiError(Exception):
    def __init__(self, code, reason, message, details=None, headers=None, metadata=None):
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details, self.headers = details, headers or {}
        self.metadata = metadata or {}

    def status(self):
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.metadata,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        return status | {"code": self.code}


def unauthorized():
    return ApiError(401, "Unauthorized", "Unauthorized")


def forbidden(user, verb, resource, namespace, name="", group=""):
    """resource: perhaps with a subresource, as in "pods/log"."""
    kind = resource.split("/")[0]
    full = f"{kind}.{group}" if group else kind
    what = f'{full} "{name}"' if name else full
    where = f'in the namespace "{namespace}"' if namespace else "at the cluster scope"
    text = f'{what} is forbidden: User "{user}" cannot {verb} resource "{resource}" in API group'
    text += f' "{group}"'
    details = ({"name": name} if name else {}) | ({"group": group} if group else {})
    details |= {"kind": kind}
    return ApiError(403, "Forbidden", f"{text} {where}", details)


def not_admitted(resource, name, why, causes=None):
    details = {"name": name, "kind": resource} | ({"causes": causes} if causes else {})
    return ApiError(403, "Forbidden", f'{resource} "{name}" is forbidden: {why}', details)


def not_found(resource, name):
    text = f'{resource} "{name}" not found'
    return ApiError(404, "NotFound", text, {"name": name, "kind": resource})


def no_such_path():
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def not_allowed():
    text = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", text, {})


def already_exists(resource, name, is_deleted=False):
    text = f'{resource} "{name}" already exists'
    if is_deleted:
        text = f"object is being deleted: {text}"
    return ApiError(409, "AlreadyExists", text, {"name": name, "kind": resource})


def conflict(resource, name, why):
    text = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return ApiError(409, "Conflict", text, {"name": name, "kind": resource})


def modified(resource, name):
    why = "the object has been modified; please apply your changes to the latest version"
    return conflict(resource, name, f"{why} and try again")


def other_uid(kind, name, wanted, found):
    why = f"the UID in the precondition ({wanted}) does not match the UID in record ({found})."
    return conflict(kind, name, f"{why} The object might have been deleted and then recreated")


def other_version(kind, name, wanted, found):
    why = f"the ResourceVersion in the precondition ({wanted}) does not match the ResourceVersion"
    return conflict(kind, name, f"{why} in record ({found}). The object might have been modified")


def invalid(kind, name, causes):
    """causes: (field, reason, text) each."""
    texts = [f"{field}: {text}" for field, _, text in causes]
    said = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    listed = [{"reason": reason, "message": text, "field": f} for f, reason, text in causes]
    details = {"name": name, "kind": kind, "causes": listed}
    return ApiError(422, "Invalid", f'{kind} "{name}" is invalid: {said}', details)


def version_was_set():
    return ApiError(500, "", "resourceVersion should not be set on objects to be created")


def bad_request(message):
    return ApiError(400, "BadRequest", message)


def unsupported_patch():
    text = (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
    )
    return ApiError(415, "UnsupportedMediaType", text, {})


def too_old(version, oldest):
    return ApiError(410, "Expired", f"too old resource version: {version} ({oldest})")


def too_old_page(token):
    text = (
        "The provided continue parameter is too old to display a consistent list result. You can "
        "start a new list without the continue parameter, or use the continue token in this "
        "response to retrieve the remainder of the results. Continuing with the provided token "
        "results in an inconsistent list - objects that were created, modified, or deleted between "
        "the time the first chunk was returned and now may show up in the list."
    )
    return ApiError(410, "Expired", text, metadata={"continue": token})


def too_new(version, current):
    text = f"Too large resource version: {version}, current: {current}"
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return ApiError(504, "Timeout", f"Timeout: {text}", details, {"Retry-After": "1"})


def throttled(seconds):
    text = "the server has received too many requests, please try again later"
    details = {"retryAfterSeconds": seconds}
    headers = {"Retry-After": str(seconds)}
    return ApiError(429, "TooManyRequests", text, details, headers)


def internal(message):
    details = {"causes": [{"message": message}]}
    text = f"Internal error occurred: {message}"
    return ApiError(500, "InternalError", text, details)


def unavailable():
    text = "the server is currently unable to handle the request"
    return ApiError(503, "ServiceUnavailable", text, {})


def kubelet_away(url, address):
    text = f'Get "{url}": dial tcp {address}: connect: connection refused'
    return ApiError(500, "InternalError", text, {})
