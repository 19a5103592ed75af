"""GET /metrics: who may see it, that Prometheus can read it, that it tells the truth, and that the
alerts and the dashboard find what they ask for."""

import json
import re
import time

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from keys import ARN, statement
from prometheus import MONITORING, ask, page, prometheus, promtool, samples, token_of, value
from stack import HOLD, frozen, wait_for

COMPARED = re.compile(r"\s*(==|!=|>=|<=|>|<)\s*[\d.e]+\s*$")


def test_metrics_need_their_token(stack, raw):
    """Nobody sees them without the token: not with another one, and not by a signature."""
    token = token_of(stack)
    assert ask(stack)[0] == 401
    for wrong in (token[:-1], token + "x", token[:-1] + "~", token.swapcase(), "x"):
        status, _, text = ask(stack, token=wrong)
        assert (status, "openbatch_" in text) == (401, False)
    assert ask(stack, Authorization=token)[0] == 401
    assert ask(stack, Authorization="Bearer ")[0] == 401
    for path in ("/metrics", "/metrics/shares"):
        status, _, text = raw(path, b"", method="GET", service="openbatch")
        assert (status, "openbatch_" in text) == (401, False)
    assert ask(stack, token=token)[0] == 200
    assert ask(stack, token=token, method="HEAD") == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
        "",
    )
    assert ask(stack, token=token, method="POST")[0] in (403, 404)
    assert ask(stack, "/metrics/more", token=token)[0] in (403, 404)


