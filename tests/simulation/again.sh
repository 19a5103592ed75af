#!/bin/bash
# again.sh OB_SIMULATE: a history depends on nothing but its seed. Run alone, among others and once more, it ends with the
# same digest; another seed ends with another one.
set -euo pipefail
simulate=$1
digest() { # SEED
    "$simulate" --seed "$1" --histories 1 | sed -n 's/.*digest //p'
}
for seed in 3 11; do
    first=$(digest "$seed")
    [[ -n $first && $first == "$(digest "$seed")" ]] || {
        echo "seed $seed gives different digests" >&2
        exit 1
    }
done
[[ $(digest 3) != "$(digest 11)" ]] || {
    echo "different seeds give the same digest" >&2
    exit 1
}
"$simulate" --seed 1 --histories 12
