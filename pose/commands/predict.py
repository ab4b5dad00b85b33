"""`pose predict`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from pose.commands.common import BatchSize, Device, pick_workers
from pose.commands.predict_video import is_video, predict_one_video


def predict(
    checkpoint: Annotated[Path, typer.Argument(help="A .safetensors file, or a run folder for its best one.")],
    out: Annotated[Path, typer.Option(help="Folder for pictures and predictions.json; of a video, an .mp4.")],
    inputs: Annotated[
        Optional[list[Path]],  # noqa: UP045 (typer reads it at run time)
        typer.Argument(metavar="IMAGE|DIR...|VIDEO", help="Pictures, or folders of them; or one video."),
    ] = None,
    boxes: Annotated[
        str, typer.Option(metavar="whole|FILE", help="The whole image as one person, or a JSON of boxes.")
    ] = "whole",
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
    from pose.engine.loggers import Progress, make_console
    from pose.predict_files import predict_files
    from pose.predictor import Predictor

    console = make_console()
    inputs = inputs or []
    videos = [path for path in inputs if is_video(path)]
    if (camera is None) == (not inputs):
        raise ValueError("give pictures, folders or a video, or --camera N; not both")
    if videos and len(inputs) > 1:
        raise ValueError(f"{videos[0]} is a video; give it alone, one at a time")
    if (videos or camera is not None) and heatmaps:
        raise ValueError("--heatmaps is for pictures; a video has too many frames")
    predictor = Predictor.from_checkpoint(checkpoint, device=device, flip_test=flip_test, batch_size=batch_size or 64)
    if videos or camera is not None:
        video: Path | int = videos[0] if camera is None else camera
        predict_one_video(predictor, video, out=out, boxes=boxes, threshold=threshold, smooth=smooth)
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
            boxes=boxes if boxes == "whole" else Path(boxes),
            heatmaps=heatmaps,
            threshold=threshold,
            workers=pick_workers(workers, predictor.device),
            progress=show,
        )
    finally:
        for bar in progress:
            bar.__exit__(None, None, None)
    print(summary)
