#!/bin/bash
# Fetches the secret by this machine's own identity: KEY=VALUE lines, into memory only.
set -euo pipefail
here=$(dirname "$0")
. "$here/cloud.sh"
load "$here/worker.env"
umask 077
mkdir -p "$(dirname "$SPILLWAY_SECRET_FILE")"
if [ "$(stat -f -c %T "$(dirname "$SPILLWAY_SECRET_FILE")")" != tmpfs ]; then
  echo "$SPILLWAY_SECRET_FILE would be on a disk: refused" >&2
  exit 1
fi
if [ -n "${SPILLWAY_SECRET:-}" ]; then
  fetch_secret >"$SPILLWAY_SECRET_FILE.new"
else
  : >"$SPILLWAY_SECRET_FILE.new"
fi
mv "$SPILLWAY_SECRET_FILE.new" "$SPILLWAY_SECRET_FILE"
