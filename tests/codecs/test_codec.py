"""The codecs by name: what each does, and how UDP's way of counting pixels hangs together."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch

from pose.codecs import dark, heatmap, heatmap_cpu
from pose.codecs.codec import CODECS, QUARTER, Codec
from pose.config.keypoints import ModelConfig
from pose.data.dataset import PeopleDataset
from pose.data.people import Person
from pose.data.transforms import Augment, Draw
from pose.keypoints.geometry import apply_affine, crop_affine, invert_affine
from pose.keypoints.skeletons import COCO17

INPUT, HEATMAP = (256, 192), (64, 48)
BOX = (40.0, 30.0, 90.0, 150.0)


def test_the_config_names_them_all() -> None:
    assert get_args(ModelConfig.model_fields["codec"].annotation) == tuple(CODECS)
    assert ModelConfig().make_codec() == QUARTER == CODECS["quarter"] == Codec()
    assert ModelConfig(codec="udp_dark", sigma=1.5).make_codec() == Codec(dark=True, unbiased=True, sigma=1.5)


def test_quarter_is_the_papers_to_the_bit() -> None:
    rng = torch.Generator().manual_seed(0)
    points = torch.rand(8, 17, 2, generator=rng) * 260 - 20
    given = (torch.rand(8, 17, generator=rng) > 0.2).float()
    drawn = QUARTER.encode(points, given, input_size=INPUT, heatmap_size=HEATMAP)
    for one, other in zip(drawn, heatmap.encode(points / 4, given, heatmap_size=HEATMAP), strict=True):
        assert torch.equal(one, other)
    maps = drawn[0] + 0.1 * torch.randn(drawn[0].shape, generator=rng)
    (xy, scores), (xy_hm, other) = QUARTER.decode(maps, input_size=INPUT), heatmap.decode(maps)
    assert torch.equal(xy, 4 * xy_hm)
    assert torch.equal(scores, other)
    merged = QUARTER.merge_flip(maps, maps.flip(0), COCO17.flip_indices)
    assert torch.equal(merged, heatmap.merge_flip(maps, maps.flip(0), COCO17.flip_indices))


@pytest.mark.parametrize("name", CODECS)
@pytest.mark.parametrize(("input_size", "sigma"), [((256, 192), 2.0), ((128, 96), 1.0)])
def test_what_is_drawn_is_found(name: str, input_size: tuple[int, int], sigma: float) -> None:
    """Within half a heatmap pixel where points are rounded, and within a hundredth where not; not at the borders."""
    codec = Codec(CODECS[name].dark, CODECS[name].unbiased, sigma)
    rng = torch.Generator().manual_seed(0)
    inner = torch.tensor(input_size[::-1]) - 8 * 4 * sigma
    points = torch.rand(4, 17, 2, generator=rng) * inner + 4 * 4 * sigma
    size = input_size[0] // 4, input_size[1] // 4
    maps, weights = codec.encode(points, torch.ones(4, 17), input_size=input_size, heatmap_size=size)
    found, scores = codec.decode(maps, input_size=input_size)
    assert (weights == 1).all()
    assert (scores > 0.7).all()
    assert (found - points).abs().max() <= (0.04 if codec.dark else 2.1)


@pytest.mark.parametrize("name", CODECS)
def test_crop_and_mirrored_crop_agree(name: str) -> None:
    """The mirror image of a crop has its keypoints at W - 1 - x. With UDP the merged heatmaps are those of the crop
    anywhere between pixels; HRNet's are at whole heatmap pixels only, by the shift."""
    codec = CODECS[name]
    rng = torch.Generator().manual_seed(1)
    points = torch.rand(3, 17, 2, generator=rng) * torch.tensor([150.0, 200.0]) + 20
    if not codec.unbiased:
        points = (points / 4).round() * 4
    mirrored = points.clone()[:, COCO17.flip_indices]
    mirrored[..., 0] = INPUT[1] - 1 - mirrored[..., 0]
    sizes = {"input_size": INPUT, "heatmap_size": HEATMAP}
    plain, _ = codec.encode(points, torch.ones(3, 17), **sizes)
    other, _ = codec.encode(mirrored, torch.ones(3, 17), **sizes)
    found, _ = codec.decode(codec.merge_flip(plain, other, COCO17.flip_indices), input_size=INPUT)
    if codec.unbiased:
        torch.testing.assert_close(found, codec.decode(plain, input_size=INPUT)[0], atol=0.05, rtol=0)
    else:  # a quarter of a heatmap pixel too far to the right, of which half is left in the mean
        assert (found - points).abs().max() <= 0.6


