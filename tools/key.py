"""Access keys: `./openbatch key` asks the api's own operations with the key in the environment.

usage: openbatch key create [--name NAME] [--policy FILE]
       openbatch key list
       openbatch key policy KEY [FILE]     shows a key's policy, or sets it; - is standard input
       openbatch key revoke KEY
"""

import argparse
import datetime
import functools
import json
import sys
from pathlib import Path

import own

call = functools.partial(own.call, "key")


def policy_of(file):
    if file is None:
        return None
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as e:
        sys.exit(f"openbatch: key: {file}: {e}")


def create(args):
    key = call("CreateKey", name=args.name, policy=policy_of(args.policy))
    print(f"AWS_ACCESS_KEY_ID={key['accessKeyId']}")
    print(f"AWS_SECRET_ACCESS_KEY={key['secretAccessKey']}")
    print("openbatch: the secret is not shown again", file=sys.stderr)
    if args.policy is None:
        print(
            "openbatch: it may do nothing until './openbatch key policy "
            f"{key['accessKeyId']} FILE' says what",
            file=sys.stderr,
        )


def rights(key):
    if key["root"]:
        return "everything (root)"
    if "policy" not in key:
        return "nothing"
    statements = json.loads(key["policy"])["Statement"]
    n = len(statements) if isinstance(statements, list) else 1
    return f"policy of {n} statement{'s' if n > 1 else ''}"


def show_all(args):
    row = "{:<22} {:<20} {:<20} {}"
    print(row.format("KEY", "NAME", "CREATED", "MAY DO"))
    for key in call("ListKeys")["keys"]:
        at = datetime.datetime.fromtimestamp(key["createdAt"] / 1000, datetime.UTC)
        print(
            row.format(
                key["accessKeyId"], key["name"] or "-", f"{at:%Y-%m-%dT%H:%M:%SZ}", rights(key)
            )
        )


def policy(args):
    if args.file is not None:
        call("PutKeyPolicy", accessKeyId=args.key, policy=policy_of(args.file))
        return
    found = call("ListKeys", accessKeyId=args.key)["keys"]
    if not found:
        sys.exit(f"openbatch: key: access key {args.key} does not exist")
    if "policy" not in found[0]:
        sys.exit(f"openbatch: key: {args.key} has no policy: it may do {rights(found[0])}")
    print(found[0]["policy"].rstrip("\n"))


def revoke(args):
    call("RevokeKey", accessKeyId=args.key)


def main():
    parser = argparse.ArgumentParser(prog="openbatch key", description="Access keys.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verb = verbs.add_parser("create", help="make a key; its secret is printed once")
    verb.add_argument("--name", help="the name of its owner")
    verb.add_argument(
        "--policy", metavar="FILE", help="file with its policy; without one it may do nothing"
    )
    verb.set_defaults(run=create)
    verbs.add_parser("list", help="list all keys").set_defaults(run=show_all)
    verb = verbs.add_parser("policy", help="show or set a key's policy")
    verb.add_argument("key", metavar="KEY")
    verb.add_argument("file", metavar="FILE", nargs="?")
    verb.set_defaults(run=policy)
    verb = verbs.add_parser("revoke", help="revoke a key")
    verb.add_argument("key", metavar="KEY")
    verb.set_defaults(run=revoke)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
