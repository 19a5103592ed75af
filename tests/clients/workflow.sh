#!/bin/bash
# The workflow of tests/e2e/clients/test_clients.py, by the AWS CLI: AWS QUEUE IMAGE NAME.
set -euo pipefail
aws=$1 queue=$2 image=$3 name=$4

# Versions of the AWS CLI before 2.13 read no endpoint from the environment.
call() {
    local endpoint=$AWS_ENDPOINT_URL_BATCH
    [[ $1 != logs ]] || endpoint=$AWS_ENDPOINT_URL_CLOUDWATCH_LOGS
    "$aws" --endpoint-url "$endpoint" --output text "$@"
}

define() { # SUFFIX COMMAND
    local properties
    properties=$(python3 -c 'import json, sys; print(json.dumps({
        "image": sys.argv[1], "command": ["sh", "-c", sys.argv[2]],
        "resourceRequirements": [{"type": "VCPU", "value": "1"}, {"type": "MEMORY", "value": "64"}]}))' "$image" "$2")
    call batch register-job-definition --job-definition-name "$name$1" --type container \
        --container-properties "$properties" --query jobDefinitionArn
}

submit() { # NAME DEFINITION [more options]
    call batch submit-job --job-name "$1" --job-queue "$queue" --job-definition "$2" "${@:3}" --query jobId
}

# Until all of JOBS are in one of the states, such as 'RUNNING|FAILED'.
wait_for() { # STATES JOBS...
    local found
    until found=$(call batch describe-jobs --jobs "${@:2}" --query 'jobs[].[status]') && ! grep -Evqx "$1" <<<"$found"; do
        sleep 0.5
    done
}

# shellcheck disable=SC2016  # the job's shell expands it
says=$(define -says 'echo "child ${AWS_BATCH_JOB_ARRAY_INDEX:-none}"')
lasts=$(define -lasts "trap 'exit 143' TERM; sleep 1000 & wait")
first=$(submit first "$says")
array=$(submit array "$says" --depends-on "jobId=$first" --array-properties size=3)
long=$(submit long "$lasts")
wait_for 'RUNNING|SUCCEEDED|FAILED' "$long"
call batch terminate-job --job-id "$long" --reason 'long enough'
wait_for 'SUCCEEDED|FAILED' "$array" "$long"
of() { printf "(jobs[?jobId=='%s'] | [0].%s)" "$1" "$2"; }
# One line each: [status, succeeded, in order], [status, reason, code], the four streams.
told=$(call batch describe-jobs --jobs "$first" "$array" "$array:0" "$array:1" "$array:2" "$long" --query "[
    [$(of "$array" status), $(of "$array" arrayProperties.statusSummary.SUCCEEDED),
        $(of "$first" stoppedAt) <= $(of "$array:0" startedAt)],
    [$(of "$long" status), $(of "$long" statusReason), $(of "$long" container.exitCode)],
    [$(of "$first" container.logStreamName)], [$(of "$array:0" container.logStreamName)],
    [$(of "$array:1" container.logStreamName)], [$(of "$array:2" container.logStreamName)]]")
mapfile -t told <<<"$told"
IFS=$'\t' read -r status succeeded in_order <<<"${told[0]}"
IFS=$'\t' read -r long_status reason code <<<"${told[1]}"
lines=()
for stream in "${told[@]:2}"; do
    lines+=("[\"$(call logs get-log-events --log-group-name /aws/batch/job --log-stream-name "$stream" --start-from-head \
        --query 'events[].message')\"]")
done
cat <<JSON
{"array": "$status", "succeeded": $succeeded, "in order": ${in_order,,}, "first": ${lines[0]},
 "children": [${lines[1]}, ${lines[2]}, ${lines[3]}], "long": ["$long_status", "$reason", $code]}
JSON
call batch deregister-job-definition --job-definition "$says"
call batch deregister-job-definition --job-definition "$lasts"
