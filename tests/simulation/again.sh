#!/bin/bash
# again.sh OB_SIMULATE: a history depends on nothing but its seed. Run alone, among others and once more, it ends with the
# same digest; another seed ends with another one. What is printed does not depend on how many run at a time.
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
several() { # JOBS
    "$simulate" --seed 1 --histories 12 --jobs "$1" | sed 's/[0-9.]* s of a processor//'
}
first=$(several 1)
[[ $first == "$(several 5)" ]] || {
    echo "five at a time give another result" >&2
    exit 1
}
echo "$first"
