"""`pose.load` and what comes of it: every kind of input, batches, threads, and what the results can do."""

from __future__ import annotations

import builtins
import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import PIL.Image
import pytest
import torch

import pose
from pose.checkpoints.checkpoint import DEMO_MODEL
from pose.data.boxes import Boxes
from pose.images.write import write_image
from pose.inference.inputs import PredictRequest
from pose.inference.results import FoundPerson, People
from pose.inference.torch_predictor import Predictor
from pose.models.pose_net import PoseNet
from pose.runtime.errors import MissingPackage
from tests.helpers.dots import BOX, SHARES, THREE, TRUTH, DotFinder, dots, example_image, in_box, predictor

IMAGE = example_image()


def test_importing_pose_is_cheap() -> None:
    """Not timed: it loads this package's own file and nothing that is not Python's own."""
    code = "import sys; before = set(sys.modules); import pose; print(*sorted(set(sys.modules) - before))"
    result = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in result.stdout.split()}
    assert "pose" in loaded
    assert loaded - {"pose"} <= set(sys.stdlib_module_names)
    assert not {"pose.inference.torch_predictor", "pose.models", "pose.layers"} & set(result.stdout.split())


def test_public_names() -> None:
    for name in pose.__all__:
        assert name in dir(pose)
        assert getattr(pose, name) is not None
    assert "mobilenet_v2_x1.0_dyrelu" in pose.list_models()
    assert isinstance(pose.create_model("mobilenet_v3_small_dyrelu", num_keypoints=5), PoseNet)
    assert issubclass(pose.DyReLU, torch.nn.Module)
    with pytest.raises(AttributeError, match="no attribute 'laod'; it has DyReLU"):
        _ = pose.laod


@pytest.mark.slow
def test_load(tiny_run: Path, tiny_dataset: Path) -> None:
    model = pose.load(tiny_run, "cpu")
    people = model(tiny_dataset / "images/000001.png")
    assert people.names[0] == "nose"
    assert people.keypoints.shape == (1, 17, 2)
    file = pose.load(str(tiny_run / "best.safetensors"), device="cpu", flip_test=True, batch_size=1)
    np.testing.assert_array_equal(file(tiny_dataset / "images/000001.png").keypoints, people.keypoints)
    with pytest.raises(FileNotFoundError, match="no checkpoint gone"):
        pose.load("gone.safetensors", "cpu")
    with pytest.raises(ValueError, match="no detector 'yolo'"):
        pose.load(tiny_run, "cpu", detector="yolo")
    with pytest.raises(TypeError):
        pose.load(tiny_run, "cpu", True)


def test_demo_model_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pose.checkpoints.checkpoint.DEMO_MODEL", tmp_path / "demo.safetensors")
    with pytest.raises(FileNotFoundError, match=r"no demo model .*; train one by `pose demo --out demo`"):
        pose.load("demo")


@pytest.mark.skipif(not DEMO_MODEL.is_file(), reason="the demo model is not in the package")
def test_demo_model() -> None:
    people = pose.load("demo", "cpu")(np.zeros((200, 100, 3), np.uint8))
    assert people.keypoints.shape == (1, 17, 2)
    assert DEMO_MODEL.stat().st_size < 10_000_000


# Input


