"""Small valid files to be damaged, all made by the package: a dataset, a run, an evaluation, an export, pictures."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torchvision
import yaml
from PIL import Image

import pose.cli.main
from pose.synthetic.dataset import generate

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "tif": "TIFF", "gif": "GIF"}
BOMB_MB = 600


@dataclass(frozen=True)
class Seeds:
    """What cases are made of; `folder` holds data/, run/ with an evaluation, model.onnx and outside/."""

    folder: Path
    annotations: Any
    detections: Any
    config: dict[str, Any]
    state: dict[str, Any]
    pictures: dict[str, bytes]
    weights: bytes
    pth: bytes
    onnx: bytes
    png_bomb: bytes
    zip_bomb: bytes

    def outside(self, case: Path) -> list[str]:
        """Paths to what no command is given, as a dataset in `case` may name them."""
        names = ("secret.jpg", "secret.json")
        ups = [f"{up}outside/{name}" for name in names for up in ("../../../", "../../", "../")]
        return [*ups, *(str(case / "outside" / name) for name in names), *(up.replace("/", "\\") for up in ups[:2])]


def make_config() -> dict[str, Any]:
    def split(name: str) -> dict[str, Any]:
        return {"images": f"images/{name}", "annotations": f"annotations/person_keypoints_{name}.json"}

    return {
        "task": "keypoints",
        "data": {
            "root": "data",
            "skeleton": "coco17",
            "train": {**split("train"), "limit": 100, "min_keypoints": 1, "min_area": 0.0},
            "val": {**split("val"), "boxes": "gt"},
            "group_images": True,
            "skip_unreadable": False,
        },
        "model": {
            "backbone": "mobilenet_v3_small",  # the fewest layers
            "width": 0.1,
            "activation": {"name": "dyrelu_c", "sites": ["a1", "a2", "a3"], "reduction": 8, "alpha": [1.0, 0.0]},
            "input_size": [64, 64],
            "head": {"activation": "dyrelu_c", "channels": [16, 16, 16, 16], "hidden": [16, 32, 32, 32], "kernel": 3},
        },
        "augment": {"half_body": 0.3, "scale": 0.35, "rotation": 45, "flip": 0.5, "extra": []},
        "train": {"epochs": 1, "batch_size": 8, "lr": 0.001, "milestones": [], "workers": 0, "seed": 0},
        "eval": {"every": 1, "flip_test": False, "batch_size": 8},
    }


def make_seeds(folder: Path) -> Seeds:
    """Make them in an empty folder; a few seconds."""
    data, home = folder / "data", os.getcwd()
    generate(data, level="easy", train=4, val=3, seed=0)
    (folder / "config.yaml").write_text(yaml.safe_dump(make_config()))
    os.chdir(folder)
    try:
        _pose("train", "config.yaml", "--out", "run", "--workers", "0")
        _pose("eval", "run", "--workers", "0")
        _pose("export", "run", "--onnx", "model.onnx")
        _make_formats(Path("formats"))
    finally:
        os.chdir(home)
    outside = folder / "outside"
    outside.mkdir()
    picture = next((data / "images/val").iterdir())
    (outside / "secret.jpg").write_bytes(picture.read_bytes())
    annotations = (data / "annotations/person_keypoints_val.json").read_bytes()
    (outside / "secret.json").write_bytes(annotations)
    buffer = io.BytesIO()
    torch.save(torchvision.models.mobilenet_v3_small(width_mult=0.1).state_dict(), buffer)
    from pose.training.resume import load_resume

    return Seeds(
        folder=folder,
        annotations=json.loads(annotations),
        detections=json.loads((data / "person_detection_results/val.json").read_bytes()),
        config=make_config(),
        state=load_resume(folder / "run/resume.pt"),
        pictures=_pictures(picture),
        weights=(folder / "run/best.safetensors").read_bytes(),
        pth=buffer.getvalue(),
        onnx=(folder / "model.onnx").read_bytes(),
        png_bomb=_png_bomb(),
        zip_bomb=_zip_bomb(),
    )


def _make_formats(folder: Path) -> None:
    """The same people in the formats of other tools; those in HDF5 are the ones that the tests read."""
    source = ("convert", "data/annotations/person_keypoints_val.json")
    images = ("--images", "data/images/val")
    folder.mkdir()
    for name, *to in (
        ("annotations.xml",),
        ("tasks.json", "--to", "labelstudio"),
        ("CollectedData_me.csv",),
        *((name, "--to", name) for name in ("labelme", "yolo", "roboflow")),
    ):
        _pose(*source, str(folder / name), *to, *images)
    real = Path(__file__).parents[2] / "tests/formats/real"
    for path in (real / "dogs.slp", *real.rglob("CollectedData_*.h5")):
        (folder / path.name).write_bytes(path.read_bytes())


def _pose(*arguments: str) -> None:
    sys.argv = ["pose", *arguments]
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            pose.cli.main.main()
        except SystemExit as stop:
            if stop.code:
                raise RuntimeError(f"pose {' '.join(arguments)}: {said.getvalue()}") from None


def _pictures(path: Path) -> dict[str, bytes]:
    found = {}
    with Image.open(path) as image:
        small = image.resize((96, 64))
    for suffix, name in FORMATS.items():
        buffer = io.BytesIO()
        small.save(buffer, name)
        found[suffix] = buffer.getvalue()
    return found


def _png_bomb() -> bytes:
    """30,000 x 30,000 pixels of one bit in 110 KB; 2.7 GB as RGB."""
    from .images import png

    packer = zlib.compressobj(9)
    row = bytes(1 + 30_000 // 8)
    data = b"".join(packer.compress(row * 100) for _ in range(300)) + packer.flush()
    return png(30_000, 30_000, depth=1, color=0, data=data)


def _zip_bomb() -> bytes:
    """A file of `torch.save` with one tensor of zeros, its bytes compressed to a thousandth."""
    small = io.BytesIO()
    torch.save({"position": {}, "x": torch.zeros(8, dtype=torch.uint8)}, small)
    packed = io.BytesIO()
    size = BOMB_MB * 2**20
    with zipfile.ZipFile(small) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as to:
        for entry in source.infolist():
            data = source.read(entry)
            if entry.filename.endswith("data.pkl"):  # 8 elements of storage, written as one byte, become as many
                data = data.replace(b"K\x08", b"J" + size.to_bytes(4, "little"))
            if entry.filename.endswith("data/0"):
                with to.open(entry.filename, "w", force_zip64=True) as file:
                    for _ in range(BOMB_MB):
                        file.write(bytes(2**20))
            else:
                to.writestr(entry.filename, data)
    return packed.getvalue()
