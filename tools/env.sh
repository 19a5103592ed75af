# shellcheck shell=bash
# env: prints what `eval "$(openbatch env)"` needs to send a stock AWS CLI or SDK here.
need_home
print_env
