"""Look before writing: a file that is there is replaced only if an earlier command of the same kind wrote it.

Folders and files tell by their own content whose they are, so that nothing else has to lie beside them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from pose.runtime.errors import DataError

EVALUATION_FILES = ("config.yaml", "results.json", "metrics.json", "analysis.json")
_MARK = "# written by pose eval: "


def refuse_foreign(targets: Iterable[Path], *, ours: bool, writer: str, option: str = "--out") -> None:
    """Check that files can be written without loss.

    Args:
        ours: whether what is there was written by an earlier command of the same kind.
        writer: that command, for the message.
        option: that gives the place another name.
    Raises:
        DataError: one of the files is there, and it is not ours.
    """
    foreign = None if ours else next((target for target in targets if os.path.lexists(target)), None)
    if foreign is not None:
        raise DataError(f"{foreign} exists and was not written by {writer}; give another {option}")


def holds_json_of(path: Path, **expected: Any) -> bool:
    """Whether a file is a JSON object with all these entries; `...` stands for any value."""
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(data, dict) and all(
        key in data and value in (..., data[key]) for key, value in expected.items()
    )


def contains(path: Path, text: str) -> bool:
    """Whether the bytes of a file contain this text."""
    try:
        return text.encode() in path.read_bytes()
    except OSError:
        return False


def evaluation_mark(folder: Path, *, checkpoint: Path, data: Path, boxes: str, settings: Sequence[str] = ()) -> str:
    """The first line of the config.yaml of an evaluation, a comment that says what is evaluated there.

    Args:
        folder: of the evaluation. A run that is moved keeps its evaluations, so the checkpoint is named from here.
        checkpoint: the file of weights.
        data: the annotations, or the folder of images.
        boxes: "gt", or the file that they come from.
        settings: by which its numbers may differ from what the checkpoint's own config gives: overrides and options.
    """
    try:
        where = os.path.relpath(checkpoint.resolve(), folder.resolve())
    except ValueError:  # another drive of Windows
        where = str(checkpoint.resolve())
    found = Path(boxes).resolve() if Path(boxes).is_file() else boxes
    entries: dict[str, Any] = {"checkpoint": where, "data": str(data.resolve()), "boxes": str(found)}
    if settings:
        entries["settings"] = sorted(settings)
    return _MARK + json.dumps(entries) + "\n"


def check_evaluation_folder(folder: Path, mark: str) -> None:
    """Check that an evaluation can be written into a folder.

    Args:
        mark: the line of `evaluation_mark` for this folder.
    Raises:
        DataError: the folder holds the evaluation of something else, or files that are not of an evaluation.
    """
    try:
        with (folder / "config.yaml").open(encoding="utf-8", errors="replace") as file:
            first = file.readline()
    except OSError:
        first = ""
    if first.startswith(_MARK) and first != mark:
        raise DataError(
            f"{folder} holds the evaluation of another model, or with other data, boxes or settings; give another "
            "--out"
        )
    targets = (folder / name for name in EVALUATION_FILES)
    refuse_foreign(targets, ours=first == mark, writer="`pose eval` of this version")
