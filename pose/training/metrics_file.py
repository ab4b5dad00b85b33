"""metrics.csv: one row of numbers per epoch, which people open, annotate and save again while the run goes on."""

from __future__ import annotations

import csv
import io
import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose.runtime.errors import DataError
from pose.runtime.files import write_atomic

FIELDS = (
    "epoch",
    "lr",
    "loss",
    "images_per_s",
    "data_wait",
    "seconds",
    "time",
    "memory_mb",
    "unreadable",
    "skipped_batches",
)
_EXPECTED = "expected the rows that `pose train` writes; mend the file, or remove it: training does not need it"


@dataclass(frozen=True)
class MetricsTable:
    """What a metrics.csv holds.

    Attributes:
        fields: the columns, those of the user too.
        rows: the cells by column, as they are written; the epochs are whole numbers.
    """

    fields: tuple[str, ...]
    rows: list[dict[str, str]]


def read_metrics(path: Path, *, metrics: Sequence[str] = ()) -> MetricsTable:
    """Read a metrics.csv; columns of the user's are kept, whatever they hold.

    Args:
        metrics: names of the evaluation's columns, which hold numbers as those of `FIELDS` do.
    Raises:
        FileNotFoundError: there is none.
        DataError: it is damaged; with the file and the row.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no {path}; `pose train` writes it after the first epoch")
    try:
        lines = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))  # spreadsheets put a mark
        header, *body = [line for line in lines if line] or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} is damaged ({error}); {_EXPECTED}") from None
    if not header:
        return MetricsTable((), [])
    if "epoch" not in header or len(set(header)) < len(header):
        raise DataError(f"{path} begins with {','.join(header)!r:.80}, no header with a column 'epoch'; {_EXPECTED}")
    numbers = {*FIELDS, *metrics} - {"time"}
    rows = []
    for number, cells in enumerate(body, start=2):
        if len(cells) > len(header):
            raise DataError(f"{path}, row {number}: {len(cells)} values under {len(header)} columns; {_EXPECTED}")
        row = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=True))
        for name in numbers & row.keys():
            if not _is_number(row[name], whole=name == "epoch"):
                raise DataError(f"{path}, row {number}: {name} is {row[name]!r:.40}; {_EXPECTED}")
        rows.append({**row, "epoch": str(int(float(row["epoch"])))})
    return MetricsTable(tuple(header), rows)


def _is_number(text: str, *, whole: bool) -> bool:
    """Whether a cell is empty or holds a number, which may be infinite or none; an epoch must be a whole one."""
    try:
        value = float(text) if text or whole else 0.0
    except ValueError:
        return False
    if not whole:
        return abs(value) < 1e15 or not math.isfinite(value)
    return 1 <= value < 1e15 and value.is_integer()


class MetricsFile:
    """metrics.csv of a training; it is rewritten whole, so that a crash never leaves half a row.

    Args:
        path: the file; None in processes that write nothing.
        metrics: names of the evaluation's columns.
        keep_epochs: rows that are there already are kept up to this epoch, for a run that is resumed. If some are
            missing, a warning says so.
    Raises:
        DataError: the file that is there is damaged; with the row.
    """

    def __init__(self, path: Path | None, *, metrics: Sequence[str], keep_epochs: int) -> None:
        self.path = path
        self.fields = (*FIELDS, *metrics)
        self.rows: list[Mapping[str, Any]] = []
        if not keep_epochs or path is None:
            return
        table = read_metrics(path, metrics=metrics) if path.is_file() else MetricsTable((), [])
        self.fields += tuple(name for name in table.fields if name not in self.fields)
        self.rows = [row for row in table.rows if int(row["epoch"]) <= keep_epochs]
        missing = keep_epochs - len({row["epoch"] for row in self.rows})
        if missing:
            warnings.warn(
                f"{path} lacks {missing} of the {keep_epochs} epochs that are done: they are missing from its curves "
                "and from the lines at the end",
                stacklevel=3,
            )

    def add(self, row: Mapping[str, Any]) -> None:
        """Append a row, with the time of day (UTC) in `time`."""
        if self.path is None:
            return
        self.rows.append({**row, "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        text = io.StringIO()
        writer = csv.DictWriter(text, self.fields, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomic(self.path, text.getvalue().encode())


def finite_numbers(row: Mapping[str, str]) -> dict[str, float]:
    """The cells of a row that are finite numbers, by column."""
    found = {}
    for name, text in row.items():
        try:
            value = float(text)
        except ValueError:
            continue
        if math.isfinite(value):
            found[name] = value
    return found
