"""`pose label`: what a model finds comes back from each tool's format, in the pixels that the tool shows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image as Pillow

from pose.formats.convert import convert
from pose.inference.base import PredictorBase
from pose.inference.inputs import PredictRequest
from pose.inference.label_images import FILES, LabelSummary, kind_of, label_images
from pose.inference.results import People
from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import Skeleton
from pose.runtime.errors import ConfigError, DataError
from tests.helpers.cli import Cli, refusal

pytestmark = pytest.mark.filterwarnings("ignore:each whole image")
DOG = Skeleton.from_names("dog", keypoint_names=["nose", "left_ear", "right_ear"], edges=[("nose", "left_ear")])
WIDE, HIGH = 60, 40
POINTS = [[10.0, 12.0], [20.0, 6.0], [30.0, 25.0]]


class Model:
    """Finds the same in each box, with a low score at the last keypoint, and is stopped where one says so."""

    skeleton = DOG
    batch_size = 4

    def __init__(self, points: Any = POINTS, *, scores: Any = (0.9, 0.5, 0.1), stop_at: int | None = None) -> None:
        self.points, self.scores, self.stop_at, self.calls = points, scores, stop_at, 0
        self.together: list[int] = []  # images of each call

    def stream(self, requests: Sequence[PredictRequest]) -> Iterator[People]:
        self.together.append(len(requests))
        for request in requests:
            if self.calls == self.stop_at:
                raise KeyboardInterrupt
            self.calls += 1
            boxes = np.array(request.boxes_xywh, dtype=np.float32)
            n = len(boxes)
            yield People(
                image_path=request.path,
                image_size=cast("Any", request.image).shape[:2],
                keypoints=np.tile(np.array(self.points, dtype=np.float32), (n, 1, 1)),
                scores=np.tile(np.array(self.scores, dtype=np.float32), (n, 1)),
                boxes=boxes,
                box_scores=np.ones(n, dtype=np.float32),
                skeleton=DOG,
            )


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """One photograph that is stored upright, and one below it that a telephone stored on its side."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    Pillow.new("RGB", (WIDE, HIGH), (90, 120, 60)).save(folder / "a.jpg")
    exif = Pillow.Exif()
    exif[0x0112] = 6  # viewers turn it by 90 degrees clockwise
    Pillow.new("RGB", (HIGH, WIDE), (90, 120, 60)).save(folder / "more/b.jpg", exif=exif)
    return folder


def run(model: Model, photos: Path, target: str, out: Path, **options: Any) -> LabelSummary:
    return label_images(cast("PredictorBase", model), [photos], target=target, out=out, **options)


@pytest.mark.parametrize(("batch_size", "together"), [(4, [2]), (1, [1, 1])])
def test_images_share_batches(tmp_path: Path, photos: Path, batch_size: int, together: list[int]) -> None:
    model = Model()
    model.batch_size = batch_size
    summary = run(model, photos, "coco", tmp_path / "out")
    assert (model.together, summary.images) == (together, 2)


def as_coco(out: Path, target: str, photos: Path) -> dict[str, Any]:
    """What comes back by `pose convert`, with the keypoints by the image's name."""
    file = FILES[target]
    back = out.with_suffix(".json")
    names = ",".join(DOG.keypoint_names)
    convert(out if file is None else out / file, back, source_format=target, images=photos, keypoints=names)
    document = json.loads(back.read_text())
    names_of = {image["id"]: Path(image["file_name"]).name for image in document["images"]}
    return {names_of[a["image_id"]]: np.reshape(a["keypoints"], (-1, 3)) for a in document["annotations"]}


