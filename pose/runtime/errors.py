"""Errors that users can mend; the message says what was got, what was expected and the fix.

All are ValueErrors, so that a program which catches those needs to know nothing of this package. A file that is not
there is Python's own FileNotFoundError.
"""

from __future__ import annotations

import importlib.util


class PoseError(ValueError):
    """Something given to this package is wrong."""


class DataError(PoseError):
    """Annotations, boxes or images."""


class ConfigError(PoseError):
    """A config file or an override."""


class CheckpointError(PoseError):
    """A file of weights, or the state of a run."""


class MissingPackage(PoseError):
    """A library that this part needs is not installed."""

    def __init__(self, what: str, *packages: str) -> None:
        super().__init__(
            f"{what} needs {' and '.join(packages)}, not installed here: pip install {' '.join(packages)}"
        )


def require(what: str, **modules: str) -> None:
    """Check that libraries are installed before work that needs them.

    Args:
        what: the part that needs them, as the subject of a sentence.
        modules: package names by the module that it provides, such as `av="av"`.
    Raises:
        MissingPackage: with the command that installs those which are not.
    """
    missing = [package for module, package in modules.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingPackage(what, *missing)