def test_every_kind_of_input_gives_the_same(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", IMAGE)
    bgr = cv2.imread(str(tmp_path / "a.png"))
    expected = predictor().predict(IMAGE, [BOX])
    # Red and blue are other keypoints: with the channels swapped nothing would be found where it is.
    np.testing.assert_allclose(expected.keypoints[0], TRUTH, atol=2.2)
    assert np.abs(predictor()(bgr, boxes=[BOX]).keypoints[0] - TRUTH).max() > 20
    kinds: list[tuple[Any, Any]] = [
        (str(tmp_path / "a.png"), "rgb"),
        (tmp_path / "a.png", "bgr"),  # says nothing about files
        (IMAGE, "rgb"),
        (bgr, "bgr"),
        (np.asfortranarray(IMAGE), "rgb"),
        (PIL.Image.fromarray(IMAGE), "rgb"),
        (PIL.Image.fromarray(IMAGE).convert("RGBA"), "bgr"),
        (PIL.Image.open(tmp_path / "a.png"), "rgb"),
    ]
    for image, color in kinds:
        for boxes in ([BOX], np.array([BOX]), torch.tensor([BOX])):
            found = predictor()(image, boxes=boxes, color=color)
            np.testing.assert_array_equal(found.keypoints, expected.keypoints)
            np.testing.assert_array_equal(found.draw(), expected.draw(IMAGE))
        (found,) = predictor()([image], boxes=[[BOX]], color=color)
        np.testing.assert_array_equal(found.keypoints, expected.keypoints)


def test_pil_images_are_turned_upright(tmp_path: Path) -> None:
    image, exif = PIL.Image.fromarray(IMAGE), PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    image.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    from_file, from_pil = (predictor()(i) for i in (tmp_path / "turned.jpg", PIL.Image.open(tmp_path / "turned.jpg")))
    assert from_file.image_size == from_pil.image_size == (400, 300)
    np.testing.assert_allclose(from_file.keypoints, from_pil.keypoints, atol=1)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("https://example.org/a.jpg", "is a URL, and nothing is downloaded here; save the file"),
        ("file:///a.jpg", "is a URL"),
        ("data:image/png;base64,AAAA", "is a URL"),
        (".", "is a folder; give its images as a list"),
        (3, "of type int; expected a path, an array"),
        (b"a.jpg", "of type bytes"),
        (None, "of type NoneType"),
        (torch.zeros(3, 4, 4), r"of type Tensor; .* make one by tensor.permute"),
        (np.zeros((4, 5), np.uint8), r"\(4, 5\) of uint8; expected \(H, W, 3\) of uint8; make a gray image"),
        (np.zeros((4, 5, 1), np.uint8), "make a gray image"),
        (np.zeros((4, 5, 4), np.uint8), r"leave the fourth channel out: image\[..., :3\]"),
        (np.zeros((3, 40, 50), np.uint8), "channels last"),
        (np.zeros((2, 4, 5, 3), np.uint8), "give a list of arrays"),
        (np.zeros((4, 5, 3)), r"of float64; .*\(image \* 255\)"),
        (np.zeros((0, 5, 3), np.uint8), "it is empty"),
        (np.zeros((1, 40_000, 3), np.uint8), "sides go up to 32766 pixels"),
    ],
)
def test_wrong_images(image: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predictor()(image)
    with pytest.raises(ValueError, match=message):
        predictor()([IMAGE, image])


def test_wrong_boxes_and_colors(tmp_path: Path) -> None:
    for images, boxes, message in (
        (IMAGE, "whole", 'boxes is "whole"; expected an array'),
        (IMAGE, [1, 2, 3, 4], r"one box is \[\[...\]\]"),
        (IMAGE, [[[1, 2, 3, 4]]], r"must be \(N, 4\)"),
        ([IMAGE, IMAGE], [[BOX]], r"2 images need a list of 2 box arrays \(N, 4\), got 1"),
        ([IMAGE, IMAGE], np.array([BOX, BOX]), "one per image, got a ndarray"),
        ([IMAGE, IMAGE], [BOX, BOX], r"one box is \[\[...\]\]"),
    ):
        with pytest.raises(ValueError, match=message):
            predictor()(images, boxes=boxes)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="color is 'BGR'"):
        predictor()(IMAGE, color="BGR")  # type: ignore[call-overload]
    with pytest.raises(FileNotFoundError, match=r"no image .*gone\.jpg"):
        predictor()([IMAGE, tmp_path / "gone.jpg"])