@pytest.mark.parametrize("target", FILES)
def test_labels_come_back(photos: Path, tmp_path: Path, target: str) -> None:
    summary = run(Model(), photos, target, tmp_path / "out")
    assert (summary.images, summary.people, summary.labeled, summary.keypoints) == (2, 2, 4, 6)
    assert "not labeled: keypoints that score less than 0.2, or lie outside: 2" in str(summary)
    assert "guessed: boxes, as the extent of the keypoints and a tenth more on each side: 2" in str(summary)
    found = as_coco(tmp_path / "out", target, tmp_path / "out" if target in ("yolo", "labelme") else photos)
    np.testing.assert_allclose(found["a.jpg"], [[10, 12, 2], [20, 6, 2], [0, 0, 0]], atol=1e-3)
    # The same place of the photograph as it is stored: x of it is y as shown, y counts from the right edge.
    np.testing.assert_allclose(found["b.jpg"], [[12, 50, 2], [6, 40, 2], [0, 0, 0]], atol=1e-3)


def test_boxes_of_a_file_stay(photos: Path, tmp_path: Path) -> None:
    """They are for the pixels as stored; parts outside of the image are cut off, keypoints there not labeled."""
    boxes = [
        {"file_name": name, "bbox": [-5, 2, 30, 20], "score": score}
        for name, score in (("a.jpg", 0.9), ("a.jpg", 0.3), ("more/b.jpg", 0.8))
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    Pillow.new("RGB", (20, 20)).save(photos / "nobody.png")
    model = Model([[-3.0, 5.0], [20.0, 6.0], [30.0, 25.0]])
    with pytest.warns(UserWarning, match="is stored turned"):
        summary = run(
            model, photos, "coco", tmp_path / "out", boxes=tmp_path / "boxes.json", threshold=0.6, min_box_score=0.5
        )
    assert "guessed: people without a labeled keypoint, as a box alone: 2" in str(summary)
    assert "no keypoint is labeled, only boxes; give a lower --threshold" in str(summary)
    document = json.loads((tmp_path / "out/annotations.json").read_text())
    assert [image["file_name"] for image in document["images"]] == ["a.jpg", "more/b.jpg", "nobody.png"]
    assert "images with nobody: 1" in str(summary)
    assert "only boxes" not in str(replace(summary, labeled=1))
    assert [a["bbox"] for a in document["annotations"]] == [[0, 2, 25, 20]] * 2
    assert [a["num_keypoints"] for a in document["annotations"]] == [0, 0]
    assert document["categories"][0]["name"] == "dog"


def test_at_0_all_that_have_a_peak_are_labeled(photos: Path, tmp_path: Path) -> None:
    """A heatmap without one scores 0, and its keypoint lies in the corner of the crop."""
    model = Model(scores=[0.9, 1e-6, 0.0])
    assert run(model, photos, "coco", tmp_path / "out", threshold=0.0).labeled == 2 * 2


def test_what_is_done_by_ctrl_c_stays(photos: Path, tmp_path: Path) -> None:
    with (
        pytest.warns(UserWarning, match="ended early: .*out has the 1 image done by then"),
        pytest.raises(KeyboardInterrupt),
    ):
        run(Model(stop_at=1), photos, "cvat", tmp_path / "out")
    assert list(as_coco(tmp_path / "out", "cvat", photos)) == ["a.jpg"]
    with pytest.raises(KeyboardInterrupt):
        run(Model(stop_at=0), photos, "cvat", tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()


def test_broken_images_are_counted(photos: Path, tmp_path: Path) -> None:
    (photos / "broken.jpg").write_text("no image")
    with pytest.warns(UserWarning, match=r"skipped: cannot read .*broken\.jpg"):
        summary = run(Model(), photos, "labelstudio", tmp_path / "out")
    assert "left out: images that cannot be read: 1" in str(summary)
    assert len(json.loads((tmp_path / "out/tasks.json").read_text())) == 2


def test_refusals(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(DataError, match="there exists already; corrections may be in it, so give another --out"):
        run(Model(), photos, "cvat", tmp_path / "there")
    with pytest.raises(ConfigError, match="cannot label for 'cvta'; did you mean 'cvat'"):
        run(Model(), photos, "cvta", tmp_path / "out")
    unsure = [{"file_name": "a.jpg", "bbox": [5, 2, 30, 20], "score": 0.1}]
    (tmp_path / "boxes.json").write_text(json.dumps(unsure))
    with pytest.raises(DataError, match="nobody was found in 2 images, so nothing is written"):
        run(Model(), photos, "cvat", tmp_path / "out", boxes=tmp_path / "boxes.json", min_box_score=0.5)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("target", ["yolo", "labelme", "cvat"])
def test_images_of_one_name_are_refused_before_the_work(photos: Path, tmp_path: Path, target: str) -> None:
    Pillow.new("RGB", (WIDE, HIGH)).save(photos / "a.png")
    model = Model()
    if target == "cvat":  # names images with their suffix
        assert run(model, photos, target, tmp_path / "out").images == 3
        return
    with pytest.raises(DataError, match=r"the labels of a\.jpg and a\.png would have one name"):
        run(model, photos, target, tmp_path / "out")
    assert model.calls == 0


@pytest.mark.parametrize("target", ["coco", "labelme"])
def test_boxes_are_of_the_image_in_the_folder_that_they_name(photos: Path, tmp_path: Path, target: str) -> None:
    for folder in ("x", "y"):
        (photos / folder).mkdir()
        Pillow.new("RGB", (WIDE, HIGH)).save(photos / folder / "1.jpg")
    boxes = tmp_path / "boxes.json"
    records = [{"file_name": name, "bbox": [1, 2, 30, 30]} for name in ("x/1.jpg", "x/1.jpg", "y/1.jpg")]
    boxes.write_text(json.dumps(records))
    model = cast("PredictorBase", Model())
    two = [photos / "x", photos / "y"]
    with pytest.raises(DataError, match=r"are both 1\.jpg below the folder .* give the folder above both"):
        label_images(model, two, target=target, out=tmp_path / "out", boxes=boxes)
    done = label_images(model, [two[1]], target=target, out=tmp_path / "y", boxes=boxes)
    assert (done.images, done.people) == (1, 1)
    assert ("images copied: 1" in str(done)) == (target == "labelme")
    assert run(Model(), photos, target, tmp_path / "all", boxes=boxes).people == 3


def test_the_category_is_named_for_what_it_is() -> None:
    names = {name: kind_of(skeleton).name for name, skeleton in SKELETONS.items()}
    assert names.pop("hand21") == "hand"
    assert names.pop("ap10k17") == "animal"
    assert set(names.values()) == {"person"}
    assert kind_of(DOG).name == "dog"


def test_kinds_that_were_learned_as_one_are_told(photos: Path, tmp_path: Path) -> None:
    model = Model()
    model.skeleton = replace(DOG, name="dog, cat")
    summary = run(model, photos, "coco", tmp_path / "out")
    assert "all are of the category 'dog, cat', which the model has learned as one" in str(summary)


@pytest.mark.slow
def test_the_command(pose_cli: Cli, photos: Path, tmp_path: Path) -> None:
    (photos / "phone.heic").write_bytes(b"a photograph")
    outcome = pose_cli("label", "demo", photos, "--to", "cvat", "--out", tmp_path / "out", "--threshold", -1)
    assert "1 left out: .heic 1" in outcome.err  # what of a folder is left out
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("labeled: 2 people in 2 images\n")
    assert "once they are corrected and exported: pose convert EXPORT corrected.json --images " in outcome.out
    again = pose_cli("label", "demo", photos, "--to", "cvat", "--out", tmp_path / "out")
    refusal(again, "out exists already; corrections may be in it")
    nan = pose_cli("label", "demo", photos, "--to", "cvat", "--out", tmp_path / "nan", "--threshold", "nan")
    assert (nan.code, "'--threshold'" in nan.err) == (2, True)
    weights = ("--weights", tmp_path / "w.pth")
    refusal(pose_cli("label", "demo", photos, "--to", "yolo", "--out", tmp_path / "b", *weights), "--weights are the")