def test_merging_without_a_shift_is_a_mirror_image(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = torch.Generator().manual_seed(2)
    for size in ((64, 48), (5, 3), (1, 1)):
        plain, other = torch.randn(2, 3, 17, *size, generator=rng)
        want = (plain + other[:, COCO17.flip_indices].flip(-1)) * 0.5
        for layout in (torch.contiguous_format, torch.channels_last):
            pair = plain.contiguous(memory_format=layout), other.contiguous(memory_format=layout)
            assert torch.equal(CODECS["udp"].merge_flip(*pair, COCO17.flip_indices), want)
    monkeypatch.setattr(heatmap_cpu, "CPU_KERNEL", None)
    assert torch.equal(CODECS["udp"].merge_flip(plain, other, COCO17.flip_indices), want)


def test_the_crop_of_udp() -> None:
    """The box's center in the middle of the pixels' centers, its width over the steps between them."""
    affine = crop_affine((100, 80), 50, INPUT, unbiased=True)
    corners = apply_affine([[100, 80], [75, 80], [125, 80]], affine)
    np.testing.assert_allclose(corners, [[95.5, 127.5], [0, 127.5], [191, 127.5]], atol=1e-9)
    turned = crop_affine((100, 80), 50, INPUT, unbiased=True, rotation=90)
    np.testing.assert_allclose(apply_affine([[100, 80], [125, 80]], turned), [[95.5, 127.5], [95.5, 32]], atol=1e-9)
    flipped = crop_affine((100, 80), 50, INPUT, unbiased=True, rotation=30, flip=True)
    plain = crop_affine((100, 80), 50, INPUT, unbiased=True, rotation=30)
    points = np.random.default_rng(0).uniform(0, 200, (9, 2))
    ours, mirrored = apply_affine(points, plain), apply_affine(points, flipped)
    np.testing.assert_allclose(mirrored, np.stack([191 - ours[:, 0], ours[:, 1]], -1), atol=1e-9)
    np.testing.assert_allclose(apply_affine(ours, invert_affine(plain)), points, atol=1e-9)


@pytest.mark.parametrize("unbiased", [False, True])
def test_training_crops_count_pixels_as_the_codec(unbiased: bool, tmp_path: object) -> None:
    """With UDP a mirrored crop is the mirror image, pixel for pixel; half bodies and rotations keep the middle."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    points = np.column_stack([rng.uniform((60, 60), (200, 180), (17, 2)), np.full(17, 2)]).astype(np.float32)
    person = Person(1, 1, "a.png", BOX, points, (240, 320), 5000.0)  # type: ignore[arg-type]

    def sample(augment: Augment | None) -> object:
        dataset = PeopleDataset(
            [person], COCO17, input_size=(64, 48), unbiased=unbiased, augment=augment, read=lambda path: image
        )
        return dataset[0, 0]

    plain, mirrored = (sample(Augment(half_body=0, scale=0, rotation=0, flip=flip)) for flip in (0, 1))
    swapped = plain.keypoints_crop[COCO17.flip_indices]  # type: ignore[attr-defined]
    width = 47 if unbiased else 48
    np.testing.assert_allclose(mirrored.keypoints_crop[:, 0], width - swapped[:, 0], atol=1e-4)  # type: ignore[attr-defined]
    same = (mirrored.image == plain.image[:, ::-1]).mean()  # type: ignore[attr-defined]
    assert (same > 0.99) == unbiased
    for draw in (Draw(half="upper"), Draw(rotation=30, scale=0.7), Draw(half="lower", flip=True)):
        sizes = {"skeleton": COCO17, "input_size": (64, 48)}
        ours = draw.affine(BOX, points, **sizes, unbiased=unbiased)  # type: ignore[arg-type]
        theirs = draw.affine(BOX, points, **sizes)  # type: ignore[arg-type]
        center = apply_affine([[24, 32]], invert_affine(theirs))
        np.testing.assert_allclose(apply_affine(center, ours), [[24 - unbiased / 2, 32 - unbiased / 2]], atol=1e-9)


def test_dark_reads_what_quarter_draws() -> None:
    """Rounded targets are symmetric, so that either decoding finds their pixel."""
    points = torch.rand(2, 17, 2, generator=torch.Generator().manual_seed(3)) * torch.tensor([120.0, 180.0]) + 32
    maps, _ = QUARTER.encode(points, torch.ones(2, 17), input_size=INPUT, heatmap_size=HEATMAP)
    found, _ = CODECS["dark"].decode(maps, input_size=INPUT)
    torch.testing.assert_close(found, 4 * torch.trunc(points / 4 + 0.5), atol=1e-3, rtol=0)
    assert torch.equal(found, 4 * dark.decode(maps, sigma=2.0)[0])
