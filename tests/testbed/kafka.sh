#!/usr/bin/env bash
# Puts the jars of Apache Kafka (KRaft) into the cache folder and prints where they are.
#
# Maven fetches them with its own checksums held strictly; then each is compared with kafka.sha256.
# A second call finds the folder and does nothing. A half-made folder is never used: it is built beside and renamed.
#
#   kafka.sh          fetch if needed, print the folder
#   kafka.sh --list   fetch, print a new kafka.sha256 (after the version in pom.xml was changed)
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
version=$(sed -n 's|.*<kafka.version>\(.*\)</kafka.version>.*|\1|p' "$here/pom.xml")
cache=${SPILLWAY_CACHE:-$HOME/.cache/spillway}
to=$cache/kafka-$version

say() { printf '%s\n' "$*" >&2; }

list=
[ "${1:-}" = --list ] && list=yes

need() {
    command -v "$1" >/dev/null || {
        say "kafka: $1 is missing; install it (on Debian: apt-get install $2) and try again"
        exit 1
    }
}
# Java runs the broker too, so it is looked for even where the jars are there.
need java openjdk-17-jre-headless

# The list of sums is the stamp: another list means other jars.
if [ -z "$list" ] && cmp -s "$here/kafka.sha256" "$to/kafka.sha256"; then
    echo "$to"
    exit 0
fi
need mvn maven
need sha256sum coreutils
need flock util-linux
java=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
[ "${java:-0}" -ge 17 ] || { say "kafka: Java 17 or newer is needed, here is ${java:-an unknown one}"; exit 1; }

mkdir -p "$cache"
# Several test processes may want it at once: one fetches, the others wait and find it.
exec 9>"$cache/kafka.lock"
flock 9
if [ -z "$list" ] && cmp -s "$here/kafka.sha256" "$to/kafka.sha256"; then
    echo "$to"
    exit 0
fi
work=$(mktemp -d "$cache/kafka.XXXXXX")
trap 'rm -rf "$work"' EXIT
say "kafka: fetching Apache Kafka $version by Maven (55 MB, once)"
mvn --batch-mode --quiet -Dstyle.color=never --strict-checksums --file "$here/pom.xml" \
    dependency:copy-dependencies "-DoutputDirectory=$work/out/libs" | sed "s/\x1b\[[0-9;]*m//g" >&2

if [ -n "$list" ]; then
    (cd "$work/out/libs" && sha256sum -- *.jar)
    exit 0
fi
say "kafka: comparing $(wc -l <"$here/kafka.sha256") jars with kafka.sha256"
(cd "$work/out/libs" && sha256sum --check --strict --quiet "$here/kafka.sha256" >&2) || {
    say "kafka: the jars are not those of kafka.sha256; nothing was kept"
    exit 1
}
extra=$(cd "$work/out/libs" && comm -23 <(printf '%s\n' * | sort) <(awk '{print $2}' "$here/kafka.sha256" | sort))
[ -z "$extra" ] || { say "kafka: jars that kafka.sha256 does not name: $extra"; exit 1; }
cp "$here/kafka.sha256" "$work/out/kafka.sha256"
rm -rf "$to"
mv "$work/out" "$to"
say "kafka: ready in $to"
echo "$to"
