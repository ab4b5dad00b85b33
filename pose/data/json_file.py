"""The one reader of JSON files of annotations and boxes, whose messages say what a file is instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pose.data.foreign import refuse_foreign, refuse_foreign_bytes
from pose.runtime.errors import DataError


def read_json(
    path: Path,
    *,
    what: str = "file",
    missing: str = "check the path, or download the annotations first",
    expected: str = "the download may have been cut off",
) -> Any:
    """Read a JSON file.

    Args:
        what: the file, in the message if there is none.
        missing: what to do if there is no such file.
        expected: the end of the message of a file that is no JSON.
    Raises:
        FileNotFoundError: no such file.
        DataError: it is empty, not UTF-8, no JSON, or of another format, which is named.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {what} {path}; {missing}")
    content = path.read_bytes()
    if not content:
        raise DataError(f"{path} is empty; the download may have been cut off, fetch it again")
    refuse_foreign_bytes(path, content)
    try:
        return json.loads(content)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 ({error}); save it as UTF-8, e.g. from GBK or Latin-1") from error
    except (ValueError, RecursionError) as error:
        if _is_json(content.split(b"\n", 1)[0]) and content.count(b"\n") > 1:
            raise DataError(f"{path} holds a JSON on each line; expected one list of all") from error
        raise DataError(f"{path} is not JSON ({error}); {expected}") from error


def read_document(path: Path, **words: str) -> Any:
    """`read_json`, and refuse the JSON of other tools.

    Raises:
        FileNotFoundError, DataError: see `read_json`; or it is another tool's, which is named.
    """
    document = read_json(path, **words)
    refuse_foreign(path, document)
    return document


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True
