"""What to run on a host that joins an unmanaged compute environment: `./openbatch join NAME`."""

import argparse
import os
import shlex
from pathlib import Path

import own


def main():
    parser = argparse.ArgumentParser(
        prog="openbatch join",
        description="Prints the commands that make a host part of an unmanaged environment.",
    )
    parser.add_argument("environment", metavar="ENVIRONMENT", help="name or ARN, UNMANAGED")
    parser.add_argument(
        "--dir", default="/var/lib/openbatch", help="the executor's state there (%(default)s)"
    )
    parser.add_argument(
        "--kafka",
        default=os.environ["OPENBATCH_KAFKA"],
        help="as that host reaches it (%(default)s)",
    )
    args = parser.parse_args()
    made = own.call("join", "CreateJoinToken", computeEnvironment=args.environment)
    secrets = Path(os.environ["OPENBATCH_HOME"]) / "secrets"
    password = (secrets / "kafka-executor.password").read_text().strip()
    folder, file = shlex.quote(args.dir), shlex.quote(f"{args.dir}/kafka.password")
    print("# As a user of the container engine, where Kafka is reached: docs/capacity.md")
    print(f"(umask 077 && mkdir -p {folder} && printf %s {shlex.quote(password)} >{file})")
    print(f"export OPENBATCH_HOME={folder} OPENBATCH_KAFKA={shlex.quote(args.kafka)}")
    print(f"export OPENBATCH_KAFKA_USER=executor OPENBATCH_KAFKA_PASSWORD_FILE={file}")
    print(f"export OPENBATCH_JOIN_TOKEN={made['joinToken']}")
    program = shlex.quote(os.environ["OPENBATCH_EXECUTOR"])
    print(f"exec {program} --compute-environment {made['computeEnvironmentName']}")


if __name__ == "__main__":
    main()
