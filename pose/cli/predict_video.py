"""`pose predict` on a video or a camera, and `pose clip`, which makes a video to try it on."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pose.inference.video import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from pose.inference.base import PredictorBase


def is_video(path: Path) -> bool:
    """Whether a name is that of a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES


def predict_one_video(
    predictor: PredictorBase,
    source: Path | int,
    *,
    out: Path,
    boxes: str,
    threshold: float,
    min_box_score: float,
    smooth: bool,
) -> None:
    """Run a file, or the camera of a number until Ctrl-C, with progress to stderr and the summary to stdout."""
    from pose.inference.video.predict import predict_video
    from pose.inference.video.reading import open_camera, open_video
    from pose.inference.video.writing import h264_by
    from pose.runtime.console import Progress, make_console
    from pose.runtime.stop import StopRequest

    if isinstance(source, int) and boxes not in ("whole", "detect"):
        raise ValueError("--boxes FILE is for videos: a camera's frames are not known beforehand; give detect")
    console = make_console()
    video = open_camera(source) if isinstance(source, int) else open_video(source)
    if h264_by() is None:
        console.print(
            "writing mp4v, which browsers do not play; pip install av for H.264",
            highlight=False,
        )
    if video.live:
        console.print(f"recording {video.name} into {out}; Ctrl-C ends it", highlight=False)
    with StopRequest() as stop, contextlib.ExitStack() as stack:
        bar = stack.enter_context(Progress(console, video.frames)) if video.frames else None
        told = time.monotonic()

        def show(done: int, total: int | None, pace: float) -> None:
            nonlocal told
            if bar is not None:
                bar.update(f"frames  {pace:.1f} frames/s", steps=1)
            elif time.monotonic() - told >= (1 if console.is_terminal else 30):  # nobody knows how many will come
                told = time.monotonic()
                end = "\r" if console.is_terminal else "\n"
                console.print(f"{done} frames  {pace:.1f} frames/s", end=end, highlight=False)

        summary = predict_video(
            predictor,
            video,
            out=out,
            boxes=boxes,
            threshold=threshold,
            min_box_score=min_box_score,
            smooth=smooth,
            progress=show,
            stop=lambda: stop.received is not None,
        )
    print(summary)
    if summary.stopped and not video.live:
        raise typer.Exit(128 + (stop.received or 0))


def clip(
    out: Annotated[Path, typer.Argument(help="The video, an .mp4; its true boxes and tracks go beside it as .json.")],
    people: Annotated[int, typer.Option(min=1, max=5, help="How many walk through the image.")] = 2,
    frames: Annotated[int, typer.Option(min=1, help="Length at 15 frames a second.")] = 90,
    level: Annotated[str, typer.Option(help="easy, normal, hard or wild: light, backdrop and noise.")] = "easy",
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
) -> None:
    """Generate a video of people who walk past each other.

    Their true boxes, keypoints and tracks go beside it.
    """
    from pose.inference.video.writing import VideoWriter
    from pose.runtime.console import Progress, make_console
    from pose.runtime.files import write_json
    from pose.runtime.folder_lock import lock_output
    from pose.runtime.text import plural
    from pose.synthetic.clip import FPS, SIZE, render_clip, truth_records

    if out.suffix.lower() != ".mp4":
        raise ValueError(f"{out} is no video; name it with .mp4")
    truth = out.with_suffix(".json")
    for target in (out, truth):
        if target.exists():
            raise ValueError(f"{target} exists; delete it or give another name")
    records = []
    rendered = render_clip(seed, frames=frames, people=people, level=level)
    with (
        lock_output(out.parent, name=out.name),
        VideoWriter(out, size=SIZE, fps=FPS) as writer,
        Progress(make_console(), frames) as progress,
    ):
        for number, frame in enumerate(rendered):
            writer.write(frame.image, number / FPS)
            records += truth_records(number, frame)
            progress.update("frames")
    write_json(truth, records, indent=None)
    print(f"{plural(frames, 'frame')} of {plural(people, 'person', 'people')}: {out}, {truth}")
