"""Fill in what a config's `data.skeleton` leaves out, from the annotations' category and from the names."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from pose.config.keypoints import Config, SkeletonConfig
from pose.data.category import Category, read_category
from pose.data.json_file import read_json
from pose.keypoints.known import SKELETONS
from pose.keypoints.skeletons import COCO_SIGMAS, DEFAULT_SIGMA, Skeleton, split_side


def with_skeleton(config: Config) -> Config:
    """The config with `data.skeleton` complete, so that whoever reads it needs no annotations and guesses nothing.

    A named skeleton, or one that is written out, stays as it is. Of another one the keypoints' names and the edges
    come from the category of the training annotations, and flip pairs and OKS sigmas from the names. Where those are
    exactly the names of a known skeleton, it gives the rest. Each guess is warned of, that of flip pairs where images
    are mirrored.

    Raises:
        FileNotFoundError, ValueError: no annotations, no category with keypoints, or names and numbers disagree.
    """
    data = config.data
    if isinstance(data.skeleton, str) and data.skeleton in SKELETONS:
        return config
    given = data.skeleton if isinstance(data.skeleton, SkeletonConfig) else SkeletonConfig()
    fields = {key: value for key, value in given.model_dump().items() if value is not None}
    if len(fields) == len(SkeletonConfig.model_fields):
        _warn_of_sides(data.resolve_skeleton(), config)
        return config
    path = Path(data.root, data.train.annotations)
    if not {"keypoint_names", "edges"} <= fields.keys():
        fields = _with_category(path, fields, data.category)
    known = next((s for s in SKELETONS.values() if list(s.keypoint_names) == fields["keypoint_names"]), None)
    if known is not None:
        fields = known.to_dict() | fields
    name = fields.pop("name", None) or "custom"
    skeleton = Skeleton.from_names(name, **fields)
    _warn_of_guesses(skeleton, fields, config)
    section = SkeletonConfig.model_validate(skeleton.to_dict())
    return config.model_copy(update={"data": data.model_copy(update={"skeleton": section})})


def _with_category(path: Path, fields: dict[str, Any], wanted: str | list[str] | None) -> dict[str, Any]:
    """`fields` with the names and edges of the file's category, where they are left out and fit."""
    content = read_json(path)
    try:
        category: Category | None = read_category(path, content, name=wanted)
    except ValueError:
        if "keypoint_names" not in fields:
            raise
        category = None  # only edges are missing, and a model works without
    if category is None:
        return {"edges": [], **fields}
    found = {
        "name": category.name,
        "keypoint_names": list(category.keypoint_names),
        "edges": [list(edge) for edge in category.edges],
    }
    if fields.get("keypoint_names", found["keypoint_names"]) != found["keypoint_names"]:
        return {"edges": [], **fields}  # of other keypoints
    return {**found, **fields}


def _warn_of_guesses(skeleton: Skeleton, given: dict[str, Any], config: Config) -> None:
    names, what = skeleton.keypoint_names, f"skeleton '{skeleton.name}'"
    if _mirrors(config) and "flip_pairs" not in given:
        pairs = [f"{names[a]} - {names[b]}" for a, b in skeleton.flip_pairs]
        warnings.warn(
            f"{what}: flip_pairs are guessed from the names: {', '.join(pairs) or 'none'}; write "
            "data.skeleton.flip_pairs (lists of a left and a right name) if that is wrong",
            stacklevel=3,
        )
    _warn_of_sides(skeleton, config)
    if "oks_sigmas" not in given:
        parts = [split_side(name)[1] for name in names]
        own = sum(part not in COCO_SIGMAS for part in parts)
        how = [f"{len(parts) - own} are those of COCO's parts of the same name"] if own < len(parts) else []
        how += [f"{own} are {DEFAULT_SIGMA}, the median of COCO's"] if own else []
        warnings.warn(
            f"{what}: oks_sigmas are guessed: {', '.join(how)}. AP depends on them: write "
            "data.skeleton.oks_sigmas to compare with others",
            stacklevel=3,
        )
    if not skeleton.upper_body and config.augment is not None and config.augment.half_body > 0:
        warnings.warn(
            f"{what} has no upper_body, so half-body augmentation is off; list data.skeleton.upper_body to have it",
            stacklevel=3,
        )


def _mirrors(config: Config) -> bool:
    return config.eval.flip_test or (config.augment is not None and config.augment.flip > 0)


def _warn_of_sides(skeleton: Skeleton, config: Config) -> None:
    """Of keypoints that have a side by their name and no other of the other side, where images are mirrored."""
    paired = {i for pair in skeleton.flip_pairs for i in pair}
    names = enumerate(skeleton.keypoint_names)
    alone = [name for i, name in names if i not in paired and split_side(name)[0] != "middle"]
    if _mirrors(config) and alone:
        warnings.warn(
            f"skeleton '{skeleton.name}': the names {', '.join(alone)} have a side but stand in no flip pair, so "
            "mirrored images teach the wrong side. Add them to data.skeleton.flip_pairs, or set augment.flip=0 and "
            "eval.flip_test=false",
            stacklevel=4,
        )
