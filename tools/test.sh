#!/usr/bin/env bash
# Set up, then linter, type checker and tests, by two processes. Options go to pytest; -n 0 has them in one process.
. "$(dirname "$0")/common.sh"
install "[dev]"
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
# Networks are tiny in tests: several threads in each process would only wait for each other.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
.venv/bin/python -m pytest -n 2 --dist worksteal "$@"
