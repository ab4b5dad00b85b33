"""Write files whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pose.runtime.folder_lock import make_folder, refuse_gone


def write_atomic(
    path: str | os.PathLike[str], data: bytes | memoryview, *, flush: bool = True, previous: Path | None = None
) -> None:
    """Put `data` into `path` so that a reader sees the old file or the new one, never a part.

    Args:
        flush: to the disk, so that it survives a power cut. False for many files that can be made again.
        previous: name for the old file, in the same folder, which it gets once the new one is whole on the disk.
            Between the two renames there is no `path`; a reader then takes this.
    Raises:
        OSError: not writable or disk full, with the path; the old file is as it was. Or a folder that this process
            has locked is no longer there.
    """
    target = Path(path)
    try:
        make_folder(target.parent)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=part_prefix(target), suffix=".part")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                if flush:
                    file.flush()
                    os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_UMASK)  # mkstemp makes files that only their owner can read
            if previous is not None and target.exists():
                os.replace(target, previous)
            os.replace(temporary, target)
            if flush:
                _flush_folder(target.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        refuse_gone(target.parent)  # in this very moment
        raise _unwritable(target, error) from error


def write_together(files: Mapping[Path, bytes]) -> None:
    """`write_atomic` of new files that belong together: where one cannot be written, none stays.

    Raises:
        OSError: not writable or disk full, with the path.
    """
    written: list[Path] = []
    try:
        for path, data in files.items():
            write_atomic(path, data)
            written.append(path)
    except BaseException:
        for path in written:
            with contextlib.suppress(OSError):
                path.unlink()
        raise


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Say in errors of the system what could not be written, and what to do.

    Raises:
        OSError: with the path.
    """
    try:
        yield
    except OSError as error:
        raise _unwritable(target, error) from error


def _unwritable(target: Path, error: OSError) -> OSError:
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
    fix = "choose another folder or free some space" if full else "choose another folder"
    return OSError(f"cannot write {target}: {error.strerror or error}; {fix}")


def part_prefix(target: Path) -> str:
    """Of an unfinished file: its name, cut so that it stays below 255 bytes where the name itself does."""
    return f".{target.name[:40]}."


def write_json(path: str | os.PathLike[str], data: Any, *, indent: int | None = 2) -> None:
    """`write_atomic` of JSON; NaN and infinities are refused, as other readers refuse them."""
    write_atomic(path, (json.dumps(data, indent=indent, allow_nan=False) + "\n").encode())


def sha256(path: Path) -> str:
    """The SHA-256 of what a file holds, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_unchanged(path: Path) -> bytes:
    """Read a file that another program may be writing.

    Raises:
        OSError: not readable, or it changed meanwhile.
    """
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        data = file.read()
        after = os.fstat(file.fileno())
    if len(data) != after.st_size or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise OSError("it changed while it was read; give the command again once it is written")
    return data


def remove_leftovers(folder: Path) -> None:
    """Delete the unfinished files of writers that were killed; only for the one who alone writes into the folder."""
    for path in folder.glob(".*.part"):
        with contextlib.suppress(OSError):
            path.unlink()


def _flush_folder(folder: Path) -> None:
    """Bring a file's new name to the disk too; some systems cannot, and there the name follows a little later."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _current_umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


_UMASK = _current_umask()
