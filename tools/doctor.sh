# shellcheck shell=bash
# doctor: says what is wrong with a running copy, what it means for jobs, and what to do; exits with 0 only if all is well.
[[ -n $OB_PACKAGED || -n $(config_get made) ]] || need_home # a lost secret is for it to find
python=$OPENBATCH_HOME/venv/bin/python # knows Kafka's client; without it less is looked at
[[ -x $python ]] || python=/usr/bin/python3
OB_ENGINE=$(engine_host) OB_BUILD=$(config_get build)
export OB_ENGINE OB_BUILD OB_ROOT OB_PACKAGED
if [[ -n $OB_PACKAGED ]]; then export OB_SBIN; fi
exec "$python" -B "$OB_ROOT/tools/doctor" "$@"
