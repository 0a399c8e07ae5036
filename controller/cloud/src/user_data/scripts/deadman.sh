#!/bin/bash
# Ends this machine's billing when its lease is not renewed in time, whatever else works here.
# Counted by the kernel's clock from when the lease file was last seen to change: a clock that is set ends no lease.
set -u
here=$(dirname "$0")
. "$here/cloud.sh"
load "$here/worker.env"

lease_file=$SPILLWAY_LEASE_FILE
state=$(dirname "$lease_file")/deadman
# The worker may run as any user, and must own the file whose time it sets.
mkdir -p "$(dirname "$lease_file")" && chmod 1777 "$(dirname "$lease_file")"

uptime_seconds() {
  local up
  read -r up _ </proc/uptime
  echo "${up%%.*}"
}

# The time in the lease file, to the nanosecond; nothing while there is no file.
renewal() { stat -c %y "$lease_file" 2>/dev/null; }

# What was known before a restart of this script: restarting renews nothing.
if [ -f "$state" ]; then
  { read -r deadline && IFS= read -r seen; } <"$state"
else
  deadline=$(($(uptime_seconds) + SPILLWAY_FIRST_LEASE_SECONDS))
  seen=
fi

while :; do
  now=$(uptime_seconds)
  found=$(renewal)
  if [ -n "$found" ] && [ "$found" != "$seen" ]; then
    seen=$found
    deadline=$((now + SPILLWAY_LEASE_SECONDS))
  fi
  printf '%s\n%s\n' "$deadline" "$seen" >"$state.new" && mv "$state.new" "$state"
  [ "$now" -ge "$deadline" ] && break
  sleep 1
done

echo "the lease was not renewed: ending this machine" >&2
systemctl stop --no-block spillway-worker.service
attempt=1
while :; do
  end_billing "$attempt" || echo "attempt $attempt to end this machine failed" >&2
  attempt=$((attempt + 1))
  sleep 10
done
