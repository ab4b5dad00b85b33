"""How long training takes to start on a file of COCO's size, and in how much memory.

    OMP_NUM_THREADS=1 python tools/bench/coco_size.py [--file FILE] [--images 118287] [--rounds 3]
    OMP_NUM_THREADS=1 python tools/bench/coco_size.py --train STEPS [CONFIG [KEY=VALUE ...]]

Makes a file like person_keypoints_train2017.json (118,287 images, 262,465 objects, 149,813 people with keypoints,
250 MB), and lists the people to train on: with this package, and as HRNet does, with pycocotools' COCO() and a
loop over all images. Times are of one process, interleaved; the peak of memory is of a process for each.

With --train a training of a config of configs/coco (default: mobilenet_v2_x0.5_dyrelu) begins on that file and on as
many links to a few images, and is ended after so many steps; printed is the memory of the main process and of each
loader process (Linux's PSS: a page that n processes share counts as 1/n in each).
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from timing import Row, row

from pose.data.coco import load_coco
from pose.data.people import Person, count_usage, ground_truth_people
from pose.keypoints.skeletons import COCO17

IMAGES, OBJECTS, LABELED = 118_287, 262_465, 149_813  # of COCO's train2017
IMAGE_FILES = 16  # of as many sizes
MEMORY_MB = 400  # to stay below
URL = "http://images.cocodataset.org/train2017/"


def make_file(path: Path, *, images: int) -> None:
    """Write a file of so many images, with COCO's share of people, its keys, and outlines of some 60 points."""
    rng = np.random.default_rng(0)
    objects, labeled = images * OBJECTS // IMAGES, images * LABELED // IMAGES
    of_image = np.sort(rng.integers(0, images, objects))
    has_keypoints = rng.permutation(objects) < labeled
    sizes = rng.integers(300, 641, (IMAGE_FILES, 2))[np.arange(images) % IMAGE_FILES]
    with path.open("w", encoding="utf-8") as out:
        out.write('{"info": {"year": 2017}, "licenses": [], "images": [')
        for i in range(images):
            name = f"{i + 1:012}.jpg"
            record = {"license": 3, "file_name": name, "coco_url": URL + name, "height": int(sizes[i, 0])}
            record |= {"width": int(sizes[i, 1]), "date_captured": "2013-11-14 11:18:45"}
            record |= {
                "flickr_url": f"http://farm9.staticflickr.com/8186/8119368305_4e622c8349_z{i}.jpg",
                "id": i + 1,
            }
            out.write(", " * bool(i) + json.dumps(record))
        out.write('], "annotations": [')
        for n in range(objects):
            height, width = sizes[of_image[n]].tolist()
            x, y = rng.uniform(0, width / 2), rng.uniform(0, height / 2)
            w, h = rng.uniform(4, width / 2), rng.uniform(4, height / 2)
            points = np.zeros((17, 3), dtype=np.int64)
            if has_keypoints[n]:
                points[:, :2] = rng.uniform((x, y), (x + w, y + h), (17, 2))
                points[:, 2] = rng.integers(0, 3, 17)
                points[points[:, 2] == 0] = 0
            record = {
                "segmentation": [np.round(rng.uniform(0, 600, 62), 2).tolist()],
                "num_keypoints": int((points[:, 2] > 0).sum()),
                "area": round(float(w * h / 2), 4),
                "iscrowd": int(rng.random() < 0.02),
                "keypoints": points.ravel().tolist(),
                "image_id": int(of_image[n]) + 1,
                "bbox": [round(float(v), 2) for v in (x, y, w, h)],
                "category_id": 1,
                "id": 100_000 + 7 * n,
            }
            out.write(", " * bool(n) + json.dumps(record))
        category = {"supercategory": "person", "id": 1, "name": "person", "keypoints": list(COCO17.keypoint_names)}
        category["skeleton"] = [[a + 1, b + 1] for a, b in COCO17.edges]
        out.write(f'], "categories": [{json.dumps(category)}]}}')


