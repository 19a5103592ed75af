"""The fake apiserver answers as a real one did (Kubernetes 1.35)."""

import contextlib
import re
import time

import pytest
from kube.client import Client
from kube_cases import PODS, body, wait_for

UUID = "batch.amazonaws.com/compute-environment-uuid"


def message(answer, code, reason):
    status, item, _ = answer
    assert (status, item["kind"], item["code"], item["reason"]) == (code, "Status", code, reason)
    return item["message"]


def test_a_name_is_taken_once(client):
    pod = body("sleep 100")
    name = client.good("POST", PODS, pod)["metadata"]["name"]
    text = message(client.call("POST", PODS, pod), 409, "AlreadyExists")
    assert text == f'pods "{name}" already exists'


def test_what_is_not_there(client):
    assert message(client.call("GET", f"{PODS}/none"), 404, "NotFound") == 'pods "none" not found'
    text = message(client.call("GET", "/api/v1/namespaces/none"), 404, "NotFound")
    assert text == 'namespaces "none" not found'
    assert message(client.call("GET", "/apis/none"), 404, "NotFound")
    assert client.get("/api/v1/namespaces/batch-jobs")["status"]["phase"] == "Active"
    assert client.get("/version")["gitVersion"] == "v1.35.4"


def test_who_asks_and_what_he_may_do(cluster, client):
    other = Client(cluster.kubeconfig())
    other.token = "wrong"
    assert message(other.call("GET", PODS), 401, "Unauthorized") == "Unauthorized"
    elsewhere = "/api/v1/namespaces/default/pods"
    assert message(client.call("POST", elsewhere, body()), 403, "Forbidden") == (
        'pods is forbidden: User "aws-batch" cannot create resource "pods" in API group "" in the'
        ' namespace "default"'
    )
    text = message(client.call("DELETE", "/api/v1/nodes/node-1"), 403, "Forbidden")
    assert text == (
        'nodes "node-1" is forbidden: User "aws-batch" cannot delete resource "nodes" in API group'
        ' "" at the cluster scope'
    )
    cluster.rights.deny(resource="pods/log")
    name = client.good("POST", PODS, body())["metadata"]["name"]
    assert message(client.call("GET", f"{PODS}/{name}/log"), 403, "Forbidden") == (
        f'pods "{name}" is forbidden: User "aws-batch" cannot get resource "pods/log" in API group'
        ' "" in the namespace "batch-jobs"'
    )
    cluster.rights.allow_again()


@pytest.mark.parametrize(("namespace", "allowed"), [("batch-jobs", True), ("default", False)])
def test_a_review_says_what_one_may_do(client, namespace, allowed):
    wanted = {"verb": "create", "resource": "pods", "namespace": namespace}
    review = client.good(
        "POST",
        "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
        {"spec": {"resourceAttributes": wanted}},
    )
    assert review["status"]["allowed"] is allowed


def invalid(client, change):
    pod = body()
    change(pod)
    status, item, _ = client.call("POST", PODS, pod)
    assert status == 422, item
    return item["message"]


def test_what_is_wrong_with_a_pod_is_said(client):
    container = body()["spec"]["containers"][0]

    def two(pod):
        pod["spec"]["containers"] = [container, container]

    assert 'spec.containers[1].name: Duplicate value: "main"' in invalid(client, two)
    text = invalid(client, lambda pod: pod["metadata"].update(labels={"a": "x/y"}))
    assert 'metadata.labels: Invalid value: "x/y": a valid label must be' in text
    text = invalid(client, lambda pod: pod["metadata"].update(name="Big_Name"))
    assert 'Pod "Big_Name" is invalid: metadata.name: Invalid value: "Big_Name"' in text
    mount = [{"name": "none", "mountPath": "/x"}]
    text = invalid(client, lambda pod: pod["spec"]["containers"][0].update(volumeMounts=mount))
    assert 'spec.containers[0].volumeMounts[0].name: Not found: "none"' in text
    sizes = {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}
    text = invalid(client, lambda pod: pod["spec"]["containers"][0].update(resources=sizes))
    assert 'requests: Invalid value: "2": must be less than or equal to cpu limit of 1' in text
    pod = body()
    pod["spec"]["containers"][0]["env"] = [{"name": "A", "value": 1}]
    text = message(client.call("POST", PODS, pod), 400, "BadRequest")
    assert "cannot unmarshal number into Go struct field" in text


