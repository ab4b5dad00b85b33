#!/usr/bin/env bash
# torch version 2.11.0.
# Behaviour: inside a function that torch.compile compiles, torch.compiler.is_exporting() is True, though nothing is
# exported. Called eagerly it is False, as its documentation says; in version 2.14.1 it is False in both.
# Guess: it tells an export from a compilation, which is what it is there for.
# Seen: eager False, compiled True.
# Why it matters: layers ask it to leave out a custom kernel in exported graphs, where no runtime knows the kernel. With
# this version they leave it out in every compiled training too: silently slower, and by other arithmetic than eagerly.
# Instead: read the flag torch.compiler._is_exporting_flag, which torch.compile sees as it is, or compare in a test which
# path a compiled layer takes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.11.0 numpy==2.2.6

"$folder/venv/bin/python" - <<'PY'
import torch


def layer(x: torch.Tensor) -> torch.Tensor:
    return x + 1 if torch.compiler.is_exporting() else x


def flag(x: torch.Tensor) -> torch.Tensor:
    return x + 1 if torch.compiler._is_exporting_flag else x


x = torch.zeros(1)
seen = {
    "eager": bool(layer(x)),
    "compiled": bool(torch.compile(layer, backend="eager", fullgraph=True)(x)),
    "flag, compiled": bool(torch.compile(flag, backend="eager", fullgraph=True)(x)),
}
print(f"torch {torch.__version__}: is_exporting() says {seen}")
assert seen == {"eager": False, "compiled": True, "flag, compiled": False}, seen
PY
