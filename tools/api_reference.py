"""Write docs/api.md from the docstrings of the public names: python tools/api_reference.py"""

from __future__ import annotations

import argparse
import inspect
import re
import textwrap
from importlib import import_module
from pathlib import Path
from typing import Any

from pose.runtime.files import write_atomic

PAGE = Path(__file__).parents[1] / "docs" / "api.md"
WIDTH = 118
HEAD = """# API reference

Written from the docstrings by `python tools/api_reference.py`. [use_a_model.md](use_a_model.md) shows how to use a
model. The names of `pose` itself are imported when they are first used; the others are imported from their modules.
"""
# Heading, how a name is written, and where it is found.
PARTS: dict[str, list[tuple[str, str]]] = {
    "Use a model": [
        ("pose.load", "pose.inference.load:load"),
        ("model", "pose.inference.base:PredictorBase.__call__"),
        ("model.predict", "pose.inference.base:PredictorBase.predict"),
        ("model.heatmaps", "pose.inference.base:PredictorBase.heatmaps"),
    ],
    "Results": [
        ("pose.inference.results.People", "pose.inference.results:People"),
        ("people[...]", "pose.inference.results:People.__getitem__"),
        ("people.draw", "pose.inference.results:People.draw"),
        ("people.save", "pose.inference.results:People.save"),
        ("people.to_coco", "pose.inference.results:People.to_coco"),
        ("people.to_records", "pose.inference.results:People.to_records"),
        ("people.to_supervision", "pose.inference.results:People.to_supervision"),
        ("pose.inference.results.FoundPerson", "pose.inference.results:FoundPerson"),
        ("person[...]", "pose.inference.results:FoundPerson.__getitem__"),
    ],
    "Find people": [
        ("pose.inference.detector.Detector", "pose.inference.detector:Detector"),
        ("pose.inference.detector.load_detector", "pose.inference.detector:load_detector"),
    ],
    "Networks": [
        ("pose.list_models", "pose.config.zoo:list_models"),
        ("pose.create_model", "pose.config.zoo:create_model"),
        ("pose.models.pose_net.PoseNet", "pose.models.pose_net:PoseNet"),
        ("pose.DyReLU", "pose.layers.dyrelu:DyReLU"),
        ("pose.codecs.codec.Codec", "pose.codecs.codec:Codec"),
        ("codec.encode", "pose.codecs.codec:Codec.encode"),
        ("codec.decode", "pose.codecs.codec:Codec.decode"),
        ("codec.merge_flip", "pose.codecs.codec:Codec.merge_flip"),
        ("pose.codecs.heatmap.encode", "pose.codecs.heatmap:encode"),
        ("pose.codecs.heatmap.decode", "pose.codecs.heatmap:decode"),
        ("pose.codecs.heatmap.merge_flip", "pose.codecs.heatmap:merge_flip"),
        ("pose.codecs.dark.encode", "pose.codecs.dark:encode"),
        ("pose.codecs.dark.decode", "pose.codecs.dark:decode"),
        ("pose.training.losses.heatmap_mse", "pose.training.losses:heatmap_mse"),
    ],
    "Train and evaluate": [
        ("pose.config.load.load_config", "pose.config.load:load_config"),
        ("pose.training.trainer.Trainer", "pose.training.trainer:Trainer"),
        ("pose.training.trainer.Trainer.run", "pose.training.trainer:Trainer.run"),
        ("pose.evaluation.splits.validation_set", "pose.evaluation.splits:validation_set"),
        ("pose.evaluation.run.evaluate", "pose.evaluation.run:evaluate"),
    ],
    "Evaluate without a model": [
        ("pose.data.coco.load_coco", "pose.data.coco:load_coco"),
        ("pose.evaluation.coco.Predictions", "pose.evaluation.coco:Predictions"),
        ("pose.evaluation.coco.to_coco_results", "pose.evaluation.coco:to_coco_results"),
        ("pose.evaluation.oks_nms.oks_nms", "pose.evaluation.oks_nms:oks_nms"),
        ("pose.evaluation.coco.evaluate_coco", "pose.evaluation.coco:evaluate_coco"),
    ],
    "Boxes and crops": [
        ("pose.keypoints.geometry.grow_box", "pose.keypoints.geometry:grow_box"),
        ("pose.keypoints.geometry.crop_affine", "pose.keypoints.geometry:crop_affine"),
        ("pose.keypoints.geometry.apply_affine", "pose.keypoints.geometry:apply_affine"),
        ("pose.keypoints.geometry.invert_affine", "pose.keypoints.geometry:invert_affine"),
    ],
}
# What stands below a heading, before its names.
TEXTS = {
    "Evaluate without a model": """\
Whatever found the keypoints, this counts them as COCO does. With `annotations.json` in COCO's format:

```python
import numpy as np
from pose.data.coco import load_coco
from pose.evaluation.coco import Predictions, evaluate_coco, to_coco_results
from pose.keypoints.skeletons import COCO17

coco = load_coco("annotations.json", COCO17)
people = [a for a in coco.annotations if a.num_keypoints]
found = np.array([a.keypoints_img[:, :2] for a in people], dtype=float) + 2  # each keypoint is off by (2, 2) pixels
boxes, ones = np.array([a.box_xywh for a in people]), np.ones(found.shape[:2])
ids = np.array([a.image_id for a in people])
predictions = Predictions(ids, boxes, ones[:, 0], found, ones, input_size=(256, 192))
records, sources = to_coco_results(predictions, COCO17)
print(evaluate_coco(coco, records, COCO17)["AP"])
```
""",
    "Boxes and crops": """\
The map between an image and what a network sees of a box, in pixels; numpy alone:

```python
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box, invert_affine

center, size = grow_box([12, 40, 80, 190], (256, 192))
affine = crop_affine(center, size[1], (256, 192))
in_crop = apply_affine([[52, 135]], affine)  # the box's middle is the crop's: 96, 128
in_image = apply_affine(in_crop, invert_affine(affine))
```
""",
}


