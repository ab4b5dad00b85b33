"""The known skeletons against numbers that stand in their datasets' own code."""

from __future__ import annotations

import numpy as np
import pytest

from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import guess_flip_pairs

COUNTS = {
    **{"coco17": 17, "coco-wholebody133": 133, "crowdpose14": 14, "mpii16": 16, "aic14": 14, "halpe26": 26},
    **{"hand21": 21, "ap10k17": 17},
}


def test_each_has_the_number_in_its_name() -> None:
    assert {name: s.num_keypoints for name, s in SKELETONS.items()} == COUNTS
    assert all(name == s.name for name, s in SKELETONS.items())


@pytest.mark.parametrize("name", SKELETONS)
def test_edges_are_mirrored(name: str) -> None:
    """Mirroring a skeleton gives the same lines, and every keypoint but the face's has one."""
    skeleton = SKELETONS[name]
    order = skeleton.flip_indices
    edges = {frozenset(edge) for edge in skeleton.edges}
    assert len(edges) == len(skeleton.edges)
    assert edges == {frozenset((int(order[a]), int(order[b]))) for a, b in edges}
    alone = set(range(skeleton.num_keypoints)) - {i for edge in edges for i in edge}
    assert all(skeleton.keypoint_names[i].startswith("face-") for i in alone)


@pytest.mark.parametrize("name", SKELETONS)
def test_pairs_are_mirrored_and_have_equal_sigmas(name: str) -> None:
    """But for AI Challenger and faces, which measured each side."""
    skeleton = SKELETONS[name]
    sigmas = np.array(skeleton.oks_sigmas)
    if name not in ("aic14", "coco-wholebody133"):
        np.testing.assert_array_equal(sigmas, sigmas[skeleton.flip_indices])
    names = skeleton.keypoint_names
    guessed = {frozenset(pair) for pair in guess_flip_pairs(names)}
    own = {frozenset((names[a], names[b])) for a, b in skeleton.flip_pairs}
    assert {pair for pair in own if not any(n.startswith("face-") for n in pair)} == guessed


def test_published_sigmas() -> None:
    """CrowdPose: crowdposetools; AI Challenger: delta / 2; Halpe: halpecocotools; AP-10K: its repository's config."""
    # fmt: off
    crowd = [0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89, 0.79, 0.79]
    halpe = [0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89, 0.89,
             0.8, 0.8, 0.8, 0.89, 0.89, 0.89, 0.89, 0.89, 0.89]
    ap10k = [0.025, 0.025, 0.026, 0.035, 0.035, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089, 0.107,
             0.087, 0.089]
    # fmt: on
    np.testing.assert_allclose(SKELETONS["crowdpose14"].oks_sigmas, np.divide(crowd, 10))
    np.testing.assert_allclose(SKELETONS["halpe26"].oks_sigmas, np.divide(halpe, 10))
    np.testing.assert_allclose(SKELETONS["ap10k17"].oks_sigmas, ap10k)
    assert SKELETONS["aic14"].oks_sigmas[6] == 0.03909642
    whole, hand = SKELETONS["coco-wholebody133"], SKELETONS["hand21"]
    assert whole.oks_sigmas[91:112] == whole.oks_sigmas[112:] == hand.oks_sigmas
    assert sum(whole.oks_sigmas[23:91]) == pytest.approx(1.137)


def test_the_face_mirrors_as_300w_does() -> None:
    """Chin, bridge and tip of the nose, and the middle of the lips stay; the subject's left comes first."""
    whole = SKELETONS["coco-wholebody133"]
    face = {i - 23: int(whole.flip_indices[i]) - 23 for i in range(23, 91)}
    assert [i for i, j in face.items() if i == j] == [8, 27, 28, 29, 30, 33, 51, 57, 62, 66]
    corners = {0: 16, 17: 26, 21: 22, 31: 35, 36: 45, 39: 42, 40: 47, 41: 46, 48: 54, 60: 64, 67: 65}
    assert {i: face[i] for i in corners} == corners
    assert whole.sides[23 + 36] == "right"