def test_pods_that_are_not_admitted(cluster, client):
    pod = body(serviceAccountName="robot")
    name = pod["metadata"]["name"]
    assert message(client.call("POST", PODS, pod), 403, "Forbidden") == (
        f'pods "{name}" is forbidden: error looking up service account batch-jobs/robot:'
        ' serviceaccount "robot" not found'
    )
    cluster.set_quota("batch-jobs", requests_cpu="1")
    try:
        pod = body(cpu="100")
        text = message(client.call("POST", PODS, pod), 403, "Forbidden")
        assert re.search(
            r"exceeded quota: quota, requested: requests.cpu=100, used: requests.cpu=\S+,"
            " limited: requests.cpu=1$",
            text,
        )
    finally:
        cluster.set_quota("batch-jobs")


def test_lists_come_in_pages_of_one_version(cluster, client):
    for number in range(5):
        pod = body("sleep 100")
        pod["metadata"]["labels"] = {"paged": "yes", "number": str(number)}
        client.good("POST", PODS, pod)
    page = client.get(f"{PODS}?labelSelector=paged=yes&limit=2")
    version, names = page["metadata"]["resourceVersion"], []
    late = body("sleep 100")
    late["metadata"]["labels"] = {"paged": "yes"}
    client.good("POST", PODS, late)
    while True:
        assert page["metadata"]["resourceVersion"] == version
        names += [item["metadata"]["name"] for item in page["items"]]
        if not (token := page["metadata"].get("continue")):
            break
        page = client.get(f"{PODS}?labelSelector=paged=yes&limit=2&continue={token}")
    assert len(names) == 5 and names == sorted(names)
    assert len(client.get(f"{PODS}?labelSelector=number%20in%20(1,2)")["items"]) == 2
    chosen = client.get("/api/v1/pods?fieldSelector=spec.nodeName=node-2")["items"]
    assert all(pod["spec"]["nodeName"] == "node-2" for pod in chosen)
    token = client.get(f"{PODS}?limit=1")["metadata"]["continue"]
    cluster.expire_watches()
    answer = client.call("GET", f"{PODS}?limit=1&continue={token}")
    assert "The provided continue parameter is too old" in message(answer, 410, "Expired")


def test_a_watch_goes_on_where_a_list_ended(cluster, client):
    version = client.get("/api/v1/nodes")["metadata"]["resourceVersion"]
    cluster.set_label("node-1", UUID, "U")
    cluster.set_label("node-2", UUID, "V")
    cluster.set_label("node-1", UUID, "W")
    seen = []
    path = f"/api/v1/nodes?watch=true&labelSelector={UUID}=U&resourceVersion={version}"
    for kind, item in client.watch(f"{path}&timeoutSeconds=1&allowWatchBookmarks=true"):
        seen.append((kind, item["metadata"].get("name")))
    events = [event for event in seen if event[0] != "BOOKMARK"]
    # A node that leaves the selection is DELETED for this watch.
    assert events == [("ADDED", "node-1"), ("DELETED", "node-1")]
    assert ("BOOKMARK", None) in seen


def test_an_expired_watch_is_a_200_with_an_error(cluster, client):
    [(kind, status)] = client.watch(f"{PODS}?watch=true&resourceVersion=1")
    assert (kind, status["code"], status["reason"]) == ("ERROR", 410, "Expired")
    assert re.fullmatch(r"too old resource version: 1 \(\d+\)", status["message"])
    version = client.get(PODS)["metadata"]["resourceVersion"]
    watch = client.watch(f"{PODS}?watch=true&resourceVersion={version}&allowWatchBookmarks=true")
    assert next(watch)
    cluster.expire_watches()
    assert [kind for kind, _ in watch][-1] == "ERROR"
    cluster.fault("expire", "GET", "watch=true")
    answer = client.call("GET", f"{PODS}?watch=true&resourceVersion={version}")
    assert message(answer, 410, "Expired")


