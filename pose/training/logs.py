"""What a run tells of itself beside metrics.csv: TensorBoard, and the last lines of a training."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from pose.runtime import system
from pose.runtime.console import duration
from pose.runtime.folder_lock import make_folder, refuse_gone
from pose.runtime.text import plural, shell_word
from pose.training.metrics_file import finite_numbers, read_metrics

if TYPE_CHECKING:
    import torch

    from pose.images.types import Image


def peak_memory_mb(device: torch.device) -> int | None:
    """The peak of memory so far, in MiB: of the GPU if training uses one, else of this process."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) // 2**20
    return system.peak_memory_mb()


class TensorBoard:
    """Numbers and images for TensorBoard where it is installed; does nothing elsewhere, nor without a folder.

    Not torch's SummaryWriter: its thread prints a traceback when the disk is full, its error names no file, and its
    images are PNGs, four times as large as these JPEGs. Each event here is appended at once, by TensorBoard's own
    record writer.

    Args:
        purge_step: what earlier files of the folder say from this epoch on does not count, for a run that is resumed.
    Attributes:
        on: whether anything is written, so that images need not be drawn for nobody.
    Raises:
        OSError: not writable or disk full, with the file's name; here and from all that adds.
    """

    def __init__(self, folder: Path | None, *, purge_step: int | None) -> None:
        self.on = False
        if folder is None:
            return
        try:
            from tensorboard.compat.proto.event_pb2 import Event
            from tensorboard.summary.writer.record_writer import RecordWriter
        except ImportError:
            return
        self.on, self.event, self.record_writer = True, Event, RecordWriter
        self.path = folder / f"events.out.tfevents.{time.time_ns()}.{os.getpid()}"
        make_folder(folder)
        self._write(file_version="brain.Event:2")
        if purge_step is not None:
            self._write(step=purge_step, session_log={"status": "START"})

    def add(self, row: Mapping[str, Any]) -> None:
        """Add the numbers of an epoch."""
        numbers = {key: value for key, value in row.items() if key != "epoch" and isinstance(value, int | float)}
        values = [{"tag": key, "simple_value": value} for key, value in numbers.items()]
        self._write(step=row["epoch"], summary={"value": values})

    def add_image(self, name: str, image_rgb: Image, *, epoch: int) -> None:
        """Add an image (H, W, 3) uint8, after this number of epochs."""
        import cv2

        height, width = image_rgb.shape[:2]
        data = cv2.imencode(".jpg", image_rgb[..., ::-1])[1].tobytes()
        image = {"height": height, "width": width, "colorspace": 3, "encoded_image_string": data}
        self._write(step=epoch, summary={"value": [{"tag": name, "image": image}]})

    def _write(self, **event: Any) -> None:
        if not self.on:
            return
        try:
            with self.path.open("ab") as file:
                self.record_writer(file).write(self.event(wall_time=time.time(), **event).SerializeToString())
        except OSError as error:
            refuse_gone(self.path.parent)
            raise OSError(f"cannot write {self.path}: {error.strerror or error}; free some space") from error


def print_end(run: Path, console: Console) -> None:
    """Print what a complete run gave, where its files are, and what to do next.

    Raises:
        FileNotFoundError, DataError: metrics.csv is missing or damaged.
    """
    table = read_metrics(run / "metrics.csv", metrics=("AP", "top1"))
    rows = [finite_numbers(row) for row in table.rows]
    seconds = sum(row.get("seconds", 0.0) for row in rows)
    lines = [f"done: {plural(len(rows), 'epoch')} in {duration(seconds)}, in {run}"]
    metric = next((name for name in ("AP", "top1") if name in table.fields), "")
    scored = [row for row in rows if metric in row]
    if scored:
        top = max(row[metric] for row in scored)
        equal = [row for row in scored if row[metric] == top]
        best = equal[-1 if top == 0 else 0]  # as best.safetensors is: at 0 the latest, see `Schedule.judge`
        lines.append(f"  best   {metric} {best[metric]:.3f}, epoch {best['epoch']:.0f}: best.safetensors")
    if rows:
        tb = ", tb/" if (run / "tb").is_dir() else ""
        lines.append(f"  last   epoch {rows[-1]['epoch']:.0f}: last.safetensors; every epoch: metrics.csv{tb}")
    speeds, waits = ([row[name] for row in rows if name in row] for name in ("images_per_s", "data_wait"))
    if speeds and waits:
        trend = f", from {speeds[0]:.0f} in the first epoch to {speeds[-1]:.0f} in the last" if len(rows) > 1 else ""
        lines.append(
            f"  speed  {statistics.median(speeds):.0f} images/s{trend}; {statistics.median(waits):.0%} of the time "
            "waiting for data"
        )
    unreadable = max((row.get("unreadable", 0) for row in rows), default=0)
    skipped = rows[-1].get("skipped_batches", 0) if rows else 0
    if unreadable or skipped:
        lines.append(
            f"  not used: up to {unreadable:.0f} unreadable images an epoch, {skipped:.0f} bad batches in all"
        )
    lines.append(f"  next   pose eval {shell_word(run)}; pose report {shell_word(run)}")
    if any((run / "tb").glob("events.*")):
        lines.append(f"         tensorboard --logdir {shell_word(run / 'tb')}")
    console.print("\n".join(lines), highlight=False)