def test_images_without_boxes_are_warned_of() -> None:
    wide = np.zeros((100, 200, 3), np.uint8)
    for images, message in (
        (IMAGE, "a whole image without boxes is taken as one person; for several give their boxes"),
        ([IMAGE, IMAGE], "a whole image without boxes"),
        (wide, "the image, 200 x 100, is taken as one person; it is so wide"),
        ([IMAGE, wide], r"images\[1\], 200 x 100, is taken as one person; it is so wide"),
    ):
        with pytest.warns(UserWarning, match=message) as caught:
            predictor()(images)
        assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        predictor()(wide, boxes=[[0, 0, 50, 50]])
        predictor().predict(IMAGE, [BOX])
        assert predictor()([]) == []


def test_the_usual_filter_says_once_what_whole_images_are() -> None:
    model = predictor()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            model([IMAGE, IMAGE])
    assert len(caught) == 1


# Batches


def test_images_share_batches() -> None:
    """Boxes of five images, none in one of them, in batches of at most 4; each comes out in its image."""
    rng = np.random.default_rng(0)
    images, boxes, truths = [], [], []
    for count in (1, 3, 0, 6, 1):
        here = [(float(rng.uniform(0, 60)), float(rng.uniform(0, 40)), 150.0, 200.0) for _ in range(count)]
        boxes.append(here)
        truths.append(in_box(here[0], SHARES) if here else np.zeros((3, 2)))
        images.append(dots((300, 400), truths[-1], 6.0))
    model = predictor(batch_size=4, flip_test=False)
    found = model(images, boxes=boxes)
    assert model.model.batches == [4, 4, 3]
    assert [len(people) for people in found] == [1, 3, 0, 6, 1]
    for people, here, truth, image in zip(found, boxes, truths, images, strict=True):
        alone = predictor(flip_test=False)(image, boxes=here)
        np.testing.assert_allclose(people.keypoints, alone.keypoints, atol=1e-3)
        np.testing.assert_allclose(people.scores, alone.scores, atol=1e-6)
        np.testing.assert_allclose(people.boxes, alone.boxes)
        if here:
            np.testing.assert_allclose(people.keypoints[0], truth, atol=2.2)


def test_files_are_read_a_few_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(tmp_path / "a.png", IMAGE)
    read: list[int] = []
    real = pose.inference.inputs.read_and_check  # type: ignore[attr-defined]
    monkeypatch.setattr(
        "pose.inference.inputs.read_and_check",
        lambda path, upright: (read.append(len(model.model.batches)), real(path, upright=upright))[1],
    )
    model = predictor(batch_size=2, flip_test=False)
    assert len(model([tmp_path / "a.png"] * 6)) == 6
    assert read == [0, 0, 1, 1, 2, 2]  # batches done before each file was read


def test_boxes_of_a_detector_that_are_not_finite_are_left_out() -> None:
    class Broken:
        name = "broken"

        def __call__(self, images_rgb: Sequence[Any]) -> list[Boxes]:
            boxes = [BOX, (np.nan, 0, 5, 5), (0, 0, np.inf, 5), BOX, (0, 0, 0, 5)]
            return [(np.array(boxes), np.array([0.5, 1, 1, np.nan, 1])) for _ in images_rgb]

    with pytest.warns(UserWarning, match=r"left out 8 boxes of the detector broken: numbers that are not finite"):
        found = predictor(detector=Broken())([IMAGE, IMAGE], boxes="detect")
    assert [people.box_scores.tolist() for people in found] == [[0.5], [0.5]]
    with pytest.raises(ValueError, match=r"box_scores must be finite numbers, one per box, got \[nan\]"):
        predictor().predict(IMAGE, [BOX], box_scores=[np.nan])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "gave a NoneType for 2 images; for each image it gives boxes"),
        ([([BOX], [0.5])], "gave 1 result for 2 images"),
        ([[BOX], [BOX]], "for an image; for each image it gives boxes"),
        ([([BOX], [0.5, 0.4])] * 2, r"gave boxes of shape \(1, 4\) and scores of shape \(2,\) for an image"),
        ([([BOX[:3]], [0.5])] * 2, r"gave boxes of shape \(1, 3\)"),
    ],
)
def test_what_a_detector_gives_is_checked(given: Any, message: str) -> None:
    class Own:
        name = "own"

        def __call__(self, images_rgb: Sequence[Any]) -> Any:
            return given

    with pytest.raises(ValueError, match=f"the detector own {message}" if "gave" in message else message):
        predictor(detector=Own())([IMAGE, IMAGE], boxes="detect")


