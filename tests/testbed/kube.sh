#!/usr/bin/env bash
# Puts a Kubernetes control plane for tests into the cache folder and prints where it is.
#
# In `bin/`: etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kubectl, kwok, helm.
# `kwok-stages.yaml` is what kwok needs to play nodes and pods: pass it with `--config`.
#
# Go builds them from the module proxy. What exactly is in kube/*/go.mod, with the sums of every module in go.sum;
# etcd is the version that this Kubernetes was built with. About 12 minutes of two cores and 4 GB of disk, once;
# 550 MB stay.
# A second call finds the folder and does nothing. A half-made folder is never used: it is built beside and renamed.
# A build that was interrupted goes on where it was.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
modules=$here/kube
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}

say() { printf '%s\n' "$*" >&2; }

version() { # folder, module
    sed -n "s|^\(require \)\?\t\?$2 \(v[^ ]*\).*|\2|p" "$modules/$1/go.mod" | head -n 1
}
kubernetes=$(version kubernetes k8s.io/kubernetes)
kwok=$(version kwok sigs.k8s.io/kwok)
helm=$(version helm helm.sh/helm/v4)
to=$cache/kube-${kubernetes#v}-${kwok#v}-${helm#v}

# Raised when this script makes something else of the same modules.
recipe=1
# The stamp: other modules or another recipe mean other programs.
stamp() {
    echo "recipe $recipe"
    cat "$modules"/{kubernetes,kwok,helm}/go.{mod,sum}
}

if cmp -s <(stamp) "$to/stamp"; then
    echo "$to"
    exit 0
fi
need() { # program, Debian package
    command -v "$1" >/dev/null || {
        say "kube: $1 is missing; install it (on Debian: apt-get install $2) and try again"
        exit 1
    }
}
need go golang
need flock util-linux
go_has=$(go env GOVERSION)
go_has=${go_has#go}
go_wants=$(sed -n 's/^go //p' "$modules"/*/go.mod | sort -V | tail -n 1)
# In the order of versions the wanted one comes first, or both are the same.
[ "$(printf '%s\n' "$go_wants" "$go_has" | sort -V | head -n 1)" = "$go_wants" ] || {
    say "kube: Go $go_wants or newer is needed, here is $go_has"
    exit 1
}

mkdir -p "$cache"
# Several test processes may want it at once: one builds, the others wait and find it.
exec 9>"$cache/kube.lock"
flock 9
if cmp -s <(stamp) "$to/stamp"; then
    echo "$to"
    exit 0
fi
# Modules and build results are kept apart from the caller's, and only until the build is done.
go_cache=$cache/kube-go
export GOMODCACHE=$go_cache/mod GOCACHE=$go_cache/build
export GOTOOLCHAIN=local GOWORK=off CGO_ENABLED=0
# Nothing may change go.mod or go.sum: a module with another sum ends the build.
export GOFLAGS="-mod=readonly -modcacherw -trimpath -buildvcs=false ${GOFLAGS:-}"

work=$(mktemp -d "$cache/kube.XXXXXX")
trap 'rm -rf "$work"' EXIT
out=$work/out
mkdir -p "$out/bin"

build() { # folder, program, package, linker flags
    say "kube: building $2"
    (cd "$modules/$1" && go build -ldflags "-s -w $4" -o "$out/bin/$2" "$3")
}
minor=${kubernetes#v1.}
kubernetes_flags=
for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    kubernetes_flags+=" -X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=${minor%%.*}"
done
say "kube: building Kubernetes $kubernetes, kwok $kwok and Helm $helm by Go (about 12 minutes, once)"
build helm helm helm.sh/helm/v4/cmd/helm "-X helm.sh/helm/v4/internal/version.version=$helm"
build kwok kwok sigs.k8s.io/kwok/cmd/kwok "-X sigs.k8s.io/kwok/pkg/consts.Version=$kwok"
build kubernetes etcd go.etcd.io/etcd/server/v3 ""
for program in kube-apiserver kube-controller-manager kube-scheduler kubectl; do
    build kubernetes "$program" "k8s.io/kubernetes/cmd/$program" "$kubernetes_flags"
done

stages=$(cd "$modules/kwok" && go list -m -f '{{.Dir}}' sigs.k8s.io/kwok)/kustomize/stage
for stage in node/fast node/heartbeat-with-lease pod/fast; do
    for file in "$stages/$stage"/*.yaml; do
        [ "${file##*/}" != kustomization.yaml ] || continue
        printf -- '---\n# %s/%s\n' "$stage" "${file##*/}" | sed "s|$stages/||"
        cat "$file"
    done
done >"$out/kwok-stages.yaml"

stamp >"$out/stamp"
rm -rf "$to"
mv "$out" "$to"
# 3 GB that nobody needs again before the versions change.
rm -rf "$go_cache"
say "kube: ready in $to"
echo "$to"
