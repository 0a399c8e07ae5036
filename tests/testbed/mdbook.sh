#!/usr/bin/env bash
# Makes mdBook at a pinned version in the cache folder and prints where its program is. Only `make docs` needs it.
set -euo pipefail

version=0.5.4
to=${SPILLWAY_CACHE:-$HOME/.cache/spillway}/mdbook-$version

if [ ! -x "$to/bin/mdbook" ]; then
    printf 'mdbook: %s (some minutes, once)\n' "$version" >&2
    CARGO_TARGET_DIR=$to/build CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 \
        cargo install --quiet --locked --root "$to" --version "$version" --no-default-features --features search mdbook >&2
    rm -rf "$to/build"
fi
echo "$to/bin/mdbook"
