#!/bin/bash
# The workflow of tests/e2e/test_clients.py, by the AWS CLI: AWS QUEUE IMAGE NAME.
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

get() { call batch describe-jobs --jobs "$1" --query "jobs[0].$2"; }

wait_for() { # JOB STATE
    local state=
    until [[ $state == "$2" || $state == FAILED || $state == SUCCEEDED ]]; do state=$(get "$1" status); done
}

# The first line of a job's output, as JSON.
line() {
    local stream text=None i
    stream=$(get "$1" container.logStreamName)
    for ((i = 0; i < 10; i++)); do
        text=$(call logs get-log-events --log-group-name /aws/batch/job --log-stream-name "$stream" --start-from-head \
            --query 'events[].message' || :)
        [[ -z $text || $text == None ]] || break
    done
    printf '["%s"]' "$text"
}

# shellcheck disable=SC2016  # the job's shell expands it
says=$(define -says 'echo "child ${AWS_BATCH_JOB_ARRAY_INDEX:-none}"')
lasts=$(define -lasts "trap 'exit 143' TERM; sleep 1000 & wait")
first=$(submit first "$says")
array=$(submit array "$says" --depends-on "jobId=$first" --array-properties size=3)
long=$(submit long "$lasts")
wait_for "$long" RUNNING
call batch terminate-job --job-id "$long" --reason 'long enough'
wait_for "$array" SUCCEEDED
wait_for "$long" SUCCEEDED
in_order=false
(($(get "$first" stoppedAt) <= $(get "$array:0" startedAt))) && in_order=true
cat <<JSON
{"array": "$(get "$array" status)", "succeeded": $(get "$array" arrayProperties.statusSummary.SUCCEEDED),
 "first": $(line "$first"), "children": [$(line "$array:0"), $(line "$array:1"), $(line "$array:2")],
 "in order": $in_order,
 "long": ["$(get "$long" status)", "$(get "$long" statusReason)", $(get "$long" container.exitCode)]}
JSON
call batch deregister-job-definition --job-definition "$says"
call batch deregister-job-definition --job-definition "$lasts"
