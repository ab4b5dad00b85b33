"""`pose export --web`: a folder with a page that runs the model in a browser, from any static server, offline.

The page loads onnxruntime-web, which is taken from a folder of the user's: nothing is downloaded.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from pose.checkpoints.checkpoint import Checkpoint
from pose.export.export import Exported, export_onnx
from pose.runtime.files import write_atomic
from pose.runtime.text import plural, shell_word

PAGE = ("index.html", "app.js")
MODEL = "model.onnx"
# Of the npm package onnxruntime-web, in its folder dist. With this version the page was tested.
RUNTIME = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
RUNTIME_VERSION = "1.30.0"


def runtime_files(folder: Path) -> dict[str, bytes]:
    """Read onnxruntime-web from its folder `dist`, or from the npm package above it.

    Raises:
        FileNotFoundError: it is not there.
    """
    places = (folder, folder / "dist", folder / "onnxruntime-web/dist", folder / "node_modules/onnxruntime-web/dist")
    for place in places:
        if all((place / name).is_file() for name in RUNTIME):
            return {name: (place / name).read_bytes() for name in RUNTIME}
    raise FileNotFoundError(
        f"no {' and '.join(RUNTIME)} in {folder}; `npm install --ignore-scripts onnxruntime-web@{RUNTIME_VERSION}` "
        f"puts them into node_modules/onnxruntime-web/dist, which --wasm takes"
    )


def export_web(
    checkpoint: Checkpoint, folder: Path, *, runtime: dict[str, bytes] | None, fp16: bool = False
) -> tuple[Exported, str]:
    """Write the model, its metadata, the page and the runtime into a folder.

    Args:
        runtime: the files of `runtime_files`; None leaves them to the user.
        fp16: store the model's weights in half precision.
    Returns:
        What is known of the model, and how to go on.
    Raises:
        ValueError, OSError: see `export_onnx`.
    """
    exported = export_onnx(checkpoint, folder / MODEL, fp16=fp16)
    page = resources.files("pose.export") / "web"
    files = {name: (page / name).read_bytes() for name in PAGE} | (runtime or {})
    for name, data in files.items():
        write_atomic(folder / name, data)
    missing = [name for name in RUNTIME if not (folder / name).is_file()]
    if not missing:
        return (
            exported,
            f"python -m http.server --directory {shell_word(folder)} serves the page at http://localhost:8000",
        )
    return exported, (
        f"{plural(len(missing), 'file is', 'files are')} missing in {folder}: {', '.join(missing)}, from "
        f"node_modules/onnxruntime-web/dist after `npm install --ignore-scripts onnxruntime-web@{RUNTIME_VERSION}`; "
        f"--wasm node_modules/onnxruntime-web copies them"
    )
