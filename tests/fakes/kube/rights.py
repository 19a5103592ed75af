"""Who asks, and what he may do: the rights that AWS asks its users to give, and pods/log."""

import threading
from dataclasses import dataclass

READ = ("get", "list", "watch")
# What "aws-batch" may do: (namespaces or None for all, resources, verbs).
CLUSTER_ROLE = (
    (None, ("namespaces",), ("get",)),
    (None, ("nodes", "pods", "configmaps"), READ),
    (None, ("events",), ("list",)),
    (None, ("daemonsets", "deployments", "statefulsets", "replicasets"), READ),
    (None, ("clusterroles", "clusterrolebindings"), ("get", "list")),
)
ROLE = (
    (("pods",), ("create", "get", "list", "watch", "delete", "patch")),
    (("pods/log",), ("get",)),
    (("serviceaccounts",), ("get", "list")),
    (("roles", "rolebindings"), ("get", "list")),
)


@dataclass(frozen=True)
class Denial:
    """None: any."""

    namespace: str | None
    verb: str | None
    resource: str | None


class Rights:
    def __init__(self, user, token, admin_token, namespaces):
        self.lock = threading.Lock()
        self.user = user
        self.tokens = {token: user, admin_token: "admin"}
        self.namespaces = set(namespaces)
        self.denials = set()

    def user_of(self, token):
        """None: nobody has this token."""
        return self.tokens.get(token)

    def may(self, user, verb, resource, namespace):
        if user == "admin":
            return True
        if user != self.user:
            return False
        with self.lock:
            for one in self.denials:
                wanted = ((one.namespace, namespace), (one.verb, verb), (one.resource, resource))
                if all(rule is None or rule == value for rule, value in wanted):
                    return False
            given = namespace in self.namespaces
        if any(resource in rs and verb in vs for _, rs, vs in CLUSTER_ROLE):
            return True
        return given and any(resource in rs and verb in vs for rs, vs in ROLE)

    def deny(self, namespace=None, verb=None, resource=None):
        with self.lock:
            self.denials.add(Denial(namespace, verb, resource))

    def allow_again(self):
        with self.lock:
            self.denials.clear()

    def take_namespace(self, namespace):
        """The Role of this namespace is gone."""
        with self.lock:
            self.namespaces.discard(namespace)

    def give_namespace(self, namespace):
        with self.lock:
            self.namespaces.add(namespace)

    def new_token(self, token):
        """The user's only token from now on."""
        self.tokens = {t: u for t, u in self.tokens.items() if u == "admin"} | {token: self.user}
