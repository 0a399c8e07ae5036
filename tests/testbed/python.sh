#!/usr/bin/env bash
# Makes a Python with what NAME.txt pins, in the cache folder, and prints its program: python.sh NAME
#
#   confluent-kafka   consumers that know nothing of ours, and must be scaled all the same
#   python-worker     a worker as a Python team writes one, which ours is compared with
#   google-vision     Google's own client: the gateway must work with it as it is
#   schemathesis      requests from the gateway's own document, good and bad ones, held against it
#
# A second call finds it and does nothing. A half-made one is never used: it is stamped at the end.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
wanted=$here/$1.txt
to=$cache/judges-$1-$(sha256sum "$wanted" | cut -c1-12)

if [ ! -f "$to/ready" ]; then
    mkdir -p "$cache"
    # Several test processes may want it at once: one makes it, the others wait and find it.
    exec 9>"$cache/judges.lock"
    flock 9
fi
if [ ! -f "$to/ready" ]; then
    printf '%s: making %s\n' "$1" "$to" >&2
    rm -rf "$to"
    python3 -m venv "$to" >&2
    "$to/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$wanted" >&2
    touch "$to/ready"
fi
echo "$to/bin/python"
