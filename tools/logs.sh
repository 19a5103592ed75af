# shellcheck shell=bash
# logs: shows the logs of servers and services; with --job ID[:INDEX] [--attempt N] the output of a job.
need_home
follow='' job='' attempt='' names=()
while (($#)); do
    case $1 in
    -f | --follow) follow=1 ;;
    --job)
        job=${2:-}
        [[ -n $job ]] || die "logs: --job takes a job's id"
        shift
        ;;
    --job=*) job=${1#--job=} ;;
    --attempt)
        attempt=${2:-}
        [[ $attempt =~ ^[1-9][0-9]?$ ]] || die "logs: --attempt takes a number from 1"
        shift
        ;;
    -*) die "logs: unknown option '$1'" ;;
    *) names+=("$1") ;;
    esac
    shift
done
[[ -z $attempt || -n $job ]] || die "logs: --attempt needs --job"
if [[ -n $job ]]; then
    client run.py --logs "$job" ${follow:+--follow} ${attempt:+--attempt "$attempt"}
    exit
fi

files=()
for name in "${names[@]}"; do
    found=()
    for file in "$OPENBATCH_HOME/log/$name/current" "$OPENBATCH_HOME/log/executor-$name/current"; do
        [[ -f $file ]] && found+=("$file")
    done
    ((${#found[@]})) || die "there is no log of '$name'; there are: $(cd "$OPENBATCH_HOME" &&
        printf '%s\n' log/*/current | sed -n 's#^log/\([^*/]*\)/.*#\1#p' | paste -sd ' ')"
    files+=("${found[@]}")
done
if ((${#files[@]} == 0)); then
    for file in "$OPENBATCH_HOME"/log/*/current; do
        [[ -f $file ]] && files+=("$file")
    done
fi
((${#files[@]})) || die "there are no logs yet"
# Kafka and others repeat texts of their clients as they are.
if [[ -n $follow ]]; then
    tail -n 20 -F "${files[@]}" | plainly
else
    tail -n 50 "${files[@]}" | plainly
fi
