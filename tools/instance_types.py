#!/usr/bin/env python3
"""Writes shared/data/instance_types.tsv: `pip install moto`, then `tools/instance_types.py > FILE`.

Sizes are what EC2's DescribeInstanceTypes answers, as moto carries it. Prices and the chance of an
interruption are in the tables below: approximate (Linux, us-east-1), for ranking only."""

import gzip
import importlib.util
import json
from pathlib import Path

HEAD = """\
# EC2 instance types that environments may name: data, not code. Made by tools/instance_types.py.
# Columns, separated by tabs:
#   type  architecture  vCPUs  nominal MiB  GPUs  on-demand $/h  Spot $/h  interruptions in %
# Sizes are EC2's own (DescribeInstanceTypes). Prices are approximate (Linux, us-east-1; Spot
# prices change by the hour and are a typical share of on-demand), as is how often Spot instances
# are interrupted (assumed, in the steps of AWS's Spot Instance Advisor): they rank types against
# each other, nothing else.
# Lines that begin with @ are bundles for instanceTypes: @name, architecture, families separated by
# blanks ("Instance types" in AWS Batch's "Compute resource parameters").
@optimal\tx86_64\tm6i c6i r6i c7i
@default_x86_64\tx86_64\tm6i c6i r6i c7i
@default_arm64\tarm64\tm6g c6g r6g c7g"""

# Family: dollars an hour for a vCPU, Spot's share of that, interruptions in %.
BY_VCPU = {
    "c4": (0.05, 0.42, 15),
    "c5": (0.0425, 0.40, 10),
    "c5a": (0.0385, 0.41, 10),
    "c5d": (0.048, 0.39, 15),
    "c5n": (0.054, 0.39, 15),
    "c6a": (0.03825, 0.43, 10),
    "c6g": (0.034, 0.42, 5),
    "c6i": (0.0425, 0.41, 5),
    "c7a": (0.05132, 0.42, 10),
    "c7g": (0.0363, 0.45, 5),
    "c7i": (0.0446, 0.43, 5),
    "c8g": (0.03988, 0.45, 10),
    "c8i": (0.04686, 0.45, 10),
    "i3": (0.078, 0.35, 10),
    "i4i": (0.0858, 0.38, 10),
    "m4": (0.05, 0.42, 15),
    "m5": (0.048, 0.40, 10),
    "m5a": (0.043, 0.41, 10),
    "m5d": (0.0565, 0.38, 15),
    "m6a": (0.0432, 0.43, 10),
    "m6g": (0.0385, 0.42, 5),
    "m6i": (0.048, 0.41, 5),
    "m7a": (0.05796, 0.42, 10),
    "m7g": (0.0408, 0.44, 5),
    "m7i": (0.0504, 0.43, 5),
    "m8g": (0.04488, 0.45, 10),
    "m8i": (0.05292, 0.45, 10),
    "r4": (0.0665, 0.38, 10),
    "r5": (0.063, 0.38, 10),
    "r5a": (0.0565, 0.40, 10),
    "r5d": (0.072, 0.37, 15),
    "r6a": (0.0567, 0.41, 10),
    "r6g": (0.0504, 0.40, 5),
    "r6i": (0.063, 0.39, 5),
    "r7a": (0.07608, 0.41, 10),
    "r7g": (0.05355, 0.42, 5),
    "r7i": (0.06615, 0.41, 5),
    "r8g": (0.0589, 0.44, 10),
    "r8i": (0.06946, 0.44, 10),
    "x1": (0.1042, 0.32, 15),
    "x1e": (0.2085, 0.32, 15),
    "x2gd": (0.0835, 0.36, 10),
    "x2idn": (0.1042, 0.34, 10),
    "x2iedn": (0.2084, 0.34, 10),
    "z1d": (0.093, 0.36, 10),
}
# Family: Spot's share, interruptions in %, and dollars an hour by size.
BY_SIZE = {
    "g4dn": (0.40, 20, {"xlarge": 0.526, "2xlarge": 0.752, "4xlarge": 1.204, "8xlarge": 2.176}),
    "g5": (0.42, 20, {"xlarge": 1.006, "2xlarge": 1.212, "4xlarge": 1.624, "8xlarge": 2.448}),
    "g5g": (0.42, 15, {"xlarge": 0.42, "2xlarge": 0.556, "4xlarge": 0.828, "8xlarge": 1.372}),
    "g6": (0.45, 20, {"xlarge": 0.8048, "2xlarge": 0.9776, "4xlarge": 1.3232, "8xlarge": 2.0144}),
    "g6e": (0.50, 25, {"xlarge": 1.861, "2xlarge": 2.2421, "4xlarge": 3.0042, "8xlarge": 4.5286}),
    "p3": (0.35, 25, {"2xlarge": 3.06, "8xlarge": 12.24, "16xlarge": 24.48}),
    "p3dn": (0.35, 25, {"24xlarge": 31.212}),
    "p4d": (0.40, 25, {"24xlarge": 32.773}),
    "p4de": (0.42, 25, {"24xlarge": 40.966}),
    "p5": (0.45, 25, {"4xlarge": 6.88, "48xlarge": 98.32}),
    "t3": (0.32, 5, {"nano": 0.0052, "micro": 0.0104, "small": 0.0208, "medium": 0.0416}),
    "t3a": (0.32, 5, {"nano": 0.0047, "micro": 0.0094, "small": 0.0188, "medium": 0.0376}),
    "t4g": (0.34, 5, {"nano": 0.0042, "micro": 0.0084, "small": 0.0168, "medium": 0.0336}),
}
BY_SIZE["g4dn"][2].update({"12xlarge": 3.912, "16xlarge": 4.352})
BY_SIZE["g5"][2].update({"12xlarge": 5.672, "16xlarge": 4.096, "24xlarge": 8.144})
BY_SIZE["g5"][2].update({"48xlarge": 16.288})
BY_SIZE["g5g"][2].update({"16xlarge": 2.744})
BY_SIZE["g6"][2].update({"12xlarge": 4.6016, "16xlarge": 3.3968, "24xlarge": 6.6752})
BY_SIZE["g6"][2].update({"48xlarge": 13.3504})
BY_SIZE["g6e"][2].update({"12xlarge": 10.4926, "16xlarge": 7.5772, "24xlarge": 15.0656})
BY_SIZE["g6e"][2].update({"48xlarge": 30.1312})
BY_SIZE["t3"][2].update({"large": 0.0832, "xlarge": 0.1664, "2xlarge": 0.3328})
BY_SIZE["t3a"][2].update({"large": 0.0752, "xlarge": 0.1504, "2xlarge": 0.3008})
BY_SIZE["t4g"][2].update({"large": 0.0672, "xlarge": 0.1344, "2xlarge": 0.2688})
# No longer offered by EC2, but still named (the EC2 user guide's sizes).
GONE = {
    "p3.2xlarge": ("x86_64", 8, 62464, 1),
    "p3.8xlarge": ("x86_64", 32, 249856, 4),
    "p3.16xlarge": ("x86_64", 64, 499712, 8),
}
SCARCE_VCPUS = 64  # so large an instance is interrupted more often
SCARCE_MORE = 5


