#!/usr/bin/env bash
# Set up and run the main job on generated people: train, evaluate, draw. About five minutes on two cores, beside the
# install. Options go to `pose demo`.
. "$(dirname "$0")/common.sh"
install
exec .venv/bin/pose demo "$@"
