#!/usr/bin/env bash
# Makes a Python with Google's official Vision client at pinned versions in the cache folder; prints its program.
# It is a judge: the gateway must work with it as it is.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
wanted=$here/google-vision.txt
to=$cache/judges-google-vision-$(sha256sum "$wanted" | cut -c1-12)

if [ ! -f "$to/ready" ]; then
    printf 'google-vision: making %s\n' "$to" >&2
    rm -rf "$to"
    python3 -m venv "$to" >&2
    "$to/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$wanted" >&2
    touch "$to/ready"
fi
echo "$to/bin/python"