def ours(path: Path) -> Sequence[Person]:
    """What a training does before it looks at image files."""
    coco = load_coco(path, COCO17)
    count_usage(coco)
    return ground_truth_people(coco, "images")


def hrnet(path: Path) -> list[dict[str, Any]]:
    """HRNet's `_load_coco_keypoint_annotations`, with its arithmetic, on pycocotools."""
    from pycocotools.coco import COCO

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(path))
    people = []
    for index in coco.getImgIds():
        image = coco.loadImgs(index)[0]
        width, height = image["width"], image["height"]
        valid = []
        for a in coco.loadAnns(coco.getAnnIds(imgIds=index, iscrowd=False)):
            x, y, w, h = a["bbox"]
            x1, y1 = np.max((0, x)), np.max((0, y))
            x2 = np.min((width - 1, x1 + np.max((0, w - 1))))
            y2 = np.min((height - 1, y1 + np.max((0, h - 1))))
            if a["area"] > 0 and x2 >= x1 and y2 >= y1:
                valid.append((a, [x1, y1, x2 - x1, y2 - y1]))
        for a, box in valid:
            if a["category_id"] != 1 or max(a["keypoints"]) == 0:
                continue
            joints, visible = np.zeros((17, 3), dtype=float), np.zeros((17, 3), dtype=float)
            for k in range(17):
                joints[k, 0], joints[k, 1], joints[k, 2] = a["keypoints"][3 * k], a["keypoints"][3 * k + 1], 0
                seen = min(a["keypoints"][3 * k + 2], 1)
                visible[k, 0], visible[k, 1], visible[k, 2] = seen, seen, 0
            x, y, w, h = box
            center, scale = np.zeros(2, dtype=np.float32), np.array([w / 200.0, h / 200.0], dtype=np.float32) * 1.25
            center[0], center[1] = x + w * 0.5, y + h * 0.5
            found = {"image": image["file_name"], "center": center, "scale": scale, "joints": joints}
            people.append(found | {"visible": visible, "id": a["id"], "box": box})
    return people


WAYS: dict[str, Callable[[Path], Sequence[Any]]] = {"ours": ours, "pycocotools and HRNet's list": hrnet}


