# Sourced by demo.sh and test.sh: makes .venv and installs the project into it, again when what the install depends on has changed.
set -eu
cd "$(dirname "${BASH_SOURCE[0]}")/.."

install() { # install [EXTRA]
    local extra="${1:-}" stamp python
    local sources="pyproject.toml setup.py pose/csrc/*.c pose/csrc/*.h"
    python="${PYTHON:-python3}"
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11" >&2
        exit 2
    fi
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    stamp=".venv/installed${extra}"
    if ! cat $sources | cmp -s - "$stamp"; then
        echo "Installing into .venv (some minutes the first time) ..."
        .venv/bin/python -m pip install --quiet --disable-pip-version-check -e ".${extra}"
        cat $sources >"$stamp"
    fi
}
