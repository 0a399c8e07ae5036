#!/usr/bin/env bash
# Makes a Python with schemathesis at pinned versions in the cache folder; prints its program.
# It is a judge: it makes requests from the gateway's own document, good and bad ones, and holds the answers against it.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
wanted=$here/schemathesis.txt
to=$cache/judges-schemathesis-$(sha256sum "$wanted" | cut -c1-12)

if [ ! -f "$to/ready" ]; then
    printf 'schemathesis: making %s\n' "$to" >&2
    rm -rf "$to"
    python3 -m venv "$to" >&2
    "$to/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$wanted" >&2
    touch "$to/ready"
fi
echo "$to/bin/python"
