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
    pick_workers,
)
from pose.cli.predict_video import is_video, predict_one_video

if TYPE_CHECKING:
    from pose.inference.detector import Detector


def predict(
    checkpoint: Annotated[Path, typer.Argument(help=CHECKPOINT_OR_ONNX)],
    out: Annotated[Path, typer.Option(help="Folder for pictures and predictions.json; of a video, an .mp4.")],
    inputs: Annotated[
        Optional[list[Path]],  # noqa: UP045 (typer reads it at run time)
        typer.Argument(metavar="IMAGE|DIR...|VIDEO", help="Pictures, or folders of them; or one video."),
    ] = None,
    boxes: Annotated[
        str,
        typer.Option(
            metavar="whole|detect|FILE", help="The whole image as one person, people found first, or a JSON of boxes."
        ),
    ] = "whole",
    min_box_score: Annotated[
        Optional[float],  # noqa: UP045
        typer.Option(min=0, help="Boxes that score less are left out. Default: 0.5 with detect, else 0."),
    ] = None,
    detector: DetectorName = "ssdlite",
    weights: DetectorWeights = None,
    heatmaps: Annotated[bool, typer.Option("--heatmaps", help="Also write each person's heatmaps.")] = False,
    threshold: Annotated[float, typer.Option(help="Keypoints that score less are not drawn.")] = 0.2,
    flip_test: Annotated[
        bool, typer.Option("--flip-test/--no-flip-test", help="Average with the mirrored crop.")
    ] = True,
    camera: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=0, metavar="N", help="Record from camera N until Ctrl-C, instead of files."),
    ] = None,
    smooth: Annotated[bool, typer.Option("--smooth/--no-smooth", help="One-Euro filter on videos.")] = True,
    device: Device = "auto",
    batch_size: BatchSize = None,
    workers: Annotated[
        Optional[int],  # noqa: UP045 (typer reads it at run time)
        typer.Option(min=0, help="Threads that read images ahead; 0 reads them in turn. Default: by machine."),
    ] = None,
) -> None:
    """Find keypoints in pictures or a video and draw them."""
    from pose.inference.detector import MIN_SCORE, load_detector
    from pose.inference.predict_images import predict_files
    from pose.runtime.console import Progress, make_console

    console = make_console()
    inputs = inputs or []
    videos = [path for path in inputs if is_video(path)]
    if (camera is None) == (not inputs):
        raise ValueError("give pictures, folders or a video, or --camera N; not both")
    if videos and len(inputs) > 1:
        raise ValueError(f"{videos[0]} is a video; give it alone, one at a time")
    if (videos or camera is not None) and heatmaps:
        raise ValueError("--heatmaps is for pictures; a video has too many frames")
    if weights is not None and boxes != "detect":
        raise ValueError("--weights are the detector's; they need --boxes detect")
    if min_box_score is None:
        min_box_score = MIN_SCORE if boxes == "detect" else 0.0
    finder: str | Detector = detector
    if boxes == "detect":  # before the work, not in it
        from pose.runtime.device import pick_device

        finder = load_detector(detector, weights=weights, device=pick_device(device), min_score=min_box_score)
    predictor = pose.load(checkpoint, device, flip_test=flip_test, batch_size=batch_size or 64, detector=finder)
    if heatmaps:
        predictor.check_heatmaps()
    if videos or camera is not None:
        video: Path | int = videos[0] if camera is None else camera
        predict_one_video(
            predictor, video, out=out, boxes=boxes, threshold=threshold, min_box_score=min_box_score, smooth=smooth
        )
        return
    progress: list[Progress] = []

    def show(done: int, total: int) -> None:
        if not progress:
            progress.append(Progress(console, total).__enter__())
        progress[0].reach("pictures", done)

    try:
        summary = predict_files(
            predictor,
            inputs,
            out=out,
            boxes=boxes,
            heatmaps=heatmaps,
            threshold=threshold,
            min_box_score=min_box_score,
            workers=pick_workers(workers, predictor.device),
            progress=show,
        )
    finally:
        for bar in progress:
            bar.__exit__(None, None, None)
    print(summary)
