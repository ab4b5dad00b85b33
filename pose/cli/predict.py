"""`pose predict`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

import pose
from pose.cli.options import (
    CHECKPOINT_OR_ONNX,
    BatchSize,
    DetectorName,
    DetectorWeights,
    Device,
    ReadingThreads,
    pick_workers,
)
from pose.cli.predict_video import is_video, predict_one_video

if TYPE_CHECKING:
    from pose.inference.detector import Detector

Checkpoint = Annotated[Path, typer.Argument(help=CHECKPOINT_OR_ONNX)]
Out = Annotated[Path, typer.Option(help="Folder for drawings and predictions.json; of a video, an .mp4.")]
Inputs = Annotated[
    Optional[list[Path]],  # noqa: UP045 (typer reads it at run time)
    typer.Argument(metavar="IMAGE|DIR...|VIDEO", help="Pictures, or folders of them; or one video."),
]
BoxChoice = Annotated[
    str,
    typer.Option(
        metavar="whole|detect|FILE", help="The whole image as one person, people found first, or a JSON of boxes."
    ),
]
MinBoxScore = Annotated[
    Optional[float],  # noqa: UP045
    typer.Option(min=0, help="Boxes that score less are left out. Default: 0.5 with detect, else 0."),
]
Heatmaps = Annotated[bool, typer.Option("--heatmaps", help="Also write each person's heatmaps.")]
Threshold = Annotated[float, typer.Option(min=-1, help="Keypoints that score less are not drawn.")]  # and no NaN
FlipTest = Annotated[
    bool,
    typer.Option(
        "--flip-test/--no-flip-test", help="Average with the mirrored crop. An .onnx file does as it was exported."
    ),
]
Camera = Annotated[
    Optional[int],  # noqa: UP045
    typer.Option(min=0, metavar="N", help="Record from camera N until Ctrl-C, instead of files."),
]
Smooth = Annotated[bool, typer.Option("--smooth/--no-smooth", help="One-Euro filter on videos.")]


def predict(
    checkpoint: Checkpoint,
    out: Out,
    inputs: Inputs = None,
    boxes: BoxChoice = "whole",
    min_box_score: MinBoxScore = None,
    detector: DetectorName = "ssdlite",
    weights: DetectorWeights = None,
    heatmaps: Heatmaps = False,
    threshold: Threshold = 0.2,
    flip_test: FlipTest = True,
    camera: Camera = None,
    smooth: Smooth = True,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: ReadingThreads = None,
) -> None:
    """Find keypoints in images or a video and draw them."""
    from pose.inference.predict_images import predict_images
    from pose.runtime.console import Progress, make_console

    video = _video_of(inputs or [], camera, heatmaps=heatmaps)
    # Before the work, not in it.
    finder, min_box_score = load_finder(
        boxes, detector=detector, weights=weights, device=device, min_box_score=min_box_score
    )
    predictor = pose.load(checkpoint, device, flip_test=flip_test, batch_size=batch_size or 64, detector=finder)
    if heatmaps:
        predictor.check_heatmaps()
    if video is not None:
        predict_one_video(
            predictor, video, out=out, boxes=boxes, threshold=threshold, min_box_score=min_box_score, smooth=smooth
        )
        return
    console = make_console()
    with Progress(console, 0) as progress:
        summary = predict_images(
            predictor,
            inputs or [],
            out=out,
            boxes=boxes,
            heatmaps=heatmaps,
            threshold=threshold,
            min_box_score=min_box_score,
            workers=pick_workers(workers, predictor.device),
            progress=lambda done, total: progress.reach("images", done, total=total),
            tell=lambda line: console.print(line, highlight=False),
        )
    print(summary)


def _video_of(inputs: list[Path], camera: int | None, *, heatmaps: bool) -> Path | int | None:
    """The video or the number of the camera; None where the inputs are images.

    Raises:
        ValueError: they do not go together.
    """
    videos = [path for path in inputs if is_video(path)]
    if (camera is None) == (not inputs):
        raise ValueError("give images, folders or a video, or --camera N; not both")
    if videos and len(inputs) > 1:
        raise ValueError(f"{videos[0]} is a video; give it alone, one at a time")
    if (videos or camera is not None) and heatmaps:
        raise ValueError("--heatmaps is for images; a video has too many frames")
    return camera if camera is not None else videos[0] if videos else None


def load_finder(
    boxes: str, *, detector: str, weights: Path | None, device: str, min_box_score: float | None
) -> tuple[Detector | str, float]:
    """The detector, loaded where --boxes asks for it, and the score that boxes need.

    Raises:
        ValueError: weights for no detector.
    """
    if boxes != "detect":
        if weights is not None:
            raise ValueError("--weights are the detector's; they need --boxes detect")
        return detector, min_box_score or 0.0
    from pose.inference.detector import MIN_SCORE, is_exported, load_detector

    score = MIN_SCORE if min_box_score is None else min_box_score
    if is_exported(detector):  # without PyTorch
        return load_detector(detector, weights=weights, min_score=score), score
    from pose.runtime.device import pick_device

    return load_detector(detector, weights=weights, device=pick_device(device), min_score=score), score
