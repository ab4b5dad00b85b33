"""`pose export` and `pose export-detector`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from pose.cli.options import CHECKPOINT, DetectorWeights, check_writable
from pose.runtime.errors import require


def export(
    checkpoint: Annotated[Path, typer.Argument(help=CHECKPOINT)],
    onnx: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(help="The file to write, an .onnx; its metadata go beside it, as .json."),
    ] = None,
    flip_test: Annotated[
        bool,
        typer.Option(
            "--flip-test/--no-flip-test", help="Average with the mirrored crop, inside the graph: twice the time."
        ),
    ] = False,
    heatmaps: Annotated[bool, typer.Option("--heatmaps", help="Give the heatmaps too, as a third output.")] = False,
    int8: Annotated[bool, typer.Option("--int8", help="Quantize the weights.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="Store the weights in half precision: half the file.")] = False,
    calibrate: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(metavar="DIR", help="Images of one person each, for --int8. Default: generated people."),
    ] = None,
    network_only: Annotated[
        bool, typer.Option("--network-only", help="From normalized images to heatmaps only, for converters.")
    ] = False,
    batch: Annotated[
        Optional[int],  # noqa: UP045
        typer.Option(min=1, help="Images at a time, of --network-only. Default: 1."),
    ] = None,
    to: Annotated[
        Optional[str],  # noqa: UP045
        typer.Option(metavar="openvino", help="Also write another format beside the file: OpenVINO's .xml and .bin."),
    ] = None,
    web: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Instead of --onnx: a folder with a page that runs the model in a browser."),
    ] = None,
    wasm: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="The npm package onnxruntime-web, which --web copies two files of."),
    ] = None,
) -> None:
    """Write a model as one ONNX file, compared with PyTorch."""
    _check_choices(
        onnx=onnx,
        web=web,
        wasm=wasm,
        flip_test=flip_test,
        heatmaps=heatmaps,
        int8=int8,
        fp16=fp16,
        calibrate=calibrate,
        network_only=network_only,
        batch=batch,
        to=to,
    )
    if web is not None:
        _export_web(checkpoint, web, wasm, fp16=fp16)
        return
    assert onnx is not None
    _check_target(onnx)
    require("export", onnx="onnx", onnxruntime="onnxruntime", **({"openvino": "openvino"} if to else {}))

    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.export.export import export_onnx
    from pose.export.network_only import FORMAT as NETWORK_FORMAT
    from pose.export.network_only import export_network
    from pose.export.openvino import SUFFIXES
    from pose.inference.onnx_predictor import FORMAT

    _refuse_foreign(onnx, FORMAT, NETWORK_FORMAT, beside=SUFFIXES if to else ())
    loaded = load_checkpoint(checkpoint)
    if network_only:
        print(export_network(loaded, onnx, batch=batch or 1))
        return
    options = {"flip_test": flip_test, "heatmaps": heatmaps, "int8": int8, "fp16": fp16}
    print(export_onnx(loaded, onnx, **options, calibrate=calibrate, openvino=to is not None))


def _check_choices(
    *,
    onnx: Path | None,
    web: Path | None,
    wasm: Path | None,
    flip_test: bool,
    heatmaps: bool,
    int8: bool,
    fp16: bool,
    calibrate: Path | None,
    network_only: bool,
    batch: int | None,
    to: str | None,
) -> None:
    """Refuse options that do not go together.

    Raises:
        ValueError: the message says which one to leave out.
    """
    if (onnx is None) == (web is None):
        raise ValueError("give --onnx FILE for a file, or --web DIR for a page")
    if web is not None:
        if flip_test or heatmaps or int8 or network_only or (calibrate, batch, to) != (None, None, None):
            raise ValueError("--web writes a model of its own; leave out what is for --onnx")
        return
    if wasm is not None:
        raise ValueError("--wasm is for --web")
    if calibrate is not None and not int8:
        raise ValueError("--calibrate is for --int8; leave it out, or add --int8")
    if int8 and fp16:
        raise ValueError("--int8 and --fp16 are two ways to store the weights; leave one out")
    if network_only and (flip_test or heatmaps or int8 or fp16):
        raise ValueError(
            "--network-only gives float heatmaps alone; leave out --flip-test, --heatmaps, --int8 and --fp16"
        )
    if batch is not None and not network_only:
        raise ValueError("--batch is for --network-only; other files take any batch")
    if to not in (None, "openvino"):
        raise ValueError(
            f"--to takes openvino, got {to!r}; docs/runtimes.md has the ways to TFLite, CoreML and others"
        )
    if to and (network_only or int8 or fp16):
        raise ValueError("--to openvino converts the float file; leave out --network-only, --int8 and --fp16")


def _export_web(checkpoint: Path, folder: Path, wasm: Path | None, *, fp16: bool) -> None:
    require("export", onnx="onnx", onnxruntime="onnxruntime")
    if folder.suffix.lower() == ".onnx":
        raise ValueError(f"--web {folder} is a folder with a page; name it without .onnx, or give --onnx {folder}")
    check_writable(folder, option="--web")

    from pose.checkpoints.checkpoint import load_checkpoint
    from pose.export.metadata import header_path
    from pose.export.web_page import MODEL, PAGE, RUNTIME, export_web, runtime_files
    from pose.inference.onnx_predictor import FORMAT
    from pose.runtime.outputs import holds_json_of, refuse_foreign

    header = header_path(folder / MODEL)
    written = [header, folder / MODEL, *(folder / name for name in PAGE + (RUNTIME if wasm else ()))]
    refuse_foreign(written, ours=holds_json_of(header, format=FORMAT), writer="`pose export --web`", option="--web")
    runtime = runtime_files(wasm) if wasm else None
    exported, hint = export_web(load_checkpoint(checkpoint), folder, runtime=runtime, fp16=fp16)
    print(f"{exported}\n{hint}")


def export_detector(
    onnx: Annotated[Path, typer.Option(help="The file to write, an .onnx.")],
    weights: DetectorWeights = None,
) -> None:
    """Write the detector ssdlite as one ONNX file.

    `pose predict`, `pose detect` and `pose.load` take it by --detector, and then need no PyTorch.
    """
    _check_target(onnx)
    require("export-detector", onnx="onnx", onnxruntime="onnxruntime")

    from pose.export.detector import export_detector as write
    from pose.inference.detector import TorchvisionDetector, load_detector
    from pose.inference.onnx_detector import FORMAT

    _refuse_foreign(onnx, FORMAT)
    detector = load_detector("ssdlite", weights=weights)
    assert isinstance(detector, TorchvisionDetector)
    print(write(detector.model, onnx))


def _check_target(onnx: Path) -> None:
    if onnx.suffix.lower() != ".onnx":
        raise ValueError(f"--onnx {onnx} is no ONNX file; name it with .onnx")
    if onnx.is_dir():
        raise ValueError(f"--onnx {onnx} is a folder; name a file in it, e.g. {onnx / 'm.onnx'}")
    check_writable(onnx.parent, option="--onnx")


def _refuse_foreign(onnx: Path, *formats: str, beside: tuple[str, ...] = ()) -> None:
    """Look before writing: the file, the JSON and what else is written beside it are new, or of an earlier export."""
    from pose.export.metadata import header_path
    from pose.runtime.outputs import contains, holds_json_of, refuse_foreign

    header = header_path(onnx)
    is_ours = any(holds_json_of(header, format=format) for format in formats)
    for targets, ours in (
        ([onnx], any(contains(onnx, f'"format": "{format}"') for format in formats)),
        ([header, *(onnx.with_suffix(suffix) for suffix in beside)], is_ours),
    ):
        refuse_foreign(targets, ours=ours, writer="an export of this version", option="--onnx")