def described():
    """Type: architecture, vCPUs, MiB, GPUs."""
    package = Path(importlib.util.find_spec("moto").origin).parent
    with gzip.open(package / "ec2/resources/instance_types.json.gz") as file:
        types = json.load(file)
    sizes = dict(GONE)
    for name, one in types.items():
        if one["BareMetal"]:
            continue
        found = one["ProcessorInfo"]["SupportedArchitectures"]
        arch = next((a for a in ("x86_64", "arm64") if a in found), None)
        gpus = sum(g["Count"] for g in one.get("GpuInfo", {}).get("Gpus", []))
        if arch:
            sizes[name] = (
                arch,
                one["VCpuInfo"]["DefaultVCpus"],
                one["MemoryInfo"]["SizeInMiB"],
                gpus,
            )
    return sizes


def rates(name, vcpus):
    """On-demand and Spot price, interruptions; None: not in the catalogue."""
    family, size = name.split(".")
    if family in BY_VCPU:
        by_vcpu, share, interruptions = BY_VCPU[family]
        price = by_vcpu * vcpus
    elif size in BY_SIZE.get(family, (0, 0, {}))[2]:
        share, interruptions, prices = BY_SIZE[family]
        price = prices[size]
    else:
        return None
    return price, price * share, interruptions + (SCARCE_MORE if vcpus >= SCARCE_VCPUS else 0)


def main():
    print(HEAD)
    sizes = described()
    order = sorted(sizes, key=lambda name: (name.split(".")[0], sizes[name][1:3], name))
    for name in order:
        rated = rates(name, sizes[name][1])
        if rated:
            arch, vcpus, mib, gpus = sizes[name]
            price, spot, often = rated
            print(f"{name}\t{arch}\t{vcpus}\t{mib}\t{gpus}\t{price:.4f}\t{spot:.4f}\t{often}")


if __name__ == "__main__":
    main()
