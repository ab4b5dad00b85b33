"""Bakes `pose/assets/places.jpg`, panoramas of real places without people, that stand behind generated people.

    npm pack @pmndrs/assets@1.7.0 && tar xzf pmndrs-assets-1.7.0.tgz    # makes the folder `package`
    pip install OpenEXR==3.5.3
    python tools/bake_places.py package/hdri pose/assets/places.jpg

The package is under CC0; its panoramas come from Poly Haven (CC0).
"""

from __future__ import annotations

import argparse
import base64
import re
import tempfile
from pathlib import Path

import cv2
import numpy as np
import OpenEXR

COLUMNS = 3


def read(path: Path) -> np.ndarray:
    """Read one panorama: (256, 512, 3) linear RGB."""
    found = re.search(r"base64,([^'\"`]+)", path.read_text())
    if found is None:
        raise SystemExit(f"{path} holds no base64 data")
    with tempfile.NamedTemporaryFile(suffix=".exr") as file:
        file.write(base64.b64decode(found.group(1)))
        file.flush()
        channels = OpenEXR.File(file.name).channels()
    if "RGB" in channels:
        return channels["RGB"].pixels.astype(np.float32)
    return np.stack([channels[c].pixels for c in "RGB"], -1).astype(np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of the .exr.js files")
    parser.add_argument("picture", type=Path, help="the .jpg file to write")
    options = parser.parse_args()
    tiles = []
    for path in sorted(options.folder.glob("*.exr.js")):
        light = np.nan_to_num(read(path), posinf=100.0)
        light = np.maximum(light, 0) / np.percentile(light, 93)
        tiles.append((np.minimum(light, 1) ** (1 / 2.2) * 255).astype(np.uint8)[..., ::-1])
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    cv2.imwrite(str(options.picture), np.vstack(rows), [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"{options.picture}: {len(tiles)} places, {options.picture.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
