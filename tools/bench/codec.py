"""Targets, peaks and the flip average against the loops over people and keypoints of published code.

The loops are written as HRNet and SimpleBaselines have them (numpy, one keypoint at a time; the search for the
maximum is batched there too).

    OMP_NUM_THREADS=1 python tools/bench/codec.py [--quick]
    OMP_NUM_THREADS=1 python tools/bench/codec.py --loss     # what each codec loses with perfect heatmaps
    OMP_NUM_THREADS=1 python tools/bench/codec.py --codecs   # how long DARK takes to decode, alone
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from timing import Row, interleave, markdown, row
from torch import Tensor

from pose.codecs.codec import CODECS, Codec
from pose.codecs.heatmap import decode, encode, merge_flip
from pose.keypoints.skeletons import COCO17

HEATMAP = (64, 48)
Array = NDArray[Any]


def plain_targets(keypoints_crop: Array, weights: Array) -> tuple[Array, Array]:
    """HRNet's generate_target for one person: (K, 2) crop pixels, (K,) weights -> (K, H, W), (K,)."""
    height, width = HEATMAP
    target = np.zeros((len(keypoints_crop), height, width), np.float32)
    weights = weights.copy()
    reach, size = 6, 13
    grid = np.arange(0, size, 1, np.float32)
    for k, (x, y) in enumerate(keypoints_crop):
        mu_x, mu_y = int(x / 4 + 0.5), int(y / 4 + 0.5)
        left, top, right, bottom = mu_x - reach, mu_y - reach, mu_x + reach + 1, mu_y + reach + 1
        if left >= width or top >= height or right < 0 or bottom < 0:
            weights[k] = 0
            continue
        if weights[k] > 0.5:
            gauss = np.exp(-((grid - reach) ** 2 + (grid[:, None] - reach) ** 2) / (2 * 2.0**2))
            in_x, in_y = slice(max(0, left), min(right, width)), slice(max(0, top), min(bottom, height))
            of_x = slice(max(0, -left), min(right, width) - left)
            of_y = slice(max(0, -top), min(bottom, height) - top)
            target[k][in_y, in_x] = gauss[of_y, of_x]
    return target, weights


