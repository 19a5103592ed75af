"""What to run on a host that joins an unmanaged compute environment: `./openbatch join NAME`."""

import argparse
import os
import shlex
from pathlib import Path

import own


def print_unit(made, password, kafka, settings):
    """The commands that make systemd run the executor (openbatch-executor@.service)."""
    name = made["computeEnvironmentName"]
    pairs = [("OPENBATCH_KAFKA", kafka), ("OPENBATCH_JOIN_TOKEN", made["joinToken"])]
    print("# Run as root:")
    if settings:
        file = "/etc/openbatch/kafka-executor.settings"
        print(f"printf %s {shlex.quote(settings)} >{file}")
        pairs.append(("OPENBATCH_KAFKA_SETTINGS", file))
    lines = " ".join(shlex.quote(f"{key}={value}") for key, value in pairs)
    print(
        f"(umask 077 && printf %s {shlex.quote(password)} >/etc/openbatch/kafka-executor.password)"
    )
    print(f"(umask 077 && printf '%s\\n' {lines} >/etc/openbatch/executor-{name}.conf)")
    print(f"systemctl enable --now openbatch-executor@{name}")


def own_runtime():
    return "oci" if os.environ.get("OPENBATCH_RUNTIME") == "oci" else "docker"


def main():
    parser = argparse.ArgumentParser(
        prog="openbatch join",
        description="Prints the commands that make a host part of an unmanaged environment.",
    )
    parser.add_argument(
        "environment", metavar="ENVIRONMENT", help="name or ARN of an UNMANAGED compute environment"
    )
    parser.add_argument(
        "--dir",
        default="/var/lib/openbatch",
        help="directory for the executor's state on that host (default: %(default)s)",
    )
    parser.add_argument(
        "--kafka",
        help="address of Kafka on that host, if it uses another way such as a tunnel to "
        + os.environ["OPENBATCH_KAFKA"],
    )
    parser.add_argument(
        "--runtime",
        choices=["docker", "oci"],
        help="what runs containers on that host (default: what runs them in this copy: "
        f"{own_runtime()})",
    )
    parser.add_argument(
        "--unit",
        action="store_true",
        help="print the commands for a host with the Debian package openbatch-executor, which is "
        "for Docker",
    )
    args = parser.parse_args()
    if args.unit and args.runtime == "oci":
        parser.error("the package's unit is for Docker: leave out --unit or --runtime oci")
    made = own.call("join", "CreateJoinToken", computeEnvironment=args.environment)
    home = Path(os.environ["OPENBATCH_HOME"])
    password = (home / "secrets/kafka-executor.password").read_text().strip()
    remote = os.environ["OPENBATCH_KAFKA_REMOTE"]
    kafka = args.kafka or remote or os.environ["OPENBATCH_KAFKA"]
    # Without these the password would go over the network in clear, to whoever answers there.
    text = (home / "tls/kafka.settings").read_text() if remote and not args.kafka else ""
    if args.unit:
        print_unit(made, password, kafka, text)
        return
    folder = shlex.quote(args.dir)
    file, settings = (shlex.quote(f"{args.dir}/kafka.{name}") for name in ("password", "settings"))
    runtime = args.runtime or own_runtime()
    if runtime == "oci":
        print("# Run as root, with crun, skopeo and umoci, and all of openbatch-executor,")
        print("# openbatch-keeper and openbatch-image in one folder: docs/capacity.md")
    else:
        print("# Run as a user who may use the container engine: docs/capacity.md")
    print(f"(umask 077 && mkdir -p {folder} && printf %s {shlex.quote(password)} >{file})")
    print(f"export OPENBATCH_HOME={folder} OPENBATCH_KAFKA={shlex.quote(kafka)}")
    print(f"export OPENBATCH_KAFKA_USER=executor OPENBATCH_KAFKA_PASSWORD_FILE={file}")
    if text:
        print(f"printf %s {shlex.quote(text)} >{settings}")
        print(f"export OPENBATCH_KAFKA_SETTINGS={settings}")
    if runtime == "oci":
        print("export OPENBATCH_RUNTIME=oci")
    print(f"export OPENBATCH_JOIN_TOKEN={made['joinToken']}")
    program = shlex.quote(os.environ["OPENBATCH_EXECUTOR"])
    print(f"exec {program} --compute-environment {made['computeEnvironmentName']}")


if __name__ == "__main__":
    main()
