#!/bin/bash
# Brings the model set here, an archive with the digest that the policy names, or checks the one that is here.
set -euo pipefail
here=$(dirname "$0")
. "$here/cloud.sh"
load "$here/worker.env"
uri=${SPILLWAY_MODEL_SET_URI:-}
[ -n "$uri" ] || exit 0
[ "$(cat "$SPILLWAY_MODEL_SET/.spillway-sha256" 2>/dev/null)" != "$SPILLWAY_MODEL_SET_SHA256" ] || exit 0

same_digest() {
  if ! printf '%s  %s\n' "$SPILLWAY_MODEL_SET_SHA256" "$1" | sha256sum --check --status; then
    echo "$1 is not what the policy names by its sha256" >&2
    exit 1
  fi
}

case $uri in
  file://*)
    # Already on this machine: its declaration holds the digest of everything else.
    same_digest "$SPILLWAY_MODEL_SET/modelset.yaml"
    exit 0
    ;;
esac
archive=$SPILLWAY_MODEL_SET.archive
mkdir -p "$(dirname "$SPILLWAY_MODEL_SET")"
fetch_object "$uri" "$archive"
same_digest "$archive"
rm -rf "$SPILLWAY_MODEL_SET.new" "$SPILLWAY_MODEL_SET"
mkdir "$SPILLWAY_MODEL_SET.new"
tar --extract --no-same-owner --file "$archive" --directory "$SPILLWAY_MODEL_SET.new"
echo "$SPILLWAY_MODEL_SET_SHA256" >"$SPILLWAY_MODEL_SET.new/.spillway-sha256"
mv "$SPILLWAY_MODEL_SET.new" "$SPILLWAY_MODEL_SET"
rm "$archive"
