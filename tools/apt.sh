#!/bin/bash
# Installs the packages named as arguments, as root, without starting any system service: policy-rc.d refuses that
# meanwhile (an existing one is restored afterwards), PostgreSQL makes no cluster, and new units are not enabled.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
policy=/usr/sbin/policy-rc.d
cluster=/etc/postgresql-common/createcluster.d/openbatch.conf

restore() {
    rm -f "$policy" "$cluster"
    rmdir "${cluster%/*}" /etc/postgresql-common 2>/dev/null || :
    if [[ -e $policy.openbatch ]]; then mv "$policy.openbatch" "$policy"; fi
}

# Two copies may install at once; an earlier one may have died in the middle.
exec 9>/run/openbatch-apt.lock
flock 9
[[ -e $policy.openbatch ]] && restore
# The process that had the lock may have installed the same.
missing=()
for package in "$@"; do
    case $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || :) in
    installed | triggers-pending | triggers-awaited) ;;
    *) missing+=("$package") ;;
    esac
done
((${#missing[@]})) || exit 0
trap restore EXIT
trap 'exit 1' INT TERM HUP
if [[ -e $policy ]]; then mv "$policy" "$policy.openbatch"; fi
printf '#!/bin/sh\nexit 101\n' >"$policy"
chmod 755 "$policy"
mkdir -p "${cluster%/*}"
echo 'create_main_cluster = false' >"$cluster"

# apt has no option to wait for the lock of its lists.
for ((i = 0; ; i++)); do
    said=$(LC_ALL=C apt-get -q update 9>&- 2>&1) && break
    printf '%s\n' "$said"
    [[ $said == *'Could not get lock'* ]] && ((i < 300)) || exit 1
    sleep 2
done
printf '%s\n' "$said"
before=$(dpkg-query -W -f '${Package}\n')
apt-get -q -y --no-remove --no-install-recommends -o DPkg::Lock::Timeout=600 -o Dpkg::Options::=--force-confold \
    install "${missing[@]}" 9>&-

# Otherwise the next boot would start unwanted services. `systemctl disable` does the same, but needs systemd.
for unit in docker.service docker.socket containerd.service docker-registry.service; do
    package=${unit%.*}
    [[ $package == docker ]] && package=docker.io
    grep -qx "$package" <<<"$before" || find /etc/systemd/system -path "*.wants/$unit" -type l -delete
done
