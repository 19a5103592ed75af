"""A Spot interruption notice for an instance: `./openbatch interrupt INSTANCE`."""

import argparse

import own


def main():
    parser = argparse.ArgumentParser(
        prog="openbatch interrupt", description="Gives a Spot instance its interruption notice."
    )
    parser.add_argument(
        "instance", metavar="INSTANCE", help="id of an instance in a Spot environment: i-..."
    )
    own.call("interrupt", "InterruptInstance", instanceId=parser.parse_args().instance)


if __name__ == "__main__":
    main()
