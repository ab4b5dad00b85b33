"""Decoded images kept on disk, for those who ask for it.

An entry is a header and the raw pixels, mapped into memory when it is read, so that only the rows of a crop
come from the disk. It is found by the image's path, size and time of change. So a changed image is decoded anew, but
for one of the very same size whose time was set back to the former one's, as `rsync -t` or `cp -p` may do.
Several processes may use a folder at once: entries appear whole (written aside, then renamed) and never change.
One that a crash or power cut left torn fails its length or checksum and is written again.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import struct
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from pose.images.read import read_image
from pose.images.types import Image
from pose.runtime.files import write_atomic

_MAGIC = b"poseimg2"  # with the format's version; part of the key too
_FIELDS = struct.Struct("<8sIIIQI")  # magic, height, width, channels, bytes of pixels, their CRC-32
_HEADER = _FIELDS.size + 4  # and a CRC-32 of the fields
_STALE_SECONDS = 3600.0  # a file still unfinished after this is a crashed process's


class DiskCache:
    """`read_image` that keeps what it decoded in a folder.

    When the folder is full nothing is added or removed: in training every image is needed once an epoch, and then
    what was not used for longest is what comes next.

    Args:
        folder: made if it is missing. Delete it to free the space; nothing else is lost.
        max_bytes: of all its files. The folder is measured anew after every 64th of this that a process writes, so
            several processes can exceed it by as much each.
    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path | str, *, max_bytes: int) -> None:
        self.folder, self.max_bytes = Path(folder).resolve(), max_bytes
        self._checked: set[str] = set()  # entries whose checksum this process knows to be right
        self._size: int | None = None  # of the folder, when last measured
        self._written = 0  # since then
        self._full = False
        write_atomic(self.folder / "README.txt", b"Decoded images of `pose` (data.cache). Safe to delete.\n")

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_checked": set(), "_size": None, "_written": 0, "_full": False}

    def __call__(self, path: Path) -> Image:
        """The image, (H, W, 3) uint8 RGB, read-only if it comes from the folder.

        Raises:
            FileNotFoundError, ValueError: as `read_image`.
        """
        key = self._key(path)
        if key is None:
            return read_image(path)  # which says what is wrong
        entry = self.folder / key[:2] / f"{key}.raw"
        image = self._load(entry, key)
        if image is None:
            image = read_image(path)
            self._store(entry, image)
        return image

    def _key(self, path: Path) -> str | None:
        try:
            state = os.stat(path)
        except OSError:
            return None
        text = f"{os.path.abspath(path)}\0{state.st_size}\0{state.st_mtime_ns}".encode(errors="surrogateescape")
        return hashlib.sha256(_MAGIC + text).hexdigest()[:40]

    def _load(self, entry: Path, key: str) -> Image | None:
        """None if there is no whole entry."""
        try:
            with entry.open("rb") as file:
                data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # missing, or empty
            return None
        if len(data) < _HEADER:
            return None
        fields = data[: _FIELDS.size]
        magic, height, width, channels, length, checksum = _FIELDS.unpack(fields)
        (header_checksum,) = struct.unpack_from("<I", data, _FIELDS.size)
        if magic != _MAGIC or zlib.crc32(fields) != header_checksum:
            return None
        if len(data) != _HEADER + length or length != height * width * channels:
            return None
        pixels = np.frombuffer(data, dtype=np.uint8, offset=_HEADER)
        if key not in self._checked:
            if zlib.crc32(pixels.data) != checksum:
                return None
            self._checked.add(key)
        return pixels.reshape(height, width, channels)

    def _store(self, entry: Path, image: Image) -> None:
        if self._full:
            return
        if self._size is None or self._written > self.max_bytes // 64:
            self._size, self._written = self._measure(), 0
        needed = _HEADER + image.nbytes
        if self._size + self._written + needed > self.max_bytes:
            self._full = True
            return
        pixels = np.ascontiguousarray(image)
        fields = _FIELDS.pack(_MAGIC, *image.shape, image.nbytes, zlib.crc32(pixels.data))
        header = fields + struct.pack("<I", zlib.crc32(fields))
        try:
            write_atomic(entry, header + pixels.tobytes(), flush=False)
        except OSError as error:
            self._full = True
            warnings.warn(f"data.cache gets no more images: {error}", stacklevel=2)
        else:
            self._written += needed

    def _measure(self) -> int:
        """Bytes of all files; what a crashed process left unfinished is removed."""
        total, now = 0, time.time()
        for path in self.folder.rglob("*"):
            try:
                state = path.stat()
                if path.suffix == ".part" and now - state.st_mtime > _STALE_SECONDS:
                    path.unlink()
                elif path.is_file():
                    total += state.st_size
            except OSError:  # another process was faster
                continue
        return total
