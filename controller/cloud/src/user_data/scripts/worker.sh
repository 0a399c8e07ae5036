#!/bin/bash
# Runs the worker, with the machine's own name and the secret added to what it was given.
set -eu
here=$(dirname "$0")
. "$here/cloud.sh"
load "$here/worker.env"
SPILLWAY_INSTANCE=$(instance_id)
[ -n "$SPILLWAY_INSTANCE" ]
# The controller knows the worker by its machine's name.
export SPILLWAY_INSTANCE SPILLWAY_WORKER_ID=$SPILLWAY_INSTANCE
secret=$SPILLWAY_SECRET_FILE
state=$(dirname "$SPILLWAY_ATTEMPTS_FILE")
# The worker may run as any user.
mkdir -p "$state" && chmod 1777 "$state"

if [ -n "${SPILLWAY_PROGRAM:-}" ]; then
  load "$secret"
  exec "$SPILLWAY_PROGRAM" "$@"
fi

# A model set that was brought here; one in the image is where the image has it.
models=()
if [ -n "${SPILLWAY_MODEL_SET_URI:-}" ]; then
  models=(--volume "$SPILLWAY_MODEL_SET:$SPILLWAY_MODEL_SET:ro")
fi
run=(run --rm --replace --name spillway-worker --device nvidia.com/gpu=all)
engine=podman
if ! command -v podman >/dev/null; then
  engine=docker
  docker rm --force spillway-worker >/dev/null 2>&1 || true
  run=(run --rm --name spillway-worker --gpus all)
fi
# The host's network: the metadata service is then one hop away, and stays closed to what is further.
exec "$engine" "${run[@]}" --network host --security-opt label=disable \
  --env-file "$here/worker.env" --env-file "$secret" \
  --env SPILLWAY_INSTANCE --env SPILLWAY_WORKER_ID \
  --volume "$(dirname "$SPILLWAY_LEASE_FILE"):$(dirname "$SPILLWAY_LEASE_FILE")" --volume "$state:$state" \
  "${models[@]}" "$SPILLWAY_IMAGE" "$@"
