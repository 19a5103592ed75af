"""The images that nodes can pull: names only, and what their configurations say."""

import re
import threading

# As the tests' images are called: all have a shell and its usual commands.
KNOWN = (
    "busybox",
    "openbatch/busybox",
    "localhost/busybox",
    "public.ecr.aws/docker/library/busybox",
)
NAME = re.compile(
    r"(?:(?:[a-zA-Z0-9.-]+)(?::[0-9]+)?/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
    r"(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


def untagged(name):
    name = name.split("@")[0]
    head, slash, last = name.rpartition("/")
    return f"{head}{slash}{last.split(':')[0]}"


def full_name(name):
    """As containerd says it in its messages."""
    name = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
    if "/" not in name:
        return f"docker.io/library/{name}"
    first = name.split("/")[0]
    return name if "." in first or ":" in first or first == "localhost" else f"docker.io/{name}"


class Images:
    def __init__(self):
        self.lock = threading.Lock()
        self.configs = {name: {"Cmd": ["sh"]} for name in KNOWN}

    def add(self, name, config=None):
        with self.lock:
            self.configs[untagged(name)] = config or {"Cmd": ["sh"]}

    def remove(self, name):
        with self.lock:
            self.configs.pop(untagged(name), None)

    def config(self, name):
        return self.configs.get(untagged(name), {})

    def lacks(self, spec, backs_off):
        """What a container waits for, as (reason, message); None: its image is there."""
        name = spec["image"]
        if not NAME.fullmatch(name):
            why = f'couldn\'t parse image name "{name}": invalid reference format'
            return "InvalidImageName", f'Failed to apply default image tag "{name}": {why}'
        if untagged(name) in self.configs:
            return None
        if spec["imagePullPolicy"] == "Never":
            text = f'Container image "{name}" is not present with pull policy of Never'
            return "ErrImageNeverPull", text
        full = full_name(name)
        why = (
            f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": pull '
            "access denied, repository does not exist or may require authorization: server "
            "message: insufficient_scope: authorization failed"
        )
        if backs_off:
            return "ImagePullBackOff", f'Back-off pulling image "{name}": ErrImagePull: {why}'
        return "ErrImagePull", why
