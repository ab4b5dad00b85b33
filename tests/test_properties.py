"""What holds for any input: readers answer with a value or one message, and pairs of functions undo each other."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pose.check.columns import read_split
from pose.codecs.heatmap import decode, encode
from pose.config.keypoints import Config
from pose.config.load import make_config
from pose.config.yaml_text import format_yaml, parse_yaml
from pose.data.boxes import read_boxes
from pose.data.coco import load_coco
from pose.data.detections import detected_people
from pose.data.image_entries import leaves_folder
from pose.data.people import ground_truth_people
from pose.keypoints.geometry import apply_affine, crop_affine, grow_box, invert_affine
from pose.keypoints.skeletons import COCO17
from pose.report.load import RunReport
from pose.report.page import render_report
from pose.runtime.headers import parse_header
from pose.training.resume import load_resume
from tests.helpers.tiny import make_tiny_config

# The same examples in every run.
settings.register_profile("same", derandomize=True, deadline=None, max_examples=100, database=None)
settings.load_profile("same")

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 10**30, -(10**30), 10**400, 2**63])
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["../x", "/etc/passwd", "a\0b", "\ud800", "1e-1", "<script>", "x" * 5000])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
PIXELS = st.floats(min_value=-5000, max_value=5000)
WORDS = ("pydantic", "Input should", "validation error", "Value error", "For further information")


def places(data: Any) -> list[tuple[Any, Any]]:
    """(container, key) of every value inside."""
    items = list(data.items()) if isinstance(data, dict) else list(enumerate(data)) if isinstance(data, list) else []
    return [found for key, value in items for found in [(data, key), *places(value)]]


def broken(draw: st.DrawFn, document: Any) -> Any:
    """A document with one value replaced, or one entry missing."""
    data = json.loads(json.dumps(document))
    kinds: dict[str, list[tuple[Any, Any]]] = {}  # by key, so that 51 coordinates count once
    for container, key in places(data):
        kinds.setdefault(key if isinstance(key, str) else "[]", []).append((container, key))
    container, key = draw(st.sampled_from(kinds[draw(st.sampled_from(sorted(kinds)))]))
    if draw(st.integers(0, 9)):
        container[key] = draw(JSON)
    else:
        del container[key]
    return data


def people_document() -> dict[str, Any]:
    keypoints = [value for i in range(17) for value in (10.0 + i, 20.0 + i, 2)]
    person = {"id": 1, "image_id": 7, "category_id": 1, "bbox": [5, 6, 40, 50], "area": 2000, "iscrowd": 0}
    names = {"keypoints": list(COCO17.keypoint_names), "skeleton": [[1, 2]]}
    return {
        "images": [{"id": 7, "file_name": "a/7.jpg", "width": 64, "height": 80}],
        "annotations": [{**person, "num_keypoints": 17, "keypoints": keypoints}],
        "categories": [{"id": 1, "name": "person", **names}],
    }


DETECTIONS = [{"image_id": 7, "category_id": 1, "bbox": [5.0, 6.0, 40.0, 50.0], "score": 0.9}]


def ends_well(call: Callable[[], Any]) -> Any:
    """What it gives, or None where it refuses with a message."""
    try:
        return call()
    except (ValueError, OSError):
        return None


def refusal(call: Callable[[], Any]) -> str | None:
    """What it says where it refuses."""
    try:
        call()
    except ValueError as error:
        return str(error)
    return None


# --- configs ---


@pytest.mark.slow
@given(st.data())
def test_configs_are_read_or_refused_in_our_words(data: st.DataObject) -> None:
    config = make_tiny_config(Path("data"))
    config["augment"] = {"flip": 0.5, "rotation": 45, "extra": []}
    changed = broken(data.draw, config)
    said = refusal(lambda: make_config(changed))
    assert said is None or (said and not any(word in said for word in WORDS)), said
    if said is None:
        read = make_config(changed)
        assert make_config(parse_yaml(read.to_yaml())) == read


FIELDS = [
    f"{section}.{name}"
    for section, field in Config.model_fields.items()
    for name in getattr(field.annotation, "model_fields", {})
] + [
    "augment.flip",
    "augment.rotation",
    "augment.extra",
    "model.head.kernel",
    "model.head.channels",
    "data.val.images",
]


@pytest.mark.slow
@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("value", ["{a: 1}", "[]", "[[1]]", "''", "-1", "1.5", ".nan", "null", "true", "9" * 40, "x"])
def test_any_wrong_value_has_a_message_of_ours(field: str, value: str) -> None:
    said = refusal(lambda: make_config(make_tiny_config(Path("data")), [f"{field}={value}"]))
    assert said is None or (said and not any(word in said for word in WORDS)), said


@pytest.mark.slow
@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from("-:[]{}&*!|>'\"%@`\n\t #?,<.e0"), max_size=60))
def test_any_text_is_yaml_or_refused(text: str) -> None:
    ends_well(lambda: parse_yaml(text))


@pytest.mark.slow
@given(JSON.filter(lambda data: "\ud800" not in repr(data)))
def test_yaml_gives_back_what_was_written(data: Any) -> None:
    again = parse_yaml(format_yaml(data))
    assert repr(again) == repr(data)  # not ==: NaN


# --- files of data ---


@given(st.data())
def test_annotations_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = tmp_path_factory.getbasetemp() / "people.json"
    document = broken(data.draw, people_document())
    file.write_text(json.dumps(document))
    coco = ends_well(lambda: load_coco(file, COCO17))
    if coco is not None:
        assert not any(leaves_folder(image.file_name) for image in coco.images.values())
        for person in ground_truth_people(coco, "images"):
            assert np.isfinite(person.box_xywh).all()
            assert person.keypoints_img is not None
            assert np.isfinite(person.keypoints_img).all()
    # `pose check` reads all that is a COCO file at all.
    split = ends_well(lambda: read_split("val", file, json.loads(file.read_bytes())))
    assert (split is not None) == (isinstance(document, dict) and isinstance(document.get("images"), list))


@given(st.data())
def test_boxes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = tmp_path_factory.getbasetemp() / "boxes.json"
    records = [{"file_name": "a/7.jpg", **DETECTIONS[0]}, DETECTIONS[0]]
    file.write_text(json.dumps(broken(data.draw, records)))
    boxes = ends_well(lambda: read_boxes(file, ["a/7.jpg", "8.jpg"], skeleton=COCO17, min_score=0).boxes)
    if boxes is not None:
        assert set(boxes) == {"a/7.jpg", "8.jpg"}
        assert all(np.isfinite(xywh).all() and (xywh[:, 2:] > 0).all() for xywh, _ in boxes.values())


@given(st.data())
def test_detections_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    file = tmp_path_factory.getbasetemp() / "coco.json"
    file.write_text(json.dumps(people_document()))
    coco, records = load_coco(file, COCO17), broken(data.draw, DETECTIONS * 2)
    people = ends_well(lambda: detected_people(records, coco, "images").people)
    assert people is None or all(np.isfinite([*p.box_xywh, p.score, p.area]).all() for p in people)


@given(
    st.text() | st.sampled_from(["../x", "a/../../x", "/x", "C:x", "\\\\host\\x", "a\\..\\..\\x", "./a", "a/b.jpg"])
)
def test_names_stay_below_the_folder(name: str) -> None:
    if not leaves_folder(name):
        there = os.path.normpath(os.path.join("/data/images", name))
        assert there == "/data/images" or there.startswith("/data/images/")


# --- headers ---


@given(st.text() | JSON.map(json.dumps) | st.sampled_from(["[" * 100_000, "9" * 5000, '{"a":' * 5000]))
def test_any_text_is_a_header_or_none(text: str) -> None:
    assert parse_header(text, format="f", kinds={"config": dict}) is None
    assert parse_header(json.dumps({"format": "f", "config": {"x": text}}), format="f", kinds={"config": dict})


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_no_resume_file(tmp_path_factory: pytest.TempPathFactory, data: bytes, prefixed: bool) -> None:
    file = tmp_path_factory.getbasetemp() / "resume.pt"
    file.write_bytes((b"pose-resume-1 " if prefixed else b"") + data)
    with pytest.raises(ValueError, match="resume"):
        load_resume(file)


# --- pages ---


class Elements(HTMLParser):
    """The elements of a page with their attributes' names, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


