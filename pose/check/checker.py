"""All checks of one split, or of a training and a validation split together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose.check.columns import Split
from pose.check.counts import count_split
from pose.check.detections import check_detections
from pose.check.document import check_document
from pose.check.findings import Findings
from pose.check.people import check_people
from pose.check.pictures import Picture, Progress, check_overlap, check_pictures, look_at_pictures

INPUT_SIZE = (256, 192)


@dataclass(frozen=True, eq=False)
class Checked:
    """A split and what was seen of it.

    Attributes:
        pictures: by row of its images; None if they were not looked at.
        counts: see `count_split`; with `detections` where there are some.
    """

    split: Split
    pictures: list[Picture | None] | None
    counts: dict[str, Any]


def check_split(
    split: Split,
    found: Findings,
    *,
    decode: bool = True,
    detections: Path | None = None,
    input_size: tuple[int, int] = INPUT_SIZE,
    pictures: list[Picture | None] | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Check one split and add to `found`.

    Args:
        decode: False looks at the headers of the pictures only.
        detections: a file of boxes for it.
        pictures: what is known of them already, not to look again.
        progress: called with (pictures done, pictures in all).
    """
    check_document(split, found, has_detections=detections is not None)
    check_people(split, found, input_size=input_size)
    if pictures is None and split.images_dir is not None:
        pictures = look_at_pictures(split, decode=decode, progress=progress)
    if pictures is not None:
        check_pictures(split, pictures, found)
    counts = count_split(split)
    if detections is not None:
        counts["detections"] = check_detections(detections, split, found)
    return Checked(split, pictures, counts)


def check_pair(train: Checked, val: Checked, found: Findings) -> None:
    """What the two splits share."""
    if train.pictures is not None and val.pictures is not None:
        check_overlap((train.split, train.pictures), (val.split, val.pictures), found)


def report(found: Findings, checked: Sequence[Checked]) -> dict[str, Any]:
    """The machine-readable report."""
    return {
        **{f"{level}s": found.count(level) for level in ("error", "warning", "note")},
        "splits": {
            c.split.name: {
                "annotations": str(c.split.path),
                "images": None if c.split.images_dir is None else str(c.split.images_dir),
                "skeleton": c.split.skeleton.to_dict(),
                "counts": c.counts,
            }
            for c in checked
        },
        "findings": [finding.to_dict() for finding in found.all()],
    }
