#!/usr/bin/env bash
# Set up, then linter, type checker and tests. Options go to pytest.
. "$(dirname "$0")/common.sh"
install "[dev]"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
.venv/bin/python -m pytest "$@"
