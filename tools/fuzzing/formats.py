"""Damaged files of other tools for `pose convert`, and COCO's for the commands that only read and write files.

What reads HDF5 (SLEAP, and one of DeepLabCut's two) is a library: without it such a case is a refusal that names it.
"""

from __future__ import annotations

import copy
import json
import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import yaml

from . import mutate
from .seeds import Seeds
from .trial import PICTURES, VAL, Case, Trial, damaged_json, put
from .yaml_text import damaged_yaml

TARGETS = (("out/c.json",), ("out/c.xml",), ("out/c.csv",), ("out/l.json", "--to", "labelstudio"))
TARGETS += tuple((f"out/{name}", "--to", name) for name in ("yolo", "labelme", "roboflow"))
XML = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>',
    '<!DOCTYPE a [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a SYSTEM "https://example.invalid/x.dtd">',
    "<a>" * 5000,
    '<?xml version="1.0" encoding="utf-7"?>',
)


def convert(name: str) -> Case:
    """One of the files of a format is damaged."""

    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, PICTURES, f"formats/{name}")
        source = case / "formats" / name
        files = [source] if source.is_file() else [path for path in source.rglob("*") if path.suffix in DAMAGE]
        victim = rng.choice(sorted(files))
        victim.write_bytes(DAMAGE[victim.suffix](rng, seeds, case, victim.read_bytes()))
        images = ["--images", PICTURES] if rng.random() < 0.7 else []
        return Trial(["convert", f"formats/{name}", *rng.choice(TARGETS), *images])

    return make


def coco(*command: str, results: bool = False) -> Case:
    """Annotations that are damaged, for `command`; or results of people that are scored against them."""

    def make(rng: random.Random, seeds: Seeds, case: Path) -> Trial:
        put(seeds, case, "data", *(["run/eval-gt/results.json"] if results else []))
        victim = case / (command[1] if results and rng.random() < 0.7 else VAL)
        victim.write_bytes(damaged_json(rng, seeds, case, json.loads(victim.read_bytes())))
        more = rng.choice(TARGETS) if command[0] == "convert" else ()
        return Trial([*command, *more])

    return make


def _json(rng: random.Random, seeds: Seeds, case: Path, data: bytes) -> bytes:
    return damaged_json(rng, seeds, case, json.loads(data))


def _yaml(rng: random.Random, seeds: Seeds, case: Path, data: bytes) -> bytes:
    return damaged_yaml(rng, yaml.safe_load(data))


def _blind(rng: random.Random, seeds: Seeds, case: Path, data: bytes) -> bytes:
    return mutate.raw_bytes(rng, data)


def _xml(rng: random.Random, seeds: Seeds, case: Path, data: bytes) -> bytes:
    how = rng.random()
    if how < 0.2:
        return mutate.raw_bytes(rng, data)
    if how < 0.3:
        first, _, rest = data.partition(b"\n")
        return first + rng.choice(XML).encode() + rest
    root = ET.fromstring(data)
    elements = list(root.iter())
    for _ in range(rng.choice((1, 1, 2, 3))):
        element, text = rng.choice(elements), str(mutate.odd(rng, seeds.outside(case)))
        what = rng.randrange(5)
        if what < 2 and element.attrib:
            key = rng.choice(sorted(element.attrib))
            element.set(key, text) if what else element.attrib.pop(key)
        elif what == 2:
            element.text = text
        elif what == 3:
            element.tag = rng.choice(elements).tag
        else:
            element.append(copy.deepcopy(rng.choice(elements)))
    return ET.tostring(root, encoding="unicode").encode(errors="surrogatepass")


def _cells(separator: str) -> Callable[[random.Random, Seeds, Path, bytes], bytes]:
    def damage(rng: random.Random, seeds: Seeds, case: Path, data: bytes) -> bytes:
        if rng.random() < 0.2:
            return mutate.raw_bytes(rng, data)
        rows = [line.split(separator) for line in data.decode().splitlines()] or [[""]]
        for _ in range(rng.choice((1, 1, 2, 3))):
            row = rng.choice(rows)
            what = rng.randrange(4)
            if what == 0 and row:
                row[rng.randrange(len(row))] = str(mutate.odd(rng, seeds.outside(case)))
            elif what == 1 and row:
                del row[rng.randrange(len(row))]
            elif what == 2:
                row.append(str(rng.choice(mutate.NUMBERS)))
            else:
                rows.insert(rng.randrange(len(rows)), list(row))
        return "\n".join(map(separator.join, rows)).encode(errors="surrogatepass")

    return damage


DAMAGE = {
    **{".json": _json, ".yaml": _yaml, ".xml": _xml, ".csv": _cells(","), ".txt": _cells(" ")},
    **{".h5": _blind, ".slp": _blind},
}
FORMAT_KINDS: tuple[tuple[str, int, Case], ...] = (
    ("convert: CVAT", 4, convert("annotations.xml")),
    ("convert: Label Studio", 3, convert("tasks.json")),
    ("convert: labelme", 3, convert("labelme")),
    ("convert: YOLO", 4, convert("yolo")),
    ("convert: Roboflow", 1, convert("roboflow")),
    ("convert: DeepLabCut", 3, convert("CollectedData_me.csv")),
    ("convert: HDF5 of DeepLabCut", 1, convert("CollectedData_ann.h5")),
    ("convert: HDF5 of SLEAP", 1, convert("dogs.slp")),
    ("convert: COCO", 2, coco("convert", VAL)),
    ("split", 2, coco("split", VAL, "--val", "0.4")),
    ("new --data", 2, coco("new", "new.yaml", "--data", VAL, "--images", PICTURES)),
    ("score", 4, coco("score", "run/eval-gt/results.json", VAL, "--out", "s.json", results=True)),
)