HOSTILE = st.text(alphabet=st.sampled_from("<>\"'&/ =aonerjvscipt:;!-{}%#`\\"), min_size=1, max_size=30)


@pytest.mark.slow
@settings(max_examples=30)
@given(
    HOSTILE
    | st.sampled_from(["<script>alert(1)</script>", "\"'><img src=x onerror=a()>", "{{7*7}}", "]]>", "--><b>"])
)
def test_a_name_adds_no_element_to_a_page(name: str) -> None:
    def page(word: str) -> Elements:
        config = {"data": {"root": word}, word: "x"}
        history = [{"epoch": 1.0, "loss": 0.5}, {"epoch": 2.0, "loss": 0.25}]
        return Elements(render_report(RunReport(Path(word), word, config, [], history, {word: word}, 1, [word])))

    found = page(name)
    assert found.elements == page("plain").elements
    assert " ".join(name.split()) in " ".join(found.text.split())


# --- geometry and codec ---


@given(
    st.tuples(PIXELS, PIXELS, st.floats(1, 3000), st.floats(1, 3000)),
    st.floats(-180, 180),
    st.booleans(),
    st.lists(st.tuples(PIXELS, PIXELS), min_size=1, max_size=5),
)
def test_crops_can_be_undone(
    box: tuple[float, ...], rotation: float, flip: bool, points: list[tuple[float, float]]
) -> None:
    center, size = grow_box(box, (256, 192))
    affine = crop_affine(center, float(size[1]), (256, 192), rotation=rotation, flip=flip)
    again = apply_affine(apply_affine(points, affine), invert_affine(affine))
    np.testing.assert_allclose(again, points, atol=1e-6 * max(1.0, float(size[1])))
    np.testing.assert_allclose(apply_affine([center], affine), [[96, 128]], atol=1e-7 * max(1.0, *map(abs, box)))
    assert math.isclose(abs(np.linalg.det(affine[:, :2])), (192 / float(size[1])) ** 2, rel_tol=1e-9)


