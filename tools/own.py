"""A client of OpenBatch's own operations (docs/access.md), with the key in the environment."""

import json
import os
import sys

import botocore.auth
import botocore.awsrequest
import botocore.httpsession
import botocore.session


def call(verb, operation, **members):
    """One of OpenBatch's own operations; a refusal ends the program with its words."""
    session = botocore.session.get_session()
    request = botocore.awsrequest.AWSRequest(
        "POST",
        f"{os.environ['AWS_ENDPOINT_URL_BATCH']}/openbatch/v1/{operation.lower()}",
        data=json.dumps({k: v for k, v in members.items() if v is not None}).encode(),
        headers={"Content-Type": "application/json"},
    )
    credentials = session.get_credentials().get_frozen_credentials()
    region = session.get_config_variable("region") or "us-east-1"
    botocore.auth.SigV4Auth(credentials, "openbatch", region).add_auth(request)
    http = botocore.httpsession.URLLib3Session(
        verify=os.environ.get("AWS_CA_BUNDLE") or True, timeout=20
    )
    try:
        answer = http.send(request.prepare())
    except botocore.exceptions.HTTPClientError as e:
        sys.exit(f"openbatch: {verb}: {e}")
    if answer.status_code != 200:
        code = answer.headers.get("x-amzn-ErrorType", answer.status_code)
        try:
            message = json.loads(answer.text)["message"]
        except (ValueError, KeyError):
            message = answer.text
        sys.exit(f"openbatch: {verb}: {code}: {message}")
    return json.loads(answer.text)
