#!/usr/bin/env bash
# Makes the checking tools at pinned versions in the cache folder and prints the folder of their programs.
set -euo pipefail

deny=0.20.2
typos=1.52.0
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
to=$cache/tools-deny-$deny-typos-$typos

say() { printf '%s\n' "$*" >&2; }

if [ ! -x "$to/bin/typos" ]; then
    say "tools: typos $typos"
    python3 -m venv "$to/venv" >&2
    "$to/venv/bin/pip" install --quiet --disable-pip-version-check "typos==$typos" >&2
    mkdir -p "$to/bin"
    ln -sf ../venv/bin/typos "$to/bin/typos"
fi
if [ ! -x "$to/bin/cargo-deny" ]; then
    say "tools: cargo-deny $deny (a few minutes, once)"
    CARGO_TARGET_DIR=$to/build CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo install --quiet --locked --root "$to" --version "$deny" cargo-deny >&2
    rm -rf "$to/build"
fi
echo "$to/bin"
