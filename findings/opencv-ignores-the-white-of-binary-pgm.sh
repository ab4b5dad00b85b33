#!/usr/bin/env bash
# Measured at version: opencv-python-headless 5.0.0.93, Pillow 13.0.0.
# Behaviour: the header of a PGM or PPM says which value is white. OpenCV ignores it in the binary kinds (P5, P6): a white
# image of 12 bits (maximum 4095) comes out as 4095 of 65535, and as 15 of 255 when it is read as 8 bits; one with the maximum
# 100 as 100 of 255. In the kinds written as text (P2, P3) it does scale by a maximum below 255, but not by one above it. So
# the same picture is white or nearly black by how its numbers are written. Pillow gives white for all of them.
# Guess: white is white; the maximum is one of the four things that the header holds, and the text kinds prove it is read.
# Why it matters: depth cameras, thermal cameras and microscopes write PGM of 10 to 14 bits. A network sees a nearly black
# picture and finds nobody, without a word.
# Instead: read the maximum from the header and scale: image * 255 / maximum; or open such files with Pillow.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
"${PYTHON:-python3}" -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check opencv-python-headless==5.0.0.93 numpy==2.4.6 pillow==13.0.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import cv2
import numpy as np
from PIL import Image


def write(name, kind, most):
    values = np.full(16 * 16 * (3 if kind in "P3 P6" else 1), most)
    raw = values.astype(">u2" if most > 255 else "u1").tobytes()
    text = " ".join(map(str, values)).encode() + b"\n"
    with open(name, "wb") as file:
        file.write(f"{kind}\n16 16\n{most}\n".encode() + (text if kind in "P2 P3" else raw))


expected = {  # what OpenCV makes of white, as 8 bits
    ("P5", 100): 100, ("P6", 100): 100, ("P2", 100): 255, ("P3", 100): 255,
    ("P5", 4095): 15, ("P6", 4095): 15, ("P2", 4095): 15, ("P3", 4095): 15,
    ("P5", 255): 255, ("P2", 255): 255, ("P5", 65535): 255, ("P2", 65535): 255,
}
for (kind, most), wanted in expected.items():
    write("a.pnm", kind, most)
    found = cv2.imread("a.pnm", cv2.IMREAD_COLOR)
    deep = cv2.imread("a.pnm", cv2.IMREAD_UNCHANGED)
    with Image.open("a.pnm") as image:
        pillow = np.asarray(image)
    white = 65535 if pillow.dtype != np.uint8 else 255
    print(f"{kind} with maximum {most}: OpenCV {found.max()} of 255 (unchanged: {deep.max()}), Pillow {pillow.max()} of {white}")
    assert found.min() == found.max() == wanted, (kind, most, found.max())
    assert pillow.min() == pillow.max() == white, (kind, most, pillow.max())
PY
echo "seen: white of a binary PGM or PPM is as dark as its maximum is small"