def test_a_key_sees_no_queues_by_metrics(stack, new_key):
    """Not even its own: metrics show all queues, and no policy says how much of them it may see.
    So whatever a key or a session may do, it gets the same answer as a stranger."""
    one = new_key("one-queue", statement("batch:*", ARN + "job-queue/one"))
    everything = new_key("everything", statement("*", "*"))
    session = everything.client("sts").get_session_token()["Credentials"]
    credentials = [
        (one.id, one.secret, None),
        (everything.id, everything.secret, None),
        (session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"]),
    ]
    stranger = ask(stack)
    assert stranger[0] == 401
    for id_secret_token in credentials:
        for service in ("batch", "openbatch"):
            for path in ("/metrics", "/metrics/shares"):
                request = AWSRequest("GET", stack.endpoint + path)
                signer = SigV4Auth(Credentials(*id_secret_token), service, "us-east-1")
                signer.add_auth(request)
                assert ask(stack, path, **dict(request.headers)) == stranger
        for part in filter(None, id_secret_token):
            assert ask(stack, token=part) == stranger


def test_a_new_token_counts_at_once(stack):
    file = stack.home / "secrets/metrics.token"
    before = file.read_text()
    try:
        file.write_text("the-next-token-of-this-copy\n")
        assert ask(stack, token=before.strip())[0] == 401
        assert ask(stack, token="the-next-token-of-this-copy")[0] == 200
        for short in ("short\n", "\n", ""):
            file.write_text(short)
            status, _, text = ask(stack, token=short.strip() or None)
            assert (status, "openbatch_" in text) == (403, False)
            assert "OPENBATCH_METRICS_TOKEN_FILE" in text
    finally:
        file.write_text(before)


def test_prometheus_can_read_both_pages(stack):
    """promtool finds no fault in the form, and each metric stands together, once."""
    for path in ("/metrics", "/metrics/shares"):
        text = page(stack, path)
        checked = promtool("check", "metrics", input=text)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        names = re.findall(r"^# TYPE (\w+) ", text, re.M)
        assert len(names) == len(set(names))
    everything = samples(page(stack))
    services = {dict(labels)["service"] for labels in everything["openbatch_build_info"]}
    assert services == {"api", "scheduler", "scaler"}
    assert everything["openbatch_service_up"] == {
        frozenset({("service", "scheduler")}): 1,
        frozenset({("service", "scaler")}): 1,
    }
    assert set(everything["openbatch_leader"].values()) == {1}


def test_a_service_that_stands_still_is_told(stack):
    with frozen(stack.pid("scheduler")):
        begun = time.monotonic()
        assert value(stack, "openbatch_service_up", service="scheduler") == 0
        assert time.monotonic() - begun < 10
        text = page(stack)
        assert "openbatch_scheduler_" not in text
        assert value(stack, "openbatch_service_up", service="scaler") == 1
    wait_for(
        "the scheduler", lambda: value(stack, "openbatch_service_up", service="scheduler") == 1
    )
    wait_for("it leads", lambda: value(stack, "openbatch_leader", role="scheduler") == 1, 60)


def test_they_tell_what_became_of_jobs(stack, work):
    """Counts agree with the api's answers; what a queue counted goes with it."""
    environment = work.environment(max_vcpus=2)
    queue = work.queue(environment)
    one = work.definition(["true"])
    ids = [work.submit(queue, one) for _ in range(3)]
    ids += [work.submit(queue, work.definition(["false"]), retryStrategy={"attempts": 2})]
    ids += [work.submit(queue, one, arrayProperties={"size": 4})]
    work.wait_all(ids)

    def counted():
        ends = samples(page(stack)).get("openbatch_job_ends_total", {})
        return {
            dict(labels)["result"]: n
            for labels, n in ends.items()
            if dict(labels)["queue"] == queue and n
        } == {"succeeded": 3 + 4, "failed": 1}

    wait_for("the counts of ends", counted, 10)
    found = samples(page(stack))

    def of_queue(name, **labels):
        return found[name].get(frozenset({"queue": queue, **labels}.items()))

    assert of_queue("openbatch_job_retries_total", cause="exit") == 1
    assert of_queue("openbatch_job_transitions_total", state="STARTING") == 3 + 4 + 2
    assert of_queue("openbatch_job_wait_seconds_count") == 3 + 4 + 2
    assert of_queue("openbatch_job_start_seconds_count") == 3 + 4 + 2
    assert of_queue("openbatch_job_run_seconds_count") == 3 + 4 + 2
    assert (
        found["openbatch_instance_launches_total"][
            frozenset({("compute_environment", environment), ("result", "active")})
        ]
        >= 1
    )

    held = [work.submit(queue, work.definition(HOLD)) for _ in range(3)]
    work.wait(held[0], "RUNNING")
    wait_for(
        "two run and one waits",
        lambda: (
            value(stack, "openbatch_jobs", queue=queue, state="RUNNING") == 2
            and value(stack, "openbatch_jobs", queue=queue, state="RUNNABLE") == 1
        ),
        30,
    )
    assert value(stack, "openbatch_queue_used_vcpus", queue=queue) == 2
    assert value(stack, "openbatch_queue_waiting_vcpus", queue=queue) == 1
    assert value(stack, "openbatch_queue_waiting_memory_bytes", queue=queue) == 64 << 20
    wait_for(
        "the waiting job grows older",
        lambda: value(stack, "openbatch_queue_oldest_waiting_seconds", queue=queue) > 1,
        30,
    )
    assert value(stack, "openbatch_queue_blocked", queue=queue, reason="") == 0
    for job in held:
        work.batch.terminate_job(jobId=job, reason="tested")
    work.wait_all(held)
    wait_for(
        "their ends",
        lambda: value(stack, "openbatch_job_ends_total", queue=queue, result="terminated") == 3,
        10,
    )
    work.forget()
    work.queues, work.environments = [], []
    wait_for(
        "the series of the queue and the environment are gone",
        lambda: f'"{queue}"' not in (text := page(stack)) and f'"{environment}"' not in text,
        60,
    )


def test_they_tell_of_requests(stack, batch, raw):
    def requests(**labels):
        return value(stack, "openbatch_api_requests_total", **labels) or 0

    def failures():
        return value(stack, "openbatch_api_signature_failures_total", reason=SIGNATURE) or 0

    before = requests(operation="DescribeJobs", code="OK")
    refused = requests(operation="DescribeJobs", code="ClientException")
    failed = failures()
    for _ in range(5):
        batch.describe_jobs(jobs=["018f0000-0000-7000-8000-000000000001"])
    assert raw("/v1/describejobs", b'{"jobs": 1}')[0] == 400
    assert ask(stack, "/v1/describejobs", method="POST")[0] == 403
    assert requests(operation="DescribeJobs", code="OK") == before + 5
    assert requests(operation="DescribeJobs", code="ClientException") == refused + 1
    assert failures() == failed + 1


SIGNATURE = "MissingAuthenticationTokenException"


def expressions():
    """Of the dashboard, with its variables replaced as Grafana does."""
    dashboard = json.loads((MONITORING / "dashboard.json").read_text())
    found = [
        (panel["title"], target["expr"])
        for panel in dashboard["panels"]
        for target in panel.get("targets", [])
    ]
    replaced = {"$queue": ".*", "$environment": ".*", "$__rate_interval": "1m"}
    for variable, text in replaced.items():
        found = [(title, expression.replace(variable, text)) for title, expression in found]
    assert not any("$" in expression for _, expression in found)
    return found


def test_every_expression_finds_its_data(stack, work, raw, tmp_path):
    """A real Prometheus watches a busy copy. Each expression of the dashboard returns numbers, and
    each of the rules does, of an alert without its comparison."""
    queue = work.queue(work.environment(max_vcpus=4))
    fair = work.batch.create_scheduling_policy(
        name=f"{queue}-fair", fairsharePolicy={"shareDecaySeconds": 3600}
    )["arn"]
    shares = f"{queue}-shares"
    environment = work.environments[0]
    work.batch.create_job_queue(
        jobQueueName=shares,
        priority=2,
        schedulingPolicyArn=fair,
        computeEnvironmentOrder=[{"order": 1, "computeEnvironment": environment}],
    )
    work.queues.append(shares)
    wait_for("the queue", lambda: work.jq(shares)["status"] == "VALID")
    good, bad = work.definition(["sh", "-c", "echo out; sleep 0.2"]), work.definition(["false"])
    with prometheus(stack, tmp_path) as watching:
        missing = {"all": None}

        found = set()

        def has_data(text):
            """Also when it had some before: what is rare is not seen at every moment."""
            if text not in found and any(one["value"][1] != "NaN" for one in watching.query(text)):
                found.add(text)
            return text in found

        def missed():
            wanted = expressions() + [
                (rule["name"], COMPARED.sub("", rule["query"])) for rule in watching.rules()
            ]
            wanted += [("shares", f'openbatch_share_used_vcpus{{queue="{shares}"}}')]
            return {text: title for title, text in wanted if not has_data(text)}

        ids = []
        lasting = work.submit(queue, work.definition(HOLD), arrayProperties={"size": 2})
        until = time.monotonic() + 180
        while missing and time.monotonic() < until:
            ids += [work.submit(queue, good), work.submit(queue, bad)]
            ids += [work.submit(queue, bad, retryStrategy={"attempts": 2})]
            ids += [work.submit(queue, good, arrayProperties={"size": 2})]
            ids += [work.submit(shares, good, shareIdentifier="a")]
            assert raw("/v1/describejobs", b'{"jobs": 1}')[0] == 400
            assert ask(stack, "/v1/describejobs", method="POST")[0] == 403
            work.wait_all(ids[-5:])
            missing = missed()
        work.batch.terminate_job(jobId=lasting, reason="tested")
        work.wait(lasting)
        assert missing == {}
        assert all(rule["health"] == "ok" for rule in watching.rules())
        assert watching.query('up{job="openbatch"}')[0]["value"][1] == "1"
    work.forget()
    work.queues, work.environments = [], []
    work.batch.delete_scheduling_policy(arn=fair)


def test_the_rules_fire_when_they_should():
    """promtool: the rules are well-formed, and rules_test.yml has a case for each alert."""
    rules, cases = MONITORING / "rules.yml", MONITORING / "rules_test.yml"
    checked = promtool("check", "rules", str(rules))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    tested = promtool("test", "rules", str(cases), cwd=MONITORING)
    assert tested.returncode == 0, tested.stdout + tested.stderr
    alerts = re.findall(r"- alert: (\w+)", rules.read_text())
    for alert in alerts:
        text = cases.read_text()
        assert re.search(rf"alertname: {alert}\n +exp_alerts:\n +- exp_labels", text), alert
        assert re.search(rf"alertname: {alert}, exp_alerts: \[\]", text), alert
