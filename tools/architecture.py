"""Draw docs/images/architecture.svg, the rooms of the package from the bottom up: python tools/architecture.py

The layers are those of tests/test_imports.py, which the imports are tested against.
"""

from __future__ import annotations

import argparse
import ast
from html import escape
from pathlib import Path

from pose.runtime.files import write_atomic

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "images" / "architecture.svg"

# What each package holds, and the first letters of the walks through it: training, evaluation, prediction.
ROOMS = {
    "__main__": ("python -m pose", ""),
    "cli": ("the command pose: one file for each subcommand", "tep"),
    "check": ("problems of a dataset, and repairs", ""),
    "export": ("a network as ONNX", ""),
    "paper": ("counts, tables, is it dynamic?", ""),
    "report": ("one page about a run", ""),
    "classification": ("images to classes: data and task", ""),
    "training": ("trainer, its state and logs, losses, the keypoint task", "t"),
    "evaluation": ("boxes to AP, and the analysis of errors", "te"),
    "inference": ("pose.load, predictors, detectors, results, video", "tep"),
    "checkpoints": ("weights with their config in one file; weights to start from", "tep"),
    "config": ("YAML: sections, overrides, messages", "tep"),
    "formats": ("annotations of other tools to and from COCO", ""),
    "data": ("COCO files, people, crops, augmentation, loader", "tep"),
    "synthetic": ("generated people and animals", ""),
    "drawing": ("people and sheets", "tp"),
    "models": ("backbones, head, names", "tep"),
    "codecs": ("keypoints and heatmaps", "tep"),
    "images": ("read, write, find, cache", "tep"),
    "layers": ("DY-ReLU and other activations, blocks", "tep"),
    "keypoints": ("skeletons, boxes and affines, OKS", "tep"),
    "runtime": ("devices, processes, files, errors, words of messages", "tep"),
}
WALKS = {"t": ("training", "#c2410c"), "e": ("evaluation", "#1d4ed8"), "p": ("prediction", "#15803d")}

WIDTH, MARGIN, GAP, HEIGHT = 980, 20, 10, 54  # pixels: of the image, around it, between boxes, of a box
LETTER = 6.3  # width of a small letter, about: what a row's boxes share their row by
FONT = "font-family='system-ui, -apple-system, Segoe UI, Helvetica, Arial, sans-serif'"


def read_layers() -> list[tuple[str, ...]]:
    """`LAYERS` of tests/test_imports.py, from the bottom to the top."""
    tree = ast.parse((ROOT / "tests" / "test_imports.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "LAYERS":
            assert node.value is not None
            layers: list[tuple[str, ...]] = list(ast.literal_eval(node.value))
            return layers
    raise ValueError("tests/test_imports.py has no LAYERS")


def render() -> str:
    """The drawing, as SVG."""
    layers = [layer for layer in reversed(read_layers()) if layer != ("__main__",)]
    top = MARGIN + 34
    height = top + len(layers) * (HEIGHT + GAP) + MARGIN + 14
    lines = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' width='{WIDTH}' {FONT}>",
        "<title>The packages of pose, from the command at the top to what everything uses at the bottom</title>",
        f"<rect width='{WIDTH}' height='{height}' rx='8' fill='#ffffff'/>",
        *_legend(MARGIN + 12),
    ]
    for row, layer in enumerate(layers):
        lines += _row(layer, top + row * (HEIGHT + GAP))
    note = "A package imports only from the rows below it, never from its own row or above; a test checks it."
    lines.append(f"<text x='{MARGIN}' y='{height - MARGIN}' font-size='12' fill='#57606a'>{note}</text>")
    return "\n".join([*lines, "</svg>", ""])


def _legend(y: int) -> list[str]:
    lines, x = [], MARGIN + 6
    for name, color in WALKS.values():
        lines.append(f"<circle cx='{x}' cy='{y - 4}' r='5' fill='{color}'/>")
        lines.append(f"<text x='{x + 10}' y='{y}' font-size='13' fill='#24292f'>{name} passes here</text>")
        x += 190
    return lines


def _row(layer: tuple[str, ...], y: int) -> list[str]:
    """The boxes of a layer, as wide as their words need, and together as wide as the image."""
    needs = [max(len(ROOMS[name][0]) * LETTER, len(name) * 9 + 50) + 28 for name in layer]
    spare = (WIDTH - 2 * MARGIN - GAP * (len(layer) - 1) - sum(needs)) / len(layer)
    lines: list[str] = []
    x = float(MARGIN)
    for name, need in zip(layer, needs, strict=True):
        words, walks = ROOMS[name]
        width = need + spare
        lines.append(
            f"<rect x='{x:.1f}' y='{y}' width='{width:.1f}' height='{HEIGHT}' rx='6' fill='#f6f8fa' "
            "stroke='#afb8c1'/>"
        )
        lines.append(
            f"<text x='{x + 14:.1f}' y='{y + 22}' font-size='15' font-weight='600' fill='#24292f'>{name}</text>"
        )
        lines.append(f"<text x='{x + 14:.1f}' y='{y + 42}' font-size='12' fill='#57606a'>{escape(words)}</text>")
        for place, walk in enumerate(walks):
            cx = x + width - 14 - 14 * (len(walks) - 1 - place)
            lines.append(f"<circle cx='{cx:.1f}' cy='{y + 16}' r='5' fill='{WALKS[walk][1]}'/>")
        x += width + GAP
    return lines


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    write_atomic(PAGE, render().encode())
    print(PAGE)
