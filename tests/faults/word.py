"""The containers' own word: each process that a container starts appends a line to one file of the
host when it starts and when it has reached its end, by one write, so that the file's order is the
order of what happened. It says the job and attempt it was told, the host's boot clock, a nonce of
this very process, and the container's id as the kernel knows it: Docker's, of a pod its uid, or
without an engine the run's name, if the container has a volume of its own.

    <job id>[:<index>] <attempt> start <seconds> <nonce> <container>
    <job id>[:<index>] <attempt> end <seconds> <nonce> <container> <exit code>
"""

FOLDER = "/word"

_SCRIPT = r"""
read -r nonce </proc/sys/kernel/random/uuid
id=-
while read -r line; do
    case $line in
    */containers/*/hosts\ *) id=${line#*/containers/}; id=${id%%/*}; break ;;
    */pods/*/etc-hosts\ *) id=${line#*/pods/}; id=${id%%/*}; break ;;
    */ob-room/volumes/*) id=${line%%/ob-room/*}; id=${id##*/}; break ;;
    esac
done </proc/self/mountinfo
word() {
    read -r up rest </proc/uptime
    echo "$AWS_BATCH_JOB_ID ${AWS_BATCH_JOB_ATTEMPT:--} $1 $up $nonce $id${2:+ $2}" >>/word/word
}
word start
trap 'word end 143; exit 143' TERM
"""


def script(body):
    """A shell command that says its word around 'body', which sets $code."""
    return ["sh", "-c", f"{_SCRIPT}\ncode=0\n{body}\nword end $code\nexit $code"]


def lasting(seconds, code=0):
    """Sleeps, then ends with 'code' (a shell word: $((…)) may ask for the attempt or index)."""
    return script(f"sleep {seconds} & wait $!; code={code}")


def failing(times):
    """Ends with 1 in its first attempts, so many, and with 0 after that."""
    return lasting(0.1, f"$((AWS_BATCH_JOB_ATTEMPT <= {times}))")


def until(name, code=0, every=0.5):
    """Lasts until the test makes a file of this name in the folder, for which it looks 'every' so
    many seconds; ends with 'code'."""
    return script(f"while ! [ -e {FOLDER}/{name} ]; do sleep {every}; done; code={code}")


def parse(text):
    """The lines of a word file, in their order; a torn line would be an error of ours."""
    lines = []
    for order, line in enumerate(text.splitlines()):
        job, attempt, kind, at, nonce, container, *code = line.split(" ")
        lines.append(
            {
                "order": order,
                "job": job,
                "attempt": None if attempt == "-" else int(attempt),
                "kind": kind,
                "at": float(at),
                "nonce": nonce,
                "container": container,
                "code": int(code[0]) if code else None,
            }
        )
    return lines
