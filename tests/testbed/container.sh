#!/usr/bin/env bash
# Runs a mounted image as a strict cluster would: its root read-only, its user, no capabilities, no new privileges.
#
#   container.sh ROOT [--mount FROM:TO]… [--tmpfs TO]… -- NAME=VALUE… PROGRAM ARGUMENT…
#
# ROOT is what `buildah mount` gave. Network and processes are those of the machine.
# It becomes the program, so that signals reach it, and the program ends with whoever called.
set -euo pipefail

root=$1
shift
if [ -z "${IN_NAMESPACE:-}" ]; then
    IN_NAMESPACE=yes exec unshare --mount --propagation private "$0" "$root" "$@"
fi
# What is mounted upon must be there before the root cannot be written any more.
mount --bind "$root" "$root"
for folder in proc dev; do mkdir -p "$root/$folder" && mount --rbind "/$folder" "$root/$folder"; done
while [ "$1" != -- ]; do
    case $1 in
    --mount)
        from=${2%:*} to=$root${2##*:}
        mkdir -p "$(dirname "$to")"
        if [ -d "$from" ]; then mkdir -p "$to"; else touch "$to"; fi
        mount --bind "$from" "$to"
        ;;
    --tmpfs)
        mkdir -p "$root$2"
        mount -t tmpfs -o mode=1777 tmpfs "$root$2"
        ;;
    *) echo "container: what is $1?" >&2 && exit 2 ;;
    esac
    shift 2
done
shift
mount -o remount,bind,ro "$root"
user=65532
exec env --ignore-environment PATH=/usr/local/bin:/usr/bin:/bin \
    /usr/sbin/chroot "$root" /usr/bin/setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs \
    --inh-caps=-all --bounding-set=-all --pdeathsig=KILL -- /usr/bin/env "$@"