def test_patches_and_their_preconditions(client):
    name = client.good("POST", PODS, body("sleep 100"))["metadata"]["name"]
    path = f"{PODS}/{name}"
    text = message(client.patch(path, {"metadata": {"uid": "other"}}), 422, "Invalid")
    assert 'metadata.uid: Invalid value: "other": field is immutable' in text
    text = message(client.patch(path, {"metadata": {"resourceVersion": "1"}}), 409, "Conflict")
    assert "the object has been modified" in text
    text = message(client.patch(path, {"spec": {"nodeName": "x"}}), 422, "Invalid")
    assert "pod updates may not change fields other than" in text
    assert client.call("PATCH", path, {}, "application/json")[0] == 415
    status, item, _ = client.patch(path, {"metadata": {"annotations": {"a": "b"}}})
    assert status == 200 and item["metadata"]["annotations"] == {"a": "b"}
    wanted = {"preconditions": {"uid": "other"}}
    text = message(client.call("DELETE", path, wanted), 409, "Conflict")
    assert text.startswith(f'Operation cannot be fulfilled on Pod "{name}": the UID in the')
    client.call("DELETE", path, {"gracePeriodSeconds": 1})
    more = {"metadata": {"finalizers": ["a.b/c", "openbatch.io/run"]}}
    text = message(client.patch(path, more), 422, "Invalid")
    assert "no new finalizers can be added if the object is being deleted" in text


def test_a_lost_answer_had_its_effect(cluster, client):
    cluster.fault("lose", "POST", "/pods$")
    pod = body("sleep 100")
    with pytest.raises(OSError):
        client.call("POST", PODS, pod)
    assert message(client.call("POST", PODS, pod), 409, "AlreadyExists")
    cluster.fault("refuse", "POST", "/pods$")
    pod = body("sleep 100")
    with pytest.raises(OSError):
        client.call("POST", PODS, pod)
    assert client.call("POST", PODS, pod)[0] == 201
    cluster.fault("twice", "POST", "/pods$")
    assert message(client.call("POST", PODS, body("sleep 100")), 409, "AlreadyExists")


def test_other_faults(cluster, client):
    number = cluster.fault("error", "GET", "/pods", code=429, seconds=2)
    status, item, headers = client.call("GET", PODS)
    assert (status, item["reason"], headers["Retry-After"]) == (429, "TooManyRequests", "2")
    assert client.call("GET", PODS)[0] == 200
    assert cluster.fault_hits(number) == 1
    cluster.fault("error", "GET", "/pods", code=500)
    assert client.call("GET", PODS)[0] == 500
    cluster.fault("delay", "GET", "/pods", seconds=0.5)
    begun = time.monotonic()
    assert client.call("GET", PODS)[0] == 200 and time.monotonic() - begun >= 0.5
    cluster.fault("half", "GET", "/pods")
    with pytest.raises(Exception):  # noqa: B017  (whatever half an answer is to the client)
        client.call("GET", PODS)


def test_a_silent_watch_stays_open(cluster, client):
    path = f"{PODS}?watch=true&resourceVersion={client.get(PODS)['metadata']['resourceVersion']}"
    watch = client.watch(f"{path}&allowWatchBookmarks=true", timeout=1.5)
    assert next(watch)
    cluster.silence_watches()
    with pytest.raises(TimeoutError):
        while True:
            next(watch)
    assert next(client.watch(f"{path}&allowWatchBookmarks=true"))
    cluster.silence_watches(on=False)


def test_connections_are_cut_and_refused(own_cluster):
    client = Client(own_cluster.kubeconfig())
    watch = client.watch("/api/v1/nodes?watch=true")
    assert next(watch)[0] == "ADDED"
    own_cluster.cut_connections()
    begun = time.monotonic()
    with contextlib.suppress(OSError):
        list(watch)
    assert time.monotonic() - begun < 10
    own_cluster.close_server()
    with pytest.raises(ConnectionRefusedError):
        client.get("/version")
    own_cluster.open_server()
    assert client.get("/version")["major"] == "1"


def test_a_client_certificate_will_do(cluster):
    config = cluster.kubeconfig(certificate=True)
    client = Client(config)
    assert client.call("GET", PODS)[0] == 401
    keys = cluster.folder / "keys"
    client.context.load_cert_chain(keys / "client.crt", keys / "client.key")
    assert client.call("GET", PODS)[0] == 200


def test_a_namespace_that_is_deleted_takes_no_pods(own_cluster):
    client = Client(own_cluster.kubeconfig())
    pod = body("sleep 100", terminationGracePeriodSeconds=1)
    client.good("POST", PODS, pod)
    own_cluster.delete_namespace("batch-jobs")
    text = message(client.call("POST", PODS, body()), 403, "Forbidden")
    assert "unable to create new content in namespace batch-jobs because it is being termin" in text
    own_cluster.strip_finalizers(pod["metadata"]["name"])
    path = "/api/v1/namespaces/batch-jobs"
    wait_for("the namespace is gone", lambda: client.call("GET", path)[0] == 404)
