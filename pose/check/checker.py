"""All checks of one split, or of a training and a validation split together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pose.check.columns import Split, with_sizes
from pose.check.counts import count_split
from pose.check.detections import check_detections
from pose.check.document import check_document
from pose.check.findings import Findings
from pose.check.image_files import FileProbe, Progress, check_files, check_overlap, probe_files, sizes_taken
from pose.check.people import check_people

INPUT_SIZE = (256, 192)


@dataclass(frozen=True, eq=False)
class Checked:
    """A split and what was seen of it.

    Attributes:
        probes: what its image files hold, by row of its images; None if they were not looked at.
        counts: see `count_split`; with `detections` where there is a file of them.
    """

    split: Split
    probes: list[FileProbe | None] | None
    counts: dict[str, Any]


def check_split(
    split: Split,
    found: Findings,
    *,
    decode: bool = True,
    detections: Path | None = None,
    input_size: tuple[int, int] = INPUT_SIZE,
    probes: list[FileProbe | None] | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Check one split and add what is wrong to `found`.

    Args:
        decode: False looks at the headers of the images only.
        detections: a file of boxes for it.
        probes: what is known of the files already, not to look again.
        progress: called with (images done, images in all).
    """
    check_document(split, found, has_detections=detections is not None)
    if probes is None and split.images_dir is not None:
        probes = probe_files(split, decode=decode, progress=progress)
    sized = split
    if probes is not None:
        check_files(split, probes, found)
        sized = with_sizes(split, sizes_taken(split, probes))  # people are judged as training takes them
    check_people(sized, found, input_size=input_size)
    counts = count_split(split)
    if detections is not None:
        counts["detections"] = check_detections(detections, sized, found)
    return Checked(split, probes, counts)


def check_pair(train: Checked, val: Checked, found: Findings) -> None:
    """Check what the two splits share."""
    if train.probes is not None and val.probes is not None:
        check_overlap((train.split, train.probes), (val.split, val.probes), found)


def report(found: Findings, checked: Sequence[Checked]) -> dict[str, Any]:
    """Make the machine-readable report."""
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
