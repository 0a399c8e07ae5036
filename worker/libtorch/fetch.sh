#!/usr/bin/env bash
# Makes libtorch 2.11.0 (CPU, x86-64) in the cache folder out of pinned Python wheels and prints where it is.
#
# The wheels carry CUDA too; only what a CPU process loads is kept (430 MB of 2.5 GB).
# A second call finds the folder and does nothing. A half-made folder is never used: it is built beside and renamed.
set -euo pipefail

version=2.11.0
here=$(cd "$(dirname "$0")" && pwd)
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
to=$cache/libtorch-$version-cpu

say() { printf '%s\n' "$*" >&2; }

if [ -f "$to/build-version" ]; then
    echo "$to"
    exit 0
fi
[ "$(uname -sm)" = "Linux x86_64" ] || {
    say "libtorch: this recipe is for Linux on x86-64; set LIBTORCH to a libtorch $version of your own instead"
    exit 1
}
for tool in python3 gcc unzip; do
    command -v "$tool" >/dev/null || { say "libtorch: $tool is missing; install it and try again"; exit 1; }
done

mkdir -p "$cache"
work=$(mktemp -d "$cache/libtorch.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "libtorch: fetching $version (540 MB, once)"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
    --python-version 3.11 --implementation cp --abi cp311 --abi none \
    --platform manylinux_2_28_x86_64 --platform manylinux_2_25_x86_64 \
    --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
    --dest "$work/wheels" --requirement "$here/requirements.txt"

say "libtorch: unpacking"
mkdir -p "$work/out/lib"
unzip -q "$work"/wheels/torch-*.whl 'torch/include/*' \
    torch/lib/libc10.so torch/lib/libtorch_cpu.so torch/lib/libgomp.so.1 'torch-*/licenses/*' \
    -d "$work/torch"
unzip -q -j "$work"/wheels/nvidia_cuda_cupti-*.whl '*/libcupti.so.13' -d "$work/out/lib"
unzip -q -j "$work"/wheels/nvidia_cuda_runtime-*.whl '*/libcudart.so.13' -d "$work/out/lib"
mv "$work/torch/torch/include" "$work/out/include"
mv "$work"/torch/torch/lib/* "$work/out/lib/"
# The wheel's own libtorch.so needs the CUDA libraries: this one only leads on to the CPU part.
(cd "$work/out/lib" && gcc -shared -o libtorch.so -Wl,-soname,libtorch.so -Wl,--no-as-needed \
    -L. -ltorch_cpu -lc10 "-Wl,-rpath,\$ORIGIN")
echo "$version" >"$work/out/build-version"
rm -rf "$to"
mv "$work/out" "$to"
say "libtorch: ready in $to"
echo "$to"
