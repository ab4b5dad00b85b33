"""Fetch COCO 2017: resumed where it was cut off, checked by hash, unpacked into the layout of data/README.md.

Standard library only.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import shutil
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pose.runtime.files import write_json, writing

SERVER = "http://images.cocodataset.org"
DONE = "downloaded.json"
CHUNK = 1 << 20
TRIES, PAUSE = 6, 2.0  # seconds before the second try, doubled with each
TIMEOUT = 60.0

Progress = Callable[[str, int, int], None]  # what is done, bytes of it, bytes in all


@dataclass(frozen=True)
class Archive:
    """One zip file.

    Attributes:
        name: to ask for it: "train", "val" or "annotations".
        path: below the server.
        size: bytes.
        sha1: hex digest.
        unpacked: bytes that unpacking adds, about.
        folder: where its members go, below the dataset.
        members: the folder and the start of the names that are unpacked.
    """

    name: str
    path: str
    size: int
    sha1: str
    unpacked: int
    folder: str
    members: str


# Sizes and digests as GluonCV's documentation of MS-COCO and other public loaders have them.
COCO2017 = (
    Archive(
        "annotations",
        "annotations/annotations_trainval2017.zip",
        252_907_541,
        "8551ee4bb5860311e79dace7e79cb91e432e78b3",
        260_000_000,
        "",
        "annotations/person_keypoints_",
    ),
    Archive(
        "val",
        "zips/val2017.zip",
        815_585_330,
        "4950dc9d00dbe1c933ee0170f5797584351d2a41",
        830_000_000,
        "images",
        "val2017/",
    ),
    Archive(
        "train",
        "zips/train2017.zip",
        19_336_861_798,
        "10ad623668ab00c62c096f0ed636d6aff41faca5",
        19_700_000_000,
        "images",
        "train2017/",
    ),
)


def download_coco(
    root: Path,
    archives: Sequence[Archive] = COCO2017,
    *,
    server: str = SERVER,
    progress: Progress | None = None,
) -> list[str]:
    """Fetch and unpack what is not there yet; the same call goes on after an interruption.

    Args:
        root: the dataset's folder.
        server: a mirror with the same paths.
    Returns:
        Names of the archives that were fetched now.
    Raises:
        OSError: no space, or the server cannot be reached; what was fetched stays for the next call.
        ValueError: what came is not the file that was asked for.
    """
    report = progress or (lambda what, done, total: None)
    if root.exists() and not root.is_dir():
        raise ValueError(f"{root} is a file; give a folder for the dataset")
    done = _read_done(root)
    wanted = [archive for archive in archives if done.get(archive.path) != archive.sha1]
    _check_space(root, wanted)
    for archive in wanted:
        target = root / PurePosixPath(archive.path).name
        fetch(f"{server.rstrip('/')}/{archive.path}", target, size=archive.size, sha1=archive.sha1, progress=report)
        unpack(target, root, archive, progress=report)
        done[archive.path] = archive.sha1
        write_json(root / DONE, done)
        target.unlink()
    return [archive.name for archive in wanted]


def fetch(url: str, target: Path, *, size: int, sha1: str, progress: Progress) -> None:
    """Fetch a file of known size and digest, and continue a part that is there already.

    Raises:
        OSError: the server cannot be reached or ends the connection again and again.
        ValueError: the server has another file, or the digest is wrong (then the part is deleted).
    """
    if target.is_file() and target.stat().st_size == size and _sha1(target, progress) == sha1:
        return
    part = target.with_name(target.name + ".part")
    with writing(part.parent):
        part.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(TRIES):
        try:
            _append(url, part, size, progress)
            break
        except urllib.error.HTTPError as error:
            if error.code < 500:
                raise OSError(f"{url}: the server says {error.code} {error.reason}; give a --mirror") from None
            problem: Exception = error
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            problem = error
        if attempt + 1 == TRIES:
            got = part.stat().st_size if part.exists() else 0
            raise OSError(
                f"{url}: {getattr(problem, 'reason', problem)}, {TRIES} times; {got:,} of {size:,} bytes are there, "
                f"and the same command goes on from them"
            )
        time.sleep(PAUSE * 2**attempt)
    found = _sha1(part, progress)
    if found != sha1:
        part.unlink()
        raise ValueError(
            f"{url}: what came has SHA-1 {found}, expected {sha1}; it is deleted. Try again, or another --mirror"
        )
    part.replace(target)


def _append(url: str, part: Path, size: int, progress: Progress) -> None:
    """Fetch what a part lacks; raises if the connection ends before that."""
    have = part.stat().st_size if part.exists() else 0
    if have > size:
        part.unlink()
        have = 0
    if have == size:
        return
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
        if have and response.status != 206:  # the server starts from the beginning
            have = 0
        total = have + int(response.headers.get("Content-Length") or size - have)
        if total != size:
            raise ValueError(f"{url} has {total:,} bytes, expected {size:,}; it is another file, give a --mirror")
        with writing(part):
            file = part.open("ab" if have else "wb", buffering=0)  # with a buffer, its end could fail once more
        with file:
            while have < size and (data := response.read(min(CHUNK, size - have))):
                with writing(part):
                    _write_all(file, data)
                have += len(data)
                progress(f"fetching {part.name.removesuffix('.part')}", have, size)
    if have < size:
        raise ConnectionError("the connection ended early")


def _write_all(file: io.FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[file.write(rest) :]


def _sha1(path: Path, progress: Progress) -> str:
    digest, total, done = hashlib.sha1(usedforsecurity=False), path.stat().st_size, 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            done += len(data)
            progress(f"checking {path.name.removesuffix('.part')}", done, total)
    return digest.hexdigest()


def unpack(path: Path, root: Path, archive: Archive, *, progress: Progress) -> int:
    """Unpack the members asked for, and leave files that are there with the right size; returns how many there are.

    Raises:
        ValueError: not a zip file, or without such members, or a name leaves the folder.
    """
    base = (root / archive.folder).resolve()
    try:
        with zipfile.ZipFile(path) as zipped:
            members = [m for m in zipped.infolist() if m.filename.startswith(archive.members) and not m.is_dir()]
            if not members:
                raise ValueError(f"{path} holds nothing that starts with {archive.members}; delete it")
            total, done = sum(m.file_size for m in members), 0
            for member in members:
                target = (base / member.filename).resolve()
                if base not in target.parents:
                    raise ValueError(f"{path}: {member.filename} leaves the folder; delete it")
                if not (target.is_file() and target.stat().st_size == member.file_size):
                    with writing(target):
                        _unpack_member(zipped, member, target)
                done += member.file_size
                progress(f"unpacking {path.name}", done, total)
            return len(members)
    except zipfile.BadZipFile as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and run the command again") from None


def _unpack_member(zipped: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        with zipped.open(member) as source, part.open("wb") as file:
            shutil.copyfileobj(source, file, CHUNK)
        part.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def _check_space(root: Path, wanted: Sequence[Archive]) -> None:
    """Archives are deleted one by one, so that only the largest is there beside what is unpacked.

    Raises:
        OSError: not enough.
    """
    if not wanted:
        return
    place = next(p for p in (root, *root.resolve().parents) if p.exists())
    there = 0
    for archive in wanted:
        name = PurePosixPath(archive.path).name
        for path in (root / name, root / f"{name}.part"):
            with contextlib.suppress(OSError):
                there += path.stat().st_size
    needed = sum(a.unpacked for a in wanted) + max(a.size for a in wanted) - there
    free = shutil.disk_usage(place).free
    if free < needed:
        raise OSError(
            f"{root} needs {needed / 1e9:.1f} GB for {', '.join(a.name for a in wanted)}, {place} has "
            f"{free / 1e9:.1f} GB free; free some space, choose another --out, or fetch less with --part"
        )


def _read_done(root: Path) -> dict[str, str]:
    try:
        found = json.loads((root / DONE).read_bytes())
    except (OSError, ValueError):
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}
