#!/usr/bin/env bash
# Runs every test of the workspace: the slow ones, which mostly wait, beside all others.
# Both select the whole workspace, so that one set of features, and one build, serves both.
set -euo pipefail

beside=(clouds_gone demo weighted)
# AWS too: its adapter's crate is built in any case.
features=(--workspace --features spillway/ec2)

others=$(cargo metadata --format-version 1 --no-deps | python3 -c '
import json, sys
beside = sys.argv[1:]
packages = json.load(sys.stdin)["packages"]
targets = [target for package in packages for target in package["targets"] if target["kind"] == ["test"]]
# What needs a feature that is not on by default is for whoever turns it on.
tests = {target["name"] for target in targets if "required-features" not in target}
missing = set(beside) - tests
assert not missing, f"no such tests: {missing}"
print(*sorted(tests - set(beside)))
' "${beside[@]}")

log=$(mktemp)
trap 'kill "${slow-}" 2>/dev/null || true; rm -f "$log"' EXIT
cargo test --no-fail-fast "${features[@]}" "${beside[@]/#/--test=}" >"$log" 2>&1 &
slow=$!

# Fails late, so that both are heard of.
failed=0
# shellcheck disable=SC2086 # names without blanks
cargo test --no-fail-fast "${features[@]}" --lib --bins --examples $(printf -- '--test=%s ' $others) || failed=$?
cargo test "${features[@]}" --doc || failed=$?
wait "$slow" || failed=$?
slow=
cat "$log"
exit "$failed"
