#!/usr/bin/env bash
# Puts the official SDKs of the four clouds into a Python environment in the cache folder, at pinned versions,
# and prints its python. They judge what our providers send and what the emulators answer.
#
# A second call finds the environment and does nothing. A half-made one is never used: it is stamped at the end.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
list=$here/../emulators/judges/requirements.txt
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
to=$cache/judges-$(sha256sum "$list" | cut -c 1-12)

say() { printf '%s\n' "$*" >&2; }

if [ -f "$to/ready" ]; then
    echo "$to/bin/python"
    exit 0
fi
mkdir -p "$cache"
# Several test processes may want it at once: one makes it, the others wait and find it.
exec 9>"$cache/judges.lock"
flock 9
if [ ! -f "$to/ready" ]; then
    say "judges: the clouds' own SDKs by pip (700 MB on the disk, once)"
    rm -rf "$to"
    python3 -m venv "$to" >&2
    "$to/bin/pip" install --quiet --disable-pip-version-check --no-deps --requirement "$list" >&2
    "$to/bin/pip" check >&2
    touch "$to/ready"
fi
echo "$to/bin/python"
