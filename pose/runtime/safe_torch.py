"""Read files of `torch.save` that anybody may have made: they run no code, and do not grow in memory."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import torch

from pose.runtime.errors import CheckpointError


def read_torch(source: Path | bytes, *, what: str, name: Path) -> Any:
    """What a file holds, on the CPU.

    Args:
        source: the file, or its content.
        what: it should be, for the message.
        name: of the file, for the message.
    Raises:
        CheckpointError: damaged, of other content than tensors and plain data, or made to grow when it is read.
    """
    data = source.read_bytes() if isinstance(source, Path) else source
    try:
        _check_growth(data)
        return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes make torch's reader fail in any way
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{name} is no {what}, or a damaged one: {reason}") from None


def _check_growth(data: bytes) -> None:
    """Refuse what takes much more memory than the file: `torch.save` writes nothing of the kind."""
    pickles = [data]
    if zipfile.is_zipfile(io.BytesIO(data)):
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
            if any(e.compress_type != zipfile.ZIP_STORED for e in entries) or sum(e.file_size for e in entries) > len(
                data
            ):
                raise ValueError("the archive is compressed; torch.save writes it as it is")
            pickles = [archive.read(e) for e in entries if e.filename.endswith(".pkl")]
    if any(b"bytearray" in pickle for pickle in pickles):  # the one function left to it that makes anything
        raise ValueError("it makes arrays of bytes; torch.save writes none")