@given(st.lists(st.tuples(st.floats(2, 45), st.floats(2, 61)), min_size=1, max_size=4))
def test_heatmaps_give_keypoints_back(points: list[tuple[float, float]]) -> None:
    """To the pixel that they are rounded to: beside the peak, both neighbors are equal."""
    given_hm = torch.tensor([points], dtype=torch.float32)
    heatmaps, weights = encode(given_hm, torch.ones(1, len(points)), heatmap_size=(64, 48))
    found, scores = decode(heatmaps)
    assert (scores == 1).all()
    assert (weights == 1).all()
    assert (found - given_hm).abs().max() <= 0.5 + 1e-5


def test_a_key_that_stands_twice_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"key 'lr' stands twice, in lines 3 and 5; keep one of them"):
        parse_yaml("train:\n  # the rate\n  lr: 1\n  epochs: 2\n  lr: 2\n")
    assert parse_yaml("a: {lr: 1}\nb: {lr: 2}\n") == {"a": {"lr": 1}, "b": {"lr": 2}}
    merged = "a: &a {lr: 1, x: 1}\nb: {<<: *a, lr: 2}\nc: {<<: *a}\n"
    assert parse_yaml(merged) == yaml.safe_load(merged)


@pytest.mark.parametrize("text", ["1e-1", "1e3", "-2E-4", "+1e+2", ".5e1", "1.5e-3", "0.1", "7"])
def test_numbers_with_an_exponent_are_numbers(text: str) -> None:
    assert parse_yaml(f"p: {text}") == {"p": pytest.approx(float(text), rel=0)}
    assert parse_yaml(f"p: '{text}'") == {"p": text}
    assert parse_yaml(format_yaml({"p": text})) == {"p": text}


@pytest.mark.parametrize("text", ["e1", "1e", "1e1x", "0x1e", "1e1\n  x", "2e-", "a1e-1", "1_e"])
def test_texts_like_numbers_are_texts(text: str) -> None:
    assert parse_yaml(f"p: {text}") == yaml.safe_load(f"p: {text}")
