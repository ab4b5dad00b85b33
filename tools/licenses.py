"""Print the table of docs/licenses.md from the metadata of what is installed: python tools/licenses.py

The direct dependencies are those of pyproject.toml; behind them, by license, all that they bring along.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Licenses by the words that metadata has for them, which are texts of years and habits.
WORDS = {
    "MIT License": "MIT",
    "MIT": "MIT",
    "Apache Software License": "Apache-2.0",
    "Apache 2.0": "Apache-2.0",
    "BSD License": "BSD",
    "FreeBSD": "BSD (FreeBSD)",
    "BSD": "BSD",
    "Python Software Foundation License": "PSF (Python Software Foundation License)",
    "3-Clause BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF (Python Software Foundation License)",
    "NVIDIA Proprietary Software": "LicenseRef-NVIDIA-Proprietary",
}


def license_of(name: str) -> str:
    """What the metadata of an installed distribution says: an SPDX expression, a classifier, or a short text."""
    found = metadata.metadata(name)
    if expression := found.get("License-Expression"):
        return expression
    classifiers = [c.split(" :: ")[-1] for c in found.get_all("Classifier") or () if c.startswith("License :: OSI")]
    text = (found.get("License") or "").strip()
    if classifiers and not (text and "\n" not in text and len(text) < 30):
        return ", ".join(WORDS.get(one, one) for one in classifiers)
    return WORDS.get(text, text.splitlines()[0] if text else "not stated")


def name_and_bound(requirement: str) -> tuple[str, str]:
    """("torch", ">=2.4") of "torch>=2.4"."""
    match = re.fullmatch(r"([\w-]+)(.*)", requirement)
    assert match is not None
    return match[1], match[2]


def brought_along(names: Iterable[str]) -> dict[str, str]:
    """Licenses of what the given distributions require in turn and is installed, without extras."""
    waiting, found = list(names), {}
    while waiting:
        for requirement in metadata.requires(waiting.pop()) or ():
            name = re.sub(r"[^\w-].*", "", requirement.replace(".", "-")).replace("_", "-").lower()
            if "extra ==" in requirement or name in found:
                continue
            try:
                found[name] = license_of(name)
            except metadata.PackageNotFoundError:  # of another platform
                continue
            waiting.append(name)
    return found


def table() -> str:
    """The rows of all dependencies, then those that they bring along by license."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    used: dict[str, tuple[str, list[str]]] = {}
    for extra, requirements in [("always", project["dependencies"]), *project["optional-dependencies"].items()]:
        for name, bound in map(name_and_bound, requirements):
            used.setdefault(name, (bound, []))[1].append(extra)
    lines = ["| Package | Bound | For | License by its metadata | Seen at |", "|---|---|---|---|---|"]
    for name, (bound, extras) in used.items():
        where = ", ".join(extra if extra == "always" else f"`[{extra}]`" for extra in extras)
        cells = (f"`{name}`", f"`{bound}`" if bound else "", where, license_of(name), metadata.version(name))
        lines.append(f"| {' | '.join(cells)} |")
    by_license: dict[str, list[str]] = {}
    for name, text in sorted(brought_along(used).items()):
        if name not in {key.lower() for key in used}:
            by_license.setdefault(text, []).append(name)
    lines += ["", "| License by its metadata | Brought along |", "|---|---|"]
    lines += [f"| {text} | {', '.join(names)} |" for text, names in sorted(by_license.items())]
    return "\n".join(lines)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(table())
