"""Faults of a real cluster, and of the services beside it: each ends with the checker's proof of
the promise."""

import itertools

import pytest
from kube_trial import KubeTrial
from kube_work import NAMESPACE
from stack import wait_for
from word import failing, lasting, until

# What no job of these trials has anything for.
NOTHING = {"a_dependent_starts_after_what_it_waits_for", "what_was_stopped_ends"}
AGAIN = "a_run_starts_after_the_end_of_the_one_before"


@pytest.fixture
def trial(stack, real, tmp_path):
    one = KubeTrial(stack, tmp_path, real)
    yield one
    one.forget()
    assert one.checked, "the test did not prove the promise"


def some(trial, count=12, seconds=3):
    """Jobs that last, fail, and are tried again: (definition, arguments)."""
    kinds = itertools.cycle(
        [
            (trial.definition(lasting(seconds)), {}),
            (trial.definition(lasting(seconds, 5)), {}),
            (trial.definition(failing(1)), {"retryStrategy": {"attempts": 3}}),
        ]
    )
    return list(itertools.islice(kinds, count))


def begun(trial, count=12, running=4, **more):
    """Submits them; goes on when some of them run."""
    for definition, arguments in some(trial, count, **more):
        trial.submit(definition, **arguments)
    trial.wait_word(running)


def done(trial, timeout=600, may_be_empty=()):
    """The end of a test: the promise was kept, and the environment can go without a trace."""
    trial.wait_all(timeout)
    trial.check(may_be_empty=NOTHING.union(may_be_empty))
    trial.kube.delete()
    trial.kube.check_pods_gone()


def test_without_a_fault(trial):
    begun(trial)
    done(trial)


def test_a_kubelet_is_killed_and_comes_back(trial, cluster):
    begun(trial)
    for node in cluster.nodes:
        with cluster.without_kubelet(node):
            trial.harm.note("kubelet.killed", node=node.name)
            trial.wait_word(len(trial.word()))
    done(trial)


def test_a_job_ends_while_its_kubelet_is_away(trial, cluster):
    """Its exit code is the container's own."""
    job = trial.submit(trial.definition(until("go")))
    trial.wait_word(1)
    name = trial.kube.job(job)["eksProperties"]["podProperties"]["podName"]
    node = trial.kube.cluster.node_of_pod(name)
    with cluster.without_kubelet(node):
        trial.release("go")
        wait_for("its container has ended", lambda: not trial.kube.cluster.processes(name), 60)
    assert trial.kube.wait(job)["status"] == "SUCCEEDED"
    done(trial, may_be_empty={AGAIN})


def test_the_object_of_a_node_is_deleted(trial, cluster):
    begun(trial)
    node = cluster.nodes[0]
    cluster.kill_kubelet(node)
    cluster.delete_node(node)
    trial.harm.note("node.deleted", node=node.name)
    cluster.start_kubelet(node)
    trial.kube.cluster.label_nodes(trial.kube.ce(trial.kube.environments[-1])["uuid"])
    done(trial, 900)


def test_a_node_is_silent_beyond_the_limit(trial, cluster):
    """Its container runs on unseen; the job has another attempt, elsewhere; the old pod ends when
    the node is back."""
    job = trial.submit(trial.definition(until("go")), retryStrategy={"attempts": 2})
    trial.wait_word(1)
    name = trial.kube.job(job)["eksProperties"]["podProperties"]["podName"]
    node = trial.kube.cluster.node_of_pod(name)
    cluster.kill_kubelet(node)
    wait_for("another attempt", lambda: trial.kube.job(job)["eksAttempts"], 240)
    reason = trial.kube.job(job)["eksAttempts"][0]["statusReason"]
    assert reason.startswith("Host EC2 (instance i-"), reason
    assert trial.kube.cluster.processes(name), "the container was to run on"
    cluster.start_kubelet(node)
    wait_for("the old pod is gone", lambda: not trial.kube.cluster.pod(name), 240)
    trial.release("go")
    done(trial, 900)


def test_the_api_server_is_killed_and_comes_back(trial, cluster):
    begun(trial)
    with cluster.without_apiserver():
        trial.harm.note("apiserver.killed")
    done(trial)


def test_history_is_forgotten(trial, cluster):
    """etcd is compacted, the API server's memory is lost: watches are refused with 410."""
    begun(trial)
    cluster.forget_history()
    trial.harm.note("history.forgotten")
    done(trial)


@pytest.mark.parametrize("how", [[], ["--grace-period=0", "--force"]], ids=["grace", "force"])
def test_finalizers_are_stripped_by_hand(trial, cluster, how):
    """A pod that is gone so has not succeeded."""
    begun(trial, seconds=8)
    stripped = [pod["metadata"]["name"] for pod in cluster.pods(NAMESPACE) if cluster.strip(pod)]
    assert stripped
    cluster.kubectl(
        *("-n", NAMESPACE, "delete", "pods", "--wait=false", "--ignore-not-found", *how),
        *stripped,
    )
    trial.harm.note("finalizers.stripped", pods=stripped)
    done(trial)


@pytest.mark.parametrize("service", ["executor", "scaler", "scheduler", "api"])
def test_a_service_is_killed_again_and_again(trial, service):
    begun(trial, count=18)
    for _ in range(4):
        old = trial.harm.kill(service)
        trial.harm.wait_back(service, old)
        trial.wait_word(len(trial.word()))
    done(trial)


def test_rights_are_taken_away_and_given_back(trial, cluster, stack):
    begun(trial)
    cluster.delete_binding(NAMESPACE)
    trial.harm.note("rights.taken")
    name = trial.kube.environments[-1]
    text = "CLIENT_ERROR - Unable to validate Kubernetes Namespace"
    wait_for("INVALID", lambda: text in trial.kube.ce(name).get("statusReason", ""), 240)
    made = stack.openbatch("kube", "manifest", NAMESPACE).stdout
    cluster.kubectl("apply", "-f", "-", input=made)
    wait_for("VALID", lambda: trial.kube.ce(name)["status"] == "VALID", 240)
    done(trial)
