"""Paths as people write them, and as they may be handed on."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from pose.runtime.errors import DataError


def user_path(path: str | os.PathLike[str]) -> Path:
    """The path with `~` at its beginning made the home folder, as a shell does where it sees one.

    Raises:
        DataError: `~name` of nobody here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise DataError(f"{path}: there is no home folder of that name; write the whole path") from None


def expand_home(argument: str) -> str:
    """A word of a command line, or a value of a config, whose path begins with `~`.

    Shells leave it in `--out=~/drawn`, `data.root=~/coco` and in quotes. What is no path stays as it is, such as
    `data.cache=~`, which is YAML for nothing, and so does the home folder of somebody unknown.
    """
    found = re.fullmatch(r"(-{1,2}[\w-]+=)?(~[\w.-]*(?:/.*)?)|([\w.]+=)(~[\w.-]*/.*)", argument, flags=re.DOTALL)
    if found is None:
        return argument
    return (found[1] or found[3] or "") + os.path.expanduser(found[2] or found[4])


def portable(data: Any) -> Any:
    """Plain data, such as a config's, without absolute paths.

    One below the working folder becomes relative to it, and any other one is cut to its last part. What travels
    (weights, exported files, reports) tells nobody how the folders of the machine that made it are called, nor whose
    they are. A skeleton's names are left as they are.
    """
    if isinstance(data, dict):
        return {key: value if key == "skeleton" else portable(value) for key, value in data.items()}
    if isinstance(data, list):
        return [portable(value) for value in data]
    if not isinstance(data, str):
        return data
    if Path(data).is_absolute() and Path(data).is_relative_to(Path.cwd()):
        return Path(data).relative_to(Path.cwd()).as_posix()
    for kind in (PurePosixPath, PureWindowsPath):
        if kind(data).is_absolute():
            return kind(data).name
    return data
