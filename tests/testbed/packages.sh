#!/usr/bin/env bash
# Installs the system packages that a build needs and that are missing, by apt; says what to install where it cannot.
# With a word it asks for more: `browser` for a browser, `bound` for what the bound of backtests is built with,
# `rules` for promtool, `images` for what builds and runs container images, `videos` for ffmpeg.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

missing=()
need() { # program, Debian package
    command -v "$1" >/dev/null || missing+=("$2")
}
need cmake cmake
need g++ g++
need make make
need perl perl
need nasm nasm
need pkg-config pkg-config
need unzip unzip
need curl curl
need openssl openssl
# Judges the scripts that bought machines run.
need shellcheck shellcheck
if [ "${1:-}" = browser ]; then need chromium chromium; fi
# HiGHS' bindings are made with libclang, which is no program.
if [ "${1:-}" = bound ] && ! compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null; then missing+=(libclang-dev); fi
if [ "${1:-}" = rules ]; then need promtool prometheus; fi
if [ "${1:-}" = videos ]; then need ffmpeg ffmpeg; fi
if [ "${1:-}" = images ]; then
    need buildah buildah
    need debootstrap debootstrap
fi
for tool in cargo python3; do
    command -v "$tool" >/dev/null || { say "$tool is missing: install it and try again"; exit 1; }
done
[ ${#missing[@]} -gt 0 ] || exit 0

if command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    say "installing ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq >&2
    apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
else
    say "missing: ${missing[*]}"
    say "install them, on Debian or Ubuntu: sudo apt-get install ${missing[*]}"
    exit 1
fi