def make_images(folder: Path, annotations: Path) -> None:
    """Links by the names of the annotations' images to a few files of their sizes."""
    entries = json.loads(annotations.read_text(encoding="utf-8"))["images"]
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, entry in enumerate(entries):
        target = folder.parent / f"{number % IMAGE_FILES}.jpg"
        if number < IMAGE_FILES:
            small = rng.integers(0, 256, (entry["height"] // 8, entry["width"] // 8, 3), dtype=np.uint8)
            cv2.imwrite(str(target), cv2.resize(small, (entry["width"], entry["height"])))
        (folder / entry["file_name"]).symlink_to(target)


def memory_mb(pid: int) -> dict[str, float]:
    """Memory of a process: its share of all pages, and the part that is its own alone."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:  # it is gone
        return {"share": 0.0, "private": 0.0}
    sizes = {line.split(":")[0]: int(line.split()[1]) / 1000 for line in lines}
    return {"share": sizes["Pss"], "private": sizes["Private_Dirty"] + sizes["Private_Clean"]}


def train(path: Path, steps: int, words: Sequence[str]) -> None:
    """Train for some steps, and print the most memory that each kind of process had, and when."""
    with tempfile.TemporaryDirectory() as name:
        root, run = Path(name, "data"), Path(name, "run")
        (root / "annotations").mkdir(parents=True)
        for split in ("train2017", "val2017"):
            (root / f"annotations/person_keypoints_{split}.json").symlink_to(path.absolute())
        make_images(root / "images/train2017", path)
        (root / "images/val2017").symlink_to("train2017")
        config, *settings = words or ["mobilenet_v2_x0.5_dyrelu"]
        command = [sys.executable, "-m", "pose", "train", config, "--out", run, "--workers", "2"]
        command += [f"data.root={root}", "data.val.boxes=gt", *settings]
        with (Path(name) / "log").open("w+") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
            most: dict[str, dict[str, float]] = {}
            done = 0
            while process.poll() is None and done < steps:
                time.sleep(0.2)
                with contextlib.suppress(OSError, ValueError):
                    done = json.loads((run / "state.json").read_text())["step"]
                loaders = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
                found = {"main": memory_mb(process.pid), "main before the first step": memory_mb(process.pid)}
                found |= {f"loader {n}": memory_mb(int(pid)) for n, pid in enumerate(loaders, start=1)}
                found["all"] = {"share": sum(memory_mb(int(pid))["share"] for pid in [process.pid, *loaders])}
                for who, sizes in found.items():
                    if who != "main before the first step" or not loaders:
                        most[who] = {key: max(size, most.get(who, {}).get(key, 0)) for key, size in sizes.items()}
            process.terminate()
            process.wait()
            log.seek(0)
            print(f"{done} steps: {' '.join(map(str, command[3:]))}\n{log.read()[-1500:] if done < steps else ''}")
    print("| process | memory, its share | its own alone |\n|---|---|---|")
    for who, sizes in most.items():
        own = f"{sizes['private']:.0f} MB" if "private" in sizes else ""
        print(f"| {who} | {sizes['share']:.0f} MB | {own} |")


def peak_mb() -> float:
    """The most memory that this process has had, in MB; Linux only."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1000


def peak(way: str, path: Path) -> dict[str, Any]:
    """Time and peak memory of one way in a process of its own."""
    done = subprocess.run(
        [sys.executable, __file__, "--file", str(path), "--only", way], capture_output=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def rows(quick: bool) -> list[Row]:
    """Rows of time and memory, of one process for each way; `quick` takes a small file."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "coco_size.json")
        make_file(path, images=300 if quick else IMAGES)
        size = path.stat().st_size / 1e6
        found = {way: peak(way, path) for way in WAYS}
    ours, theirs = found.values()
    time_row = row(
        {"ours": [ours["seconds"]], "baseline": [theirs["seconds"]]},
        what=f"list of the people of {size:.0f} MB of annotations",
        against=list(WAYS)[1],
        target=">= 5",
        ours="ours",
        baseline="baseline",
        note=f"once; {ours['people']:,} people",
    )
    memory_row = {
        **time_row,
        "what": f"{time_row['what']}, peak memory of the process",
        "against": f"{MEMORY_MB} MB",
        "target": "<= 1",
        "ratio": ours["peak_mb"] / MEMORY_MB,
        "ours_ms": None,
        "baseline_ms": None,
        "note": f"{ours['peak_mb']:.0f} MB; {theirs['peak_mb']:.0f} MB of {list(WAYS)[1]}",
    }
    return [time_row, memory_row]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, default=Path(tempfile.gettempdir(), "coco_size.json"))
    parser.add_argument("--images", type=int, default=IMAGES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=list(WAYS), help=argparse.SUPPRESS)
    parser.add_argument("--train", type=int, metavar="STEPS", help="the memory of a training")
    parser.add_argument("config", nargs="*", help="of that training, and what to change in it")
    given = parser.parse_args()
    if given.only:
        before = peak_mb()
        begin = time.process_time()
        people = len(WAYS[given.only](given.file))
        seconds = time.process_time() - begin
        print(json.dumps({"people": people, "seconds": seconds, "before_mb": before, "peak_mb": peak_mb()}))
        return
    if not given.file.exists():
        make_file(given.file, images=given.images)
    print(f"{given.file}: {given.file.stat().st_size / 1e6:.0f} MB")
    if given.train:
        train(given.file, given.train, given.config)
        return
    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for _ in range(given.rounds):
        for name, way in WAYS.items():
            begin = time.process_time()
            way(given.file)
            times[name].append(time.process_time() - begin)
    print("| way | processor time, median | peak memory | of which before | people |\n|---|---|---|---|---|")
    for name, seconds in times.items():
        alone = peak(name, given.file)
        memory = f"{alone['peak_mb']:.0f} MB | {alone['before_mb']:.0f} MB"
        print(f"| {name} | {np.median(seconds):.2f} s | {memory} | {alone['people']:,} |", flush=True)


if __name__ == "__main__":
    main()