def test_a_detector_that_gives_corners_is_told() -> None:
    """As torchvision's and many others do."""
    height, width = IMAGE.shape[:2]

    class Corners:
        name = "corners"

        def __call__(self, images_rgb: Sequence[Any]) -> list[Any]:
            corners = [(width / 2, height / 2, width - 1, height - 1), (10, 20, width - 5, height - 5)]
            return [(np.array(corners), np.ones((2, 1))) for _ in images_rgb]

    with pytest.warns(UserWarning, match=r"the detector corners: .* all would fit as corners x1, y1, x2, y2"):
        found = predictor(detector=Corners())([IMAGE, IMAGE], boxes="detect")
    assert [len(people) for people in found] == [2, 2]


def test_heatmaps_of_a_stream_are_those_of_one_image() -> None:
    boxes = [[BOX, (20.0, 10.0, 100.0, 150.0)], [], [BOX]]
    model = predictor(batch_size=2)
    requests = [PredictRequest(IMAGE, each) for each in boxes]
    found = list(model.stream_with_heatmaps(requests))
    assert model.model.batches == [2, 2, 1, 1]  # with the mirrored crops, and not once more for the heatmaps
    assert [len(maps) for _, maps in found] == [2, 0, 1]
    for (people, drawn), each, plain in zip(found, boxes, predictor().stream(requests), strict=True):
        np.testing.assert_array_equal(people.keypoints, plain.keypoints)
        if each:
            crops, maps = predictor().heatmaps(IMAGE, each)
            np.testing.assert_array_equal(np.stack([crop for crop, _ in drawn]), crops)
            np.testing.assert_allclose(np.stack([found for _, found in drawn]), maps.numpy(), atol=1e-6)


class Finder:
    name = "finder"

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, images_rgb: Sequence[Any]) -> list[Boxes]:
        self.seen.append(len(images_rgb))
        return [
            (np.array([BOX]), np.array([0.5])) if i.any() else (np.zeros((0, 4)), np.zeros(0)) for i in images_rgb
        ]


def test_detect() -> None:
    finder = Finder()
    model = Predictor(DotFinder(), skeleton=THREE, input_size=(256, 192), detector=finder)
    people = model(IMAGE, boxes="detect")
    np.testing.assert_array_equal(people.keypoints, predictor().predict(IMAGE, [BOX]).keypoints)
    np.testing.assert_array_equal(people.box_scores, [0.5])
    found = model([IMAGE, np.zeros_like(IMAGE)] * 5, boxes="detect")
    assert [len(people) for people in found] == [1, 0] * 5
    assert finder.seen == [1, 8, 2]


