#!/usr/bin/env bash
# Makes a Python with confluent-kafka, at a pinned version, in the cache folder; prints its program.
# A consumer made with it knows nothing of ours, and must be scaled all the same.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
wanted=$here/confluent-kafka.txt
to=$cache/foreign-confluent-kafka-$(sha256sum "$wanted" | cut -c1-12)

if [ ! -f "$to/ready" ]; then
    printf 'confluent-kafka: making %s\n' "$to" >&2
    rm -rf "$to"
    python3 -m venv "$to" >&2
    "$to/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --requirement "$wanted" >&2
    touch "$to/ready"
fi
echo "$to/bin/python"
