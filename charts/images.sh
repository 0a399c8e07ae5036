#!/usr/bin/env bash
# Builds the container images of controller, worker and gateway into this machine's container storage, and prints
# their names.
#
#   images.sh [--gpu] [FOLDER]    FOLDER holds the programs; target/release if it is not given
#
# SPILLWAY_IMAGE_BASE names the image to build on: Debian of the release that the programs were built on.
# Without it one is made of Debian's packages, so that no registry is needed.
# LIBTORCH is the libtorch that goes into the worker's image. With --gpu it must be one with CUDA, and the worker
# one that was built with it: the image is then called spillway-worker-cuda, and it is the only one that is built.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
version=$(sed -n 's/^appVersion: //p' "$here/spillway/Chart.yaml")
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
libtorch=${LIBTORCH:-$cache/libtorch-2.11.0-cpu}

say() { printf '%s\n' "$*" >&2; }

gpu=
if [ "${1:-}" = --gpu ]; then
    gpu=yes
    shift
fi
programs=${1:-$root/target/release}

for tool in buildah strip; do
    command -v "$tool" >/dev/null || {
        say "images: $tool is missing; tests/testbed/packages.sh images installs it"
        exit 1
    }
done
if [ -n "$gpu" ] && [ ! -f "$libtorch/lib/libtorch_cuda.so" ]; then
    say "images: $libtorch has no CUDA: set LIBTORCH to a libtorch 2.11.0 that has, and build the worker with it"
    exit 1
fi
wanted=(spillway-worker)
[ -n "$gpu" ] || wanted+=(spillway spillway-gateway)
for program in "${wanted[@]}"; do
    [ -x "$programs/$program" ] || {
        say "images: there is no $program in $programs: make build"
        exit 1
    }
done

mkdir -p "$cache"
# One at a time: the base is made once.
exec 9>"$cache/images.lock"
flock 9
work=$(mktemp -d "$cache/images.XXXXXX")
trap 'rm -rf "$work"' EXIT

# Debian without what only people need: programs, their libraries, certificates, a shell for `helm test`.
debian() {
    # shellcheck source=/dev/null
    . /etc/os-release
    if [ "$ID" != debian ] || [ "$(id -u)" != 0 ] || ! command -v debootstrap >/dev/null; then
        say "images: a base is made by root on Debian with debootstrap; elsewhere set SPILLWAY_IMAGE_BASE,"
        say "for example to docker.io/library/debian:bookworm-slim with ca-certificates and libstdc++6"
        exit 1
    fi
    base=localhost/spillway-base:$VERSION_CODENAME
    ! buildah inspect --type image "$base" >/dev/null 2>&1 || return 0
    say "images: making a base of Debian $VERSION_CODENAME (once)"
    debootstrap --variant=minbase --include=ca-certificates,libstdc++6,zlib1g "$VERSION_CODENAME" "$work/base" >"$work/log" || {
        tail -n 20 "$work/log" >&2
        exit 1
    }
    echo "deb http://deb.debian.org/debian-security $VERSION_CODENAME-security main" >>"$work/base/etc/apt/sources.list"
    chroot "$work/base" sh -c 'apt-get update -qq && apt-get upgrade -qq -y' >>"$work/log" 2>&1 || {
        tail -n 20 "$work/log" >&2
        exit 1
    }
    (cd "$work/base" && rm -rf var/cache/apt/* var/lib/apt/lists/* var/log/* usr/share/{doc,man,info,locale}/* tmp/*)
    container=$(buildah from scratch)
    buildah add --quiet "$container" "$work/base" / >/dev/null
    buildah commit --quiet --rm "$container" "$base" >/dev/null
    rm -rf "$work/base"
}
# The base with ffmpeg, for workers that take videos: a layer below the worker's own, which no release changes.
with_ffmpeg() {
    local of=$base container id
    container=$(buildah from "$of")
    id=$(buildah inspect --format '{{.FromImageID}}' "$container")
    base=localhost/spillway-base-ffmpeg:${id:0:12}
    if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
        say "images: adding ffmpeg to $of (once)"
        # shellcheck disable=SC2016 # it is the container's shell that reads it
        buildah run --isolation chroot --user 0:0 --env DEBIAN_FRONTEND=noninteractive "$container" -- sh -c '
            apt-get update -qq && apt-get install -qq -y --no-install-recommends ffmpeg &&
                rm -rf /var/cache/apt/* /var/lib/apt/lists/* /var/log/* /usr/share/doc /usr/share/man' >"$work/log" 2>&1 || {
            tail -n 20 "$work/log" >&2
            say "images: ffmpeg cannot be installed into $of, which has to be Debian's or have apt"
            exit 1
        }
        buildah commit --quiet "$container" "$base" >/dev/null
    fi
    buildah rm "$container" >/dev/null
}
base=${SPILLWAY_IMAGE_BASE:-}
[ -n "$base" ] || debian

build() { # image, Containerfile
    local old new
    old=$(buildah images --quiet "localhost/$1:$version" 2>/dev/null || true)
    say "images: building localhost/$1:$version"
    # Its whole content is one layer above the base: nothing that a later step removes stays in it.
    buildah build --quiet --isolation chroot --layers=false --build-arg "BASE=$base" \
        --label "org.opencontainers.image.title=$1" --label "org.opencontainers.image.version=$version" \
        --label org.opencontainers.image.licenses=Apache-2.0 \
        --file "$root/$2" --tag "localhost/$1:$version" "$work/context" >&2
    rm -rf "$work/context"
    new=$(buildah images --quiet "localhost/$1:$version")
    # Half a gigabyte that nobody can name any more; a container that still stands on it keeps it.
    [ -z "$old" ] || [ "$old" = "$new" ] || buildah rmi "$old" >/dev/null 2>&1 || true
    echo "localhost/$1:$version"
}
put() { # program
    mkdir -p "$work/context"
    strip --strip-debug -o "$work/context/$1" "$programs/$1"
}

if [ -z "$gpu" ]; then
    put spillway
    build spillway-controller controller/Containerfile
fi
put spillway-worker
cp -r --dereference "$root/worker/models/demo" "$work/context/models"
mkdir "$work/context/lib"
cp --dereference "$libtorch"/lib/*.so* "$work/context/lib/"
plain=$base
with_ffmpeg
build "spillway-worker${gpu:+-cuda}" worker/Containerfile
base=$plain

if [ -z "$gpu" ]; then
    put spillway-gateway
    # It says what can be asked for, and loads no model.
    mkdir "$work/context/models"
    cp "$root/worker/models/demo/modelset.yaml" "$work/context/models/"
    build spillway-gateway worker/gateway/Containerfile
fi
