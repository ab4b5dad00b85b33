"""`pose env`."""

from __future__ import annotations


def env() -> None:
    """Print versions and devices, for bug reports."""
    from pose.runtime.versions import versions

    for name, value in versions().items():
        print(f"{name}: {value}")