def test_detector_is_loaded_once_when_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[str] = []
    monkeypatch.setattr("pose.inference.base.load_detector", lambda name, device: (loaded.append(name), Finder())[1])
    model = predictor(detector="fasterrcnn")
    model(IMAGE)
    assert loaded == []
    threads = [threading.Thread(target=model, args=(IMAGE,), kwargs={"boxes": "detect"}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loaded == ["fasterrcnn"]


@pytest.mark.slow
def test_threads_get_the_same_results(tiny_run: Path, tiny_dataset: Path) -> None:
    model = pose.load(tiny_run, "cpu", batch_size=3)
    paths = sorted((tiny_dataset / "images").glob("*.png"))
    expected = [people.keypoints for people in model(paths)]
    found: dict[int, list[Any]] = {}

    def work(number: int) -> None:
        for _ in range(3):
            found.setdefault(number, []).append([people.keypoints for people in model(paths)])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(each) for each in found.values()] == [3] * 4
    for each in found.values():
        for result in each:
            np.testing.assert_array_equal(result, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_cuda_finds_what_the_cpu_finds(tiny_run: Path, tiny_dataset: Path) -> None:
    paths = sorted((tiny_dataset / "images").glob("*.png"))
    cpu, cuda = (pose.load(tiny_run, device)(paths) for device in ("cpu", "cuda"))
    for a, b in zip(cpu, cuda, strict=True):
        np.testing.assert_allclose(a.scores, b.scores, atol=1e-3)


# Results


@pytest.fixture
def three_people() -> People:
    return predictor()(IMAGE, boxes=[BOX, (0, 0, 60, 80), (200, 100, 60, 80)])


def test_people_one_by_one(three_people: People) -> None:
    listed = list(three_people)
    assert all(isinstance(person, FoundPerson) for person in listed)
    assert len(listed) == len(three_people) == 3
    for index, person in enumerate(listed):
        np.testing.assert_array_equal(person.keypoints, three_people.keypoints[index])
        np.testing.assert_array_equal(person.scores, three_people.scores[index])
        np.testing.assert_array_equal(person.box, three_people.boxes[index])
        assert person.score == three_people.person_scores[index]
        x, y, score = person["r"]
        assert (x, y, score) == (*person.keypoints[1], person.scores[1])
    assert three_people[-1].box.tolist() == [200, 100, 60, 80]
    with pytest.raises(KeyError, match="no keypoint 'nose'; there are l, r, m"):
        _ = listed[0]["nose"]
    with pytest.raises(IndexError):
        _ = three_people[3]
    with pytest.raises(TypeError, match=r"of one person: people\[0\]\['nose'\]"):
        _ = cast("Any", three_people)["nose"]


def test_some_of_the_people(three_people: People) -> None:
    best = three_people[three_people.person_scores == three_people.person_scores.max()]
    assert len(best) == 1
    for chosen in (three_people[:1], three_people[[0]], three_people[np.array([0])]):
        np.testing.assert_array_equal(chosen.keypoints, best.keypoints)
        np.testing.assert_array_equal(chosen.draw(), best.draw())
    assert len(three_people[[]]) == len(three_people[:0]) == 0
    assert [p.box[0] for p in three_people[[2, 1]]] == [200, 0]
    assert three_people[np.array(1)].box.tolist() == three_people.boxes[1].tolist()  # as of an argmax
    for odd in (three_people.scores > 0.5, True, None, [[0, 1]]):
        with pytest.raises(
            TypeError, match=r"people are chosen by one number, .* a mask \(N,\) or a list of numbers"
        ):
            _ = three_people[cast("Any", odd)]


@pytest.mark.parametrize("batch_size", [0, 2.5, "8", None])
def test_a_batch_has_a_whole_number_of_people(batch_size: Any) -> None:
    with pytest.raises(ValueError, match=rf"batch_size must be a whole number and at least 1, got {batch_size!r}"):
        predictor(batch_size=batch_size)


def test_repr(three_people: People, tmp_path: Path) -> None:
    assert repr(three_people) == "<3 people, 3 keypoints each>"
    write_image(tmp_path / "a.png", IMAGE)
    assert repr(predictor()(tmp_path / "a.png")) == f"<1 person of {tmp_path / 'a.png'}, 3 keypoints each>"
    assert three_people.names == ("l", "r", "m")


def test_draw_and_save(three_people: People, tmp_path: Path) -> None:
    drawn = three_people.draw(threshold=0.3)
    assert (drawn != IMAGE).any(axis=-1).mean() > 0.005
    np.testing.assert_array_equal(IMAGE, example_image())
    with pytest.raises(ValueError, match="image_rgb is of type str; expected an array"):
        three_people.draw(cast("Any", "street.jpg"))
    three_people.save(tmp_path / "new/out.png", threshold=0.3)
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / "new/out.png"))[..., ::-1], drawn)
    with pytest.raises(ValueError, match=r"cannot write .*out.gif as '.gif'"):
        three_people.save(tmp_path / "out.gif")
    write_image(tmp_path / "a.png", IMAGE)
    found = predictor()(tmp_path / "a.png", boxes=[BOX])
    found.save(tmp_path / "b.png")
    with pytest.raises(ValueError, match="is the image itself and would be overwritten"):
        found.save(tmp_path / "new/../a.png")
    (tmp_path / "a.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"no image .*a\.png"):
        found.draw()
    np.testing.assert_array_equal(found.draw(IMAGE), cv2.imread(str(tmp_path / "b.png"))[..., ::-1])


def test_save_says_when_nothing_is_drawn(three_people: People, tmp_path: Path) -> None:
    message = r"no keypoint of 3 people scores more than 2, so none is drawn in .*a\.png; a lower threshold"
    with pytest.warns(UserWarning, match=message) as caught:
        three_people.save(tmp_path / "a.png", threshold=2)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        three_people.save(tmp_path / "b.png", threshold=0.3)
        three_people[[]].save(tmp_path / "c.png", threshold=2)


def test_records_hold_null_for_what_json_cannot(three_people: People) -> None:
    keypoints, box_scores = three_people.keypoints.copy(), three_people.box_scores.copy()
    keypoints[0, 1, 0], box_scores[2] = np.nan, np.inf
    records = replace(three_people, keypoints=keypoints, box_scores=box_scores).to_records()
    assert json.loads(json.dumps(records, allow_nan=False)) == records
    assert records[0]["keypoints"][1][0] is None
    assert records[0]["keypoints"][1][1] is not None
    assert [record["box_score"] for record in records] == [1, 1, None]


def test_to_coco_takes_the_number_that_is_the_name(tmp_path: Path) -> None:
    write_image(tmp_path / "000000000785.png", IMAGE)
    write_image(tmp_path / "street.png", IMAGE)
    numbered, named = predictor()([tmp_path / "000000000785.png", tmp_path / "street.png"])
    assert [record["image_id"] for record in numbered.to_coco()] == [785]
    assert [record["image_id"] for record in named.to_coco(4)] == [4]
    json.dumps(numbered.to_coco())
    json.dumps(named.to_coco(cast("Any", np.int64(4)), category_id=cast("Any", np.int64(1))))
    with pytest.raises(ValueError, match=r"street\.png has no number for a name; give to_coco\(image_id\)"):
        named.to_coco()


def test_to_supervision(three_people: People) -> None:
    supervision = pytest.importorskip("supervision")
    points = three_people.to_supervision(threshold=0.5)
    assert isinstance(points, supervision.KeyPoints)
    np.testing.assert_array_equal(points.xy, three_people.keypoints)
    np.testing.assert_array_equal(points.keypoint_confidence, three_people.scores)
    np.testing.assert_allclose(points.detection_confidence, three_people.person_scores)
    np.testing.assert_array_equal(points.visible, three_people.scores > 0.5)
    drawn = supervision.VertexAnnotator(radius=4).annotate(IMAGE.copy(), points)
    changed = (drawn != IMAGE).any(axis=-1)
    x, y = three_people.keypoints[0, 2].round().astype(int)
    assert changed[y, x]


def test_without_supervision(three_people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *rest: Any) -> Any:
        if name == "supervision":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingPackage, match=r"People.to_supervision needs supervision, .*: pip install supervision"):
        three_people.to_supervision()
