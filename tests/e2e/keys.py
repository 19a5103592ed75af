"""Access keys with policies of their own, made as by `./openbatch key`."""

import json
import os
import re
import subprocess

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.httpsession
from stack import ROOT

ARN = "arn:aws:batch:us-east-1:123456789012:"


def key_command(stack, *args, text=None):
    """What `./openbatch key` says; (exit status, output, errors)."""
    done = subprocess.run(
        [ROOT / "openbatch", "key", *args],
        capture_output=True,
        text=True,
        input=text,
        env=os.environ | {"OPENBATCH_HOME": str(stack.home)},
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


def statement(actions, resources, effect="Allow", **more):
    return {"Effect": effect, "Action": actions, "Resource": resources} | more


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


class Key:
    """An access key with a policy of its own."""

    def __init__(self, stack, name, *statements):
        self.stack = stack
        status, out, errors = key_command(
            stack, "create", "--name", name, "--policy", "-", text=document(*statements)
        )
        assert status == 0, errors
        self.id = re.search("^AWS_ACCESS_KEY_ID=(AKIA[A-Z2-7]{16})$", out, re.M)[1]
        self.secret = re.search("^AWS_SECRET_ACCESS_KEY=(.{40})$", out, re.M)[1]

    def client(self, service, **more):
        own = {"aws_access_key_id": self.id, "aws_secret_access_key": self.secret}
        return self.stack.client(service, **(own | more))

    def allow(self, *statements):
        status, _, errors = key_command(
            self.stack, "policy", self.id, "-", text=document(*statements)
        )
        assert status == 0, errors

    def revoke(self):
        assert key_command(self.stack, "revoke", self.id)[0] == 0


def own_call(stack, credentials, operation, members):
    """One of OpenBatch's own operations, signed with (key id, secret) or (key id, secret, token):
    (error code or None, message or answer)."""
    request = botocore.awsrequest.AWSRequest(
        "POST",
        f"{stack.endpoint}/openbatch/v1/{operation.lower()}",
        data=json.dumps(members).encode(),
        headers={"Content-Type": "application/json"},
    )
    signer = botocore.credentials.Credentials(*credentials)
    botocore.auth.SigV4Auth(signer, "openbatch", "us-east-1").add_auth(request)
    answer = botocore.httpsession.URLLib3Session(timeout=20).send(request.prepare())
    found = json.loads(answer.text)
    if answer.status_code == 200:
        return None, found
    return answer.headers["x-amzn-ErrorType"], found["message"]
