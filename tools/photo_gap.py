"""Compares people of generated images with people of photographs: tones, edges, and what is labeled and cut.

    python tools/photo_gap.py data/figures_wild/val FOLDER/train2017 ...

of folders as in `FOLDER/annotations/person_keypoints_train2017.json` and `FOLDER/images/train2017`. Each person's box
is cut out and scaled to 192 pixels along its longer side, as a network sees it; values are means over 600 people, and
the last rows, of how people hold themselves, percentiles over all.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np

from pose.check.folder import find_split

PEOPLE = 600  # of a folder, drawn at random
SIDE = 192  # pixels
EDGE = 0.02  # of the image's side: a box that ends nearer to the border counts as cut
FACE, HIPS, ANKLES = slice(0, 5), slice(11, 13), slice(15, 17)
NOSE, EARS, SHOULDERS, WRISTS = 0, slice(3, 5), slice(5, 7), slice(9, 11)
ROWS = (
    "people",
    "mean brightness (0..255)",
    "its deviation from person to person",
    *(f"brightness, {p} %" for p in (2, 25, 50, 75, 98)),
    "pixels darker than 25 (%)",
    "chroma (Lab)",
    "steepness of edges, mean",
    "steepness of edges, 98 %",
    "keypoints labeled",
    "face labeled (%)",
    "hip labeled (%)",
    "ankle labeled (%)",
    "box ends at the image's bottom (%)",
    "no ankle, though the box ends inside the image (%)",
    "of the box filled by the person (%)",
    "two keypoints of the face labeled (%)",
    "distance across such faces, no hip labeled (pixels)",
    "distance across such faces, a hip labeled (pixels)",
    *(f"tilt of the shoulders (degrees), {p} %" for p in (50, 75)),
    "width of the shoulders (% of the trunk), 50 %",
    *(f"nose above the shoulders (% of the trunk), {p} %" for p in (25, 50, 75)),
    *(f"nose below the ears (% of the face), {p} %" for p in (25, 50, 75, 90)),
    *(f"wrist from the box's top (% of its height), {p} %" for p in (25, 50, 75)),
)


def tones(crop: np.ndarray) -> list[float]:
    """Measure the tones, colors and edges of a crop (H, W, 3) uint8 BGR."""
    scale = SIDE / max(crop.shape[:2])
    crop = cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    gray = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(float)
    lab = cv2.cvtColor(crop, cv2.COLOR_BGR2LAB).astype(float)
    steep = np.hypot(cv2.Sobel(gray, cv2.CV_64F, 1, 0), cv2.Sobel(gray, cv2.CV_64F, 0, 1)) / 8
    chroma = np.hypot(lab[..., 1] - 128, lab[..., 2] - 128).mean()
    levels = np.percentile(gray, (2, 25, 50, 75, 98))
    return [gray.mean(), *levels, 100 * (gray < 25).mean(), chroma, steep.mean(), np.percentile(steep, 98)]


def labels(person: dict, image: dict) -> list[float]:
    """Say how much of a person is labeled, where the box ends, how much the person fills, and the face's size."""
    keypoints = np.array(person["keypoints"], dtype=float).reshape(-1, 3)
    labeled = keypoints[:, 2] > 0
    _, y, width, height = person["bbox"]
    bottom = y + height > (1 - EDGE) * image["height"]
    ankle, hip = bool(labeled[ANKLES].any()), bool(labeled[HIPS].any())
    face = keypoints[FACE][labeled[FACE], :2]
    across = float(np.hypot(*np.ptp(face, axis=0))) * SIDE / max(width, height) if len(face) > 1 else np.nan
    return [
        float(labeled.sum()),
        *(100.0 * labeled[part].any() for part in (FACE, HIPS, ANKLES)),
        100.0 * bottom,
        100.0 * (not ankle and not bottom),
        100.0 * person["area"] / (width * height),
        100.0 * (len(face) > 1),
        np.nan if hip else across,
        across if hip else np.nan,
    ]


def posture(person: dict) -> list[float]:
    """Say how a person holds shoulders, head and wrists; nan for what is not labeled.

    Returns:
        The tilt of the shoulders in degrees; their width and the nose's height above them in percent of the trunk;
        how far the nose is below the ears in percent of the face; and how far the left and the right wrist are from
        the box's top in percent of its height.
    """
    keypoints = np.array(person["keypoints"], dtype=float).reshape(-1, 3)
    xy = np.where(keypoints[:, 2:] > 0, keypoints[:, :2], np.nan)
    across = xy[5] - xy[6]
    middle = xy[SHOULDERS].mean(0)
    trunk = np.hypot(*(xy[HIPS].mean(0) - middle)) or np.nan
    ears = xy[EARS][~np.isnan(xy[EARS, 0])]
    face = xy[FACE][~np.isnan(xy[FACE, 0])]
    extent = (np.hypot(*np.ptp(face, axis=0)) if len(face) > 1 else 0) or np.nan
    below_ears = xy[NOSE, 1] - ears[:, 1].mean() if len(ears) else np.nan
    _, top, _, height = person["bbox"]
    return [
        float(np.degrees(np.arctan2(abs(across[1]), abs(across[0])))),
        *(100 * np.array([abs(across[0]), middle[1] - xy[NOSE, 1]]) / trunk),
        100 * below_ears / extent,
        *(100 * (xy[WRISTS, 1] - top) / height),
    ]


def measure(folder: Path) -> list[float]:
    """Measure one folder: the values of `ROWS`."""
    split = find_split(folder.parent / "annotations" / f"person_keypoints_{folder.name}.json")
    images = {image["id"]: image for image in split.document["images"]}
    people = [a for a in split.document["annotations"] if a["num_keypoints"] and not a.get("iscrowd")]
    rows = []
    for i in np.random.default_rng(0).permutation(len(people))[:PEOPLE]:
        person = people[i]
        image = images[person["image_id"]]
        pixels = cv2.imread(str(split.images_dir / image["file_name"]))
        x, y, width, height = person["bbox"]
        crop = pixels[int(y) : int(y + height) + 1, int(x) : int(x + width) + 1]
        rows.append(tones(crop) + labels(person, image))
    table = np.array(rows)
    tilt, width, nose, drop, *wrists = np.array([posture(person) for person in people]).T
    quartiles = (25, 50, 75)
    parts = ((tilt, quartiles[1:]), (width, (50,)), (nose, quartiles), (drop, (*quartiles, 90)), (wrists, quartiles))
    spread = [float(v) for values, shares in parts for v in np.nanpercentile(values, shares)]
    return [len(table), table[:, 0].mean(), table[:, 0].std(), *np.nanmean(table[:, 1:], axis=0), *spread]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER/NAME")
    folders = parser.parse_args().folders
    columns = [measure(folder) for folder in folders]
    print(f"{'':52s}" + "".join(f"{folder.name[:14]:>15s}" for folder in folders))
    for name, *values in zip(ROWS, *columns, strict=True):
        print(f"{name:52s}" + "".join(f"{value:15.1f}" for value in values))


if __name__ == "__main__":
    main()
