#!/usr/bin/env bash
# Builds what is measured, measures it, and writes target/bench/<name>.json.
#
#   run.sh                 every benchmark that there is
#   run.sh worker          one of them
#   PROFILE=dev run.sh     measures development builds: quick to make, a little slower to run
#
# A goal that is missed is shown; only what could not run, or a figure that is missing, is an error.
set -euo pipefail

cd "$(dirname "$0")/../.."
profile=${PROFILE:-release}
if [ "$profile" = dev ]; then folder=debug; else folder=$profile; fi
if [ "$#" -gt 0 ]; then names=("$@"); else names=(worker compare controller clouds gateway kafka kube dashboard backtest); fi

say() { printf '%s\n' "$*" >&2; }

for name in "${names[@]}"; do
    [ -f "tests/bench/$name.rs" ] || {
        say "bench: there is no benchmark \`$name\`; there are: worker compare controller clouds gateway kafka kube dashboard backtest"
        exit 2
    }
done

# Ten thousand connections are as many open files, on both of their ends.
ulimit -n "$(ulimit -Hn)" 2>/dev/null || true

say "bench: building ($profile)"
# What no policy can beat takes HiGHS, some minutes of building: only where it is measured.
features=()
case " ${names[*]} " in *" backtest "*) features=(--features spillway/bound) ;; esac
programs=(-p spillway -p spillway-worker -p spillway-gateway)
[ "${names[*]}" = backtest ] && programs=(-p spillway)
cargo build --quiet --profile "$profile" "${programs[@]}" "${features[@]}" --bins
SPILLWAY_BIN_DIR=${SPILLWAY_BIN_DIR:-$(realpath "${CARGO_TARGET_DIR:-target}")/$folder}
export SPILLWAY_BIN_DIR

failed=()
for name in "${names[@]}"; do
    say "bench: $name"
    cargo bench --quiet --profile "$profile" -p spillway-tests --bench "$name" || failed+=("$name")
done
[ "${#failed[@]}" -eq 0 ] || {
    say "bench: could not run: ${failed[*]}"
    exit 1
}
