"""What is meant by a name under which there is no file."""

from __future__ import annotations

import glob
import re
import unicodedata
from pathlib import Path
from urllib.parse import quote, unquote

from pose.runtime.text import first_few

_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]+):/{1,3}|data:", flags=re.I
)  # Path makes one stroke of two; C: is a drive
CHECK_THE_PATH = "check the path"  # where a name tells nothing
_STREAMS = ("rtsp", "rtsps", "rtmp", "rtmps", "udp", "tcp", "srt", "mms", "hls")


def is_url(text: str) -> bool:
    """Whether a text is a URL, also one that was made a `Path`."""
    return _URL.match(text) is not None


def is_pattern(text: str) -> bool:
    """Whether a text has wildcards, as a shell would have resolved them."""
    return glob.has_magic(text)


def explain_missing(path: Path | str) -> str:
    """Why there is no such file, as far as its name tells, and what to do: the end of a message."""
    text = str(path)
    url = _URL.match(text)
    if url is not None:
        return _explain_url(text, (url["scheme"] or "data").lower())
    there = _other_spelling(Path(text))
    if there is not None:
        return f"there is {there}, whose name is spelled otherwise ({_difference(Path(text).name, there.name)})"
    if is_pattern(text):
        if matches := sorted(glob.glob(text, recursive=True)):
            return f"it is a pattern, and one file is taken here; give one of {first_few(matches)}"
        return "nothing has such a name; patterns take * and ? for letters and ** for folders"
    return CHECK_THE_PATH


def _explain_url(text: str, scheme: str) -> str:
    if scheme == "file":
        return f"it is a URL; write the path: {unquote(re.sub(r'^file:/+', '/', text, flags=re.I))}"
    if scheme in _STREAMS:
        return "it is a stream, and no streams are read here; record it into a file, e.g. by ffmpeg, and give that"
    return "it is a URL, and nothing is downloaded here; save the file and give its path"


def _other_spelling(path: Path) -> Path | None:
    """A file that is there under the same name with its letters written otherwise."""
    text = str(path)
    ways = [unquote(text), quote(text), unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text)]
    ways += [str(path.with_suffix(change(path.suffix))) for change in (str.lower, str.upper)] if path.suffix else []
    return next((Path(way) for way in ways if way != text and "\0" not in way and Path(way).is_file()), None)


def _difference(given: str, there: str) -> str:
    if there in (unquote(given), quote(given)):
        return "one of the two is URL-encoded"
    if unicodedata.normalize("NFC", given) == unicodedata.normalize("NFC", there):
        return "another Unicode form of the same letters"
    return "capital letters"