def plain_decode(heatmaps: Array) -> tuple[Array, Array]:
    """HRNet's get_max_preds and the quarter offset of get_final_preds: (B, K, H, W) -> (B, K, 2), (B, K)."""
    batch, count, height, width = heatmaps.shape
    flat = heatmaps.reshape(batch, count, -1)
    index, scores = np.argmax(flat, 2), np.amax(flat, 2)
    xy = np.stack([index % width, index // width], -1).astype(np.float32) * (scores > 0)[..., None]
    for n in range(batch):
        for k in range(count):
            hm = heatmaps[n][k]
            px, py = math.floor(xy[n][k][0] + 0.5), math.floor(xy[n][k][1] + 0.5)
            if 1 < px < width - 1 and 1 < py < height - 1:
                diff = np.array([hm[py][px + 1] - hm[py][px - 1], hm[py + 1][px] - hm[py - 1][px]])
                xy[n][k] += np.sign(diff) * 0.25
    return xy, scores


def plain_merge(heatmaps: Tensor, flipped: Tensor, order: Tensor) -> Tensor:
    """HRNet's flip, gather, shift and average, in torch."""
    back = torch.flip(flipped, [3])[:, order]
    back[:, :, :, 1:] = back.clone()[:, :, :, :-1]
    return (heatmaps + back) * 0.5


def make_heatmaps(batch: int) -> Tensor:
    """Peaks as a network gives them: Gaussians somewhere in the map, with noise."""
    rng = torch.Generator().manual_seed(0)
    points = torch.rand(batch, 17, 2, generator=rng) * torch.tensor([HEATMAP[1] - 1.0, HEATMAP[0] - 1.0])
    clean, _ = encode(points, torch.ones(batch, 17), heatmap_size=HEATMAP)
    return clean + 0.05 * torch.randn(clean.shape, generator=rng)


def cases(quick: bool) -> list[tuple[dict[str, str], dict[str, Callable[[], Any]]]]:
    """Each row's words and its two functions, "ours" and "baseline".

    With a target, their results are equal, but for argmax.
    """
    many = 20 if quick else 1000
    rng = np.random.default_rng(0)
    points = rng.uniform(-20, 210, (64, 17, 2)).astype(np.float32)
    weights = (rng.random((64, 17)) < 0.8).astype(np.float32)
    tensors = torch.from_numpy(points), torch.from_numpy(weights)
    heatmaps = make_heatmaps(many)
    array = heatmaps.numpy()
    pair = make_heatmaps(32), make_heatmaps(32)
    as_given = [maps.contiguous(memory_format=torch.channels_last) for maps in pair]
    order = torch.from_numpy(COCO17.flip_indices)

    def loop_targets() -> tuple[Array, Array]:
        found = [plain_targets(p, w) for p, w in zip(points, weights, strict=True)]
        return np.stack([t for t, _ in found]), np.stack([w for _, w in found])

    targets: dict[str, Callable[[], Any]] = {
        "ours": lambda: encode(tensors[0] / 4, tensors[1], heatmap_size=HEATMAP),
        "baseline": loop_targets,
    }
    peaks: dict[str, Callable[[], Any]] = {
        "ours": lambda: decode(heatmaps),
        "baseline": lambda: plain_decode(array),
    }
    flips: dict[str, Callable[[], Any]] = {
        "ours": lambda: decode(merge_flip(*pair, order)),
        "baseline": lambda: plain_decode(plain_merge(*pair, order).numpy()),
    }
    flips_as_given: dict[str, Callable[[], Any]] = {
        "ours": lambda: decode(merge_flip(*as_given, order)),
        "baseline": lambda: plain_decode(plain_merge(*as_given, order).numpy()),
    }
    flip_words = {"against": "plain torch flip, gather, average, then the loop", "target": ">= 4"}
    return [
        ({"what": "targets, batch 64", "against": "a per-keypoint numpy loop", "target": ">= 8"}, targets),
        (
            {
                "what": f"decode {many:,} x 17 x 64 x 48 on CPU",
                "against": "a loop over people and keypoints",
                "target": ">= 11",
            },
            peaks,
        ),
        ({"what": "flip merge + decode, batch 32", **flip_words}, flips),
        (
            {"what": "flip merge + decode, batch 32, channels_last as the networks give it", **flip_words},
            flips_as_given,
        ),
        # For the record: what bounds the rows above.
        (
            {"what": f"decode {many:,} x 17 x 64 x 48 on CPU", "against": "numpy's argmax alone", "target": ">= 1"},
            {"ours": lambda: decode(heatmaps), "baseline": lambda: array.reshape(many, 17, -1).argmax(-1)},
        ),
        (
            {
                "what": f"summing the same {many:,} x 17 x 64 x 48",
                "against": "our whole decode",
                "target": "",
            },
            {"ours": lambda: heatmaps.sum(), "baseline": lambda: decode(heatmaps)},
        ),
        (
            {"what": "flip merge alone, batch 32", "against": "plain torch flip, gather, average", "target": ""},
            {"ours": lambda: merge_flip(*pair, order), "baseline": lambda: plain_merge(*pair, order)},
        ),
    ]


def rows(quick: bool) -> list[Row]:
    """Times of targets, decode, and flip merge with decode."""
    found = []
    for words, functions in cases(quick):
        times = interleave(functions, repeats=2 if quick else 41, warmup=1 if quick else 5)
        found.append(row(times, **words, ours="ours", baseline="baseline"))
    return found + codec_rows(quick)


def loss(codec: Codec, input_size: tuple[int, int], *, inner: bool, count: int) -> tuple[float, float]:
    """Mean and 95th percentile of the distance, in crop pixels, from points to what is decoded from their heatmaps.

    Args:
        inner: take only points at least 4 heatmap pixels from the crop's border; else points anywhere in the crop.
    """
    margin = 16.0 if inner else 0.0
    last = torch.tensor([input_size[1] - 1.0, input_size[0] - 1.0])
    points = margin + torch.rand(count, 1, 2, generator=torch.Generator().manual_seed(0)) * (last - 2 * margin)
    size = input_size[0] // 4, input_size[1] // 4
    maps, _ = codec.encode(points, torch.ones(count, 1), input_size=input_size, heatmap_size=size)
    distance = (codec.decode(maps, input_size=input_size)[0] - points).norm(dim=-1)
    return float(distance.mean()), float(distance.quantile(0.95))


def loss_table(count: int = 5000) -> str:
    """The losses of every codec, by sigma and input size."""
    lines = ["| codec | input | sigma | inside: mean | 95 % | anywhere: mean | 95 % |", "|" + "---|" * 7]
    for name, codec in CODECS.items():
        for input_size in ((256, 192), (128, 96)):
            for sigma in (1.0, 2.0, 3.0):
                made = replace(codec, sigma=sigma)
                numbers = [n for inner in (True, False) for n in loss(made, input_size, inner=inner, count=count)]
                words = f"| {name} | {input_size[0]}x{input_size[1]} | {sigma:g} | "
                lines.append(words + " | ".join(f"{n:.3f}" for n in numbers) + " |")
    return "\n".join(lines)


def codec_rows(quick: bool) -> list[Row]:
    """Times of decoding as DARK does against a quarter offset; UDP's coordinates take no time."""
    found = []
    for batch in (4, 64) if quick else (64, 1000):
        maps = make_heatmaps(batch)
        for layout in ("contiguous", "channels_last"):
            given = maps if layout == "contiguous" else maps.contiguous(memory_format=torch.channels_last)
            times = interleave(
                {name: partial(CODECS[name].decode, given, input_size=(256, 192)) for name in ("dark", "quarter")},
                repeats=2 if quick else 41,
                warmup=1 if quick else 5,
            )
            words = {"what": f"dark, {batch:,} x 17 x 64 x 48, {layout}", "against": "quarter", "target": "<= 1.5"}
            found.append(row(times, **words, ours="dark", baseline="quarter"))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--loss", action="store_true", help="what each codec loses with perfect heatmaps")
    parser.add_argument("--codecs", action="store_true", help="how long DARK takes to decode, alone")
    parser.add_argument("--quick", action="store_true", help="few repeats, to see that it runs")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.loss:
        print(loss_table())
    else:
        print(markdown((codec_rows if options.codecs else rows)(quick=options.quick)))


if __name__ == "__main__":
    main()