def render() -> str:
    """The page."""
    parts = [HEAD]
    for heading, names in PARTS.items():
        parts.append(f"## {heading}\n")
        parts += [TEXTS[heading]] if heading in TEXTS else []
        parts += [_entry(name, _find(home)) for name, home in names]
    return "\n".join(parts)


def _find(home: str) -> Any:
    module, _, path = home.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _entry(name: str, thing: Any) -> str:
    lines = [f"### `{name}`", ""]
    # Attributes say what a class of data holds; it is not for users to make.
    if not name.endswith("[...]") and "Attributes:" not in (thing.__doc__ or "") and not _is_protocol(thing):
        lines += ["```python", _signature(name, thing), "```", ""]
    return "\n".join([*lines, *_markdown(inspect.getdoc(thing) or "")])


def _is_protocol(thing: Any) -> bool:
    return bool(getattr(thing, "_is_protocol", False))


def _signature(name: str, thing: Any) -> str:
    """A call as it is typed, without the annotations, which the text explains."""
    parameters = [
        p.replace(annotation=p.empty) for p in inspect.signature(thing).parameters.values() if p.name != "self"
    ]
    call = f"{name}{inspect.Signature(parameters)}"
    if len(call) <= WIDTH:
        return call
    return textwrap.fill(call, WIDTH, subsequent_indent=" " * (len(name) + 1), break_long_words=False)


def _markdown(doc: str) -> list[str]:
    """A docstring with its sections as lists."""
    lines: list[str] = []
    for block in re.split(r"\n(?=(?:Args|Attributes|Returns|Raises):\n)|\n\n", doc):
        head = re.match(r"(Args|Attributes|Returns|Raises):\n", block)
        if not head:
            lines += [*_fill(" ".join(block.split())), ""]
            continue
        rest = textwrap.dedent(block[head.end() :])
        after = ""
        if cut := re.search(r"^(?=Source:)", textwrap.dedent(block), flags=re.M):
            rest, after = textwrap.dedent(block[head.end() : cut.start()]), block[cut.start() :]
        lines += [f"**{head[1]}**", ""]
        for item in re.split(r"\n(?!\s)", rest.rstrip()):
            text = " ".join(item.split())
            text = re.sub(r"^([\w, ]+): ", r"`\1`: ", text)
            lines += _fill(text, first="- ", rest="  ")
        lines += ["", *([*_fill(" ".join(after.split())), ""] if after else [])]
    return lines


def _fill(text: str, *, first: str = "", rest: str = "") -> list[str]:
    text = re.sub(r" ([+-]) ", "\u00a0\\1\u00a0", text)  # at the start of a line it would begin a list
    options = {"break_long_words": False, "break_on_hyphens": False}
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=rest, **options)  # type: ignore[arg-type]


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    write_atomic(PAGE, render().encode())
    print(PAGE)
