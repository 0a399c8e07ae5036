#!/usr/bin/env bash
# Runs a long trial: tests/soak/run.sh NAME
#
#   delivery jobs through workers and a broker that are killed
#   memory   a worker's memory over many images
#   worlds   made worlds with lying clouds and dying controllers, for MINUTES (5), from SEED (1)
#   crash    the controller dies at every point of a scenario, for each cloud
#   storm    MACHINES (2000) bought and given back, with one call in ten going wrong
#
# `make test` runs a slice of each. A trial prints what it tried, in `make test` too, and ends at the first thing that may never be.
# As `make test` builds them; PROFILE=release with all optimization.
set -euo pipefail

cd "$(dirname "$0")/../.."

trial() {
    cargo test --quiet --profile "${PROFILE:-dev}" --workspace --features spillway/ec2 --bin spillway "trials::$1" \
        -- --nocapture --test-threads 1
}

case ${1:-} in
    delivery | memory)
        cargo build --quiet --profile "${PROFILE:-dev}" --workspace --features spillway/ec2 --bins
        SPILLWAY_SOAK=all cargo test --quiet --profile "${PROFILE:-dev}" --workspace --features spillway/ec2 \
            --test "soak_$1" -- --nocapture
        ;;
    worlds)
        export SPILLWAY_TRIAL_SECONDS=$((${MINUTES:-5} * 60)) SPILLWAY_TRIAL_FIRST=${SEED:-1}
        trial seeds
        ;;
    crash) SPILLWAY_TRIAL_TURNS=1 trial crash ;;
    storm) SPILLWAY_TRIAL_MACHINES=${MACHINES:-2000} trial storm ;;
    *)
        printf 'soak: there is no trial `%s`; there are: delivery memory worlds crash storm\n' "${1:-}" >&2
        exit 2
        ;;
esac
