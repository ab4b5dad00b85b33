"""`pose download`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Optional

import typer

from pose.cli.options import check_writable


def download(
    dataset: Annotated[str, typer.Argument(metavar="coco2017", help="What to fetch.")],
    out: Annotated[Path, typer.Option(help="The dataset's folder.")] = Path("data/coco"),
    part: Annotated[
        Optional[list[str]],  # noqa: UP045
        typer.Option(metavar="NAME", help="annotations, val or train; may be given again. Default: all."),
    ] = None,
    mirror: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="URL", help="Another server with the same paths."),
    ] = None,
) -> None:
    """Fetch COCO 2017's images and annotations: 20 GB.

    The same command goes on where it was stopped; files are checked and unpacked.
    """
    from pose.data import download as source
    from pose.runtime.console import Progress, make_console

    if dataset != "coco2017":
        raise ValueError(f"unknown dataset '{dataset}'; expected coco2017")
    names = [archive.name for archive in source.COCO2017]
    unknown = [name for name in part or [] if name not in names]
    if unknown:
        raise ValueError(f"--part {unknown[0]} is unknown; expected {', '.join(names)}")
    if mirror is not None and not mirror.startswith(("http://", "https://")):
        raise ValueError(f"--mirror {mirror} is no address; expected http://... or https://...")
    archives = [archive for archive in source.COCO2017 if not part or archive.name in part]
    check_writable(out)
    console = make_console()
    bars: list[tuple[str, Progress, float]] = []

    def show(what: str, done: int, total: int) -> None:
        if not bars or bars[-1][0] != what:
            if bars:
                bars[-1][1].__exit__(None, None, None)
            console.print(f"{what} ({total / 1e6:,.1f} MB)", highlight=False)
            bars.append((what, Progress(console, total, done=done).__enter__(), time.monotonic()))
        _, bar, started = bars[-1]
        pace = (done - bar.first) / max(time.monotonic() - started, 1e-3) / 1e6
        bar.reach(f"{what}  {done / 1e6:,.0f} of {total / 1e6:,.0f} MB  {pace:.1f} MB/s", done)

    try:
        fetched = source.download_coco(out, archives, server=mirror or source.SERVER, progress=show)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; the same command goes on from here") from None
    finally:
        if bars:
            bars[-1][1].__exit__(None, None, None)
    print(f"{', '.join(fetched) if fetched else 'everything was there already'}: {out}")
