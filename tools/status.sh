# shellcheck shell=bash
# status: shows what runs and whether it is healthy; exits with 0 only if everything is.
need_home
bad=0
engine_is_ours && BACKING+=(dockerd)
tls_is_on && SERVICES+=(tls)

row() { printf '%-12s %-10s %-8s %-8s %s\n' "$@"; }

supervisor=$(runsvdir_pid || :)
row SERVICE HEALTH PID FOR ''
for name in "${BACKING[@]}" "${SERVICES[@]}"; do
    dir=$OPENBATCH_HOME/sv/$name
    state=$(sv status "$dir" 2>/dev/null || :)
    pid=$(sed -n 's/^run: [^(]*(pid \([0-9]*\)).*/\1/p' <<<"$state")
    for_s=$(sed -n 's/^[a-z]*: [^)]*) \([0-9]*s\).*/\1/p' <<<"$state")
    said=
    if [[ -z $pid ]]; then
        health=stopped
    elif healthy "$name"; then
        health=healthy
    else
        health=unhealthy
    fi
    [[ $health == healthy ]] || bad=1
    if [[ -n $pid && " api scheduler scaler console " == *" $name "* ]]; then said=$(service_health "$name" || :); fi
    row "$name" "$health" "${pid:--}" "${for_s:--}" "$said"
done
while read -r dir; do
    state=$(sv status "$dir" 2>/dev/null || :)
    pid=$(sed -n 's/^run: [^(]*(pid \([0-9]*\)).*/\1/p' <<<"$state")
    row executor "$([[ -n $pid ]] && echo running || echo stopped)" "${pid:--}" - "${dir##*/}"
done < <(instance_dirs)

say
[[ -n $supervisor ]] || say "supervisor  not running: './openbatch up' starts it"
say "endpoint    $(endpoint) (Kafka 127.0.0.1:$OB_KAFKA_PORT)"
say "console     $(console_endpoint) (./openbatch console prints a link that signs in)"
[[ -z $(kafka_remote) ]] || say "            Kafka for executors on other hosts: $(kafka_remote), TLS"
said_of_engine "engine      "
say "state       $OPENBATCH_HOME ($(du -shx "$OPENBATCH_HOME" 2>/dev/null | cut -f1))"
pgdata=$(config_get pgdata)
[[ -z $pgdata || $pgdata == "$OPENBATCH_HOME"/* ]] || say "            $pgdata (PostgreSQL)"
say "sockets     $OPENBATCH_RUN_DIR"
exit $((bad ? 3 : 0))
