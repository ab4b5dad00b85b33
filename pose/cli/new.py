"""`pose new`."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from pose.runtime.errors import ConfigError, DataError
from pose.runtime.text import shell_word

if TYPE_CHECKING:
    from pose.check.folder import FoundSplit
    from pose.config.keypoints import SkeletonConfig


def new(
    config: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The file to write.")],
    data: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(metavar="DIR|JSON", help="A dataset's folder, or its training annotations, to fill in."),
    ] = None,
    images: Annotated[
        Optional[Path],  # noqa: UP045
        typer.Option(metavar="DIR", help="Folder of the images of a JSON, where they are not beside it."),
    ] = None,
) -> None:
    """Write a commented config that starts from the demo model.

    It is for data of your own. With --data it has the files found there, the skeleton of the training annotations,
    and sizes and epochs that suit them.
    """
    from pose.config.files import configs_folder
    from pose.runtime.files import write_atomic
    from pose.runtime.paths import user_path

    config = user_path(config)
    if config.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"{config} is no config's name; give one that ends in .yaml")
    if config.exists():
        raise ConfigError(f"{config} exists already; give another name")
    if images is not None and data is None:
        raise ConfigError("--images is the folder of the images of a JSON; give that as --data")
    text = (configs_folder() / "own/finetune.yaml").read_text(encoding="utf-8")
    # What the file says of itself is not true of the copy.
    text = "# What each entry means: docs/own_data.md and docs/config.md.\n" + re.sub(r"\A(#.*\n)+", "", text)
    told = ""
    if data is not None:
        text, told = _fill(text, user_path(data), None if images is None else user_path(images))
    write_atomic(config, text.encode())
    if told:
        print(told)
    print(f"{config}: look through it, then: pose check {shell_word(config)}; pose train {shell_word(config)}")


def _fill(template: str, data: Path, images: Path | None) -> tuple[str, str]:
    """The template with the files of a dataset, their skeleton, and what suits them; and a line for the user."""
    from pose.cli.new_recipe import suit

    train, val = _find_data(data, images)
    root = _common_root([path for split in (train, val) for path in (split.path.parent, split.images_dir)])
    text = _set(template, "root", [str(root)])
    text = _set(text, "images", [_below(root, split.images_dir) for split in (train, val)])
    text = _set(text, "annotations", [_below(root, split.path) for split in (train, val)])
    skeleton = _resolve_skeleton(text)
    names = None if skeleton is None else skeleton.keypoint_names
    recipe = suit(train.document, val.document, keypoint_names=names)
    if not recipe.people:
        raise DataError(
            f"{train.path} has nobody with a labeled keypoint, so there is nothing to learn; "
            f"`pose check {shell_word(train.path)}` shows why"
        )
    for key, value in recipe.entries().items():
        text = _set(text, key, [value])
    return text if skeleton is None else _with_skeleton(text, skeleton), str(recipe)


def _find_data(data: Path, images: Path | None) -> tuple[FoundSplit, FoundSplit]:
    """The splits of a dataset to train on and to evaluate."""
    from pose.check.folder import check_images, find_split, find_splits, find_validation, is_training, validation_file

    if not data.exists():
        raise FileNotFoundError(f"no folder or file {data}; give a dataset's folder or an annotation JSON as --data")
    if images is not None and not images.is_dir():
        raise FileNotFoundError(f"no folder {images}; give the one that the file names of {data} are in")
    if not data.is_dir():
        train = find_split(data, images=images)
        beside = validation_file(data)
        val = train if beside is None else find_validation(beside, train, images=images)
    elif images is not None:
        raise ConfigError("--images is for one JSON as --data; the images of a folder are found in it")
    else:
        splits = find_splits(data)
        pairs = {split.path: validation_file(split.path) for split in splits}
        train = next((split for split in splits if pairs[split.path] is not None), splits[0])
        others = [split for split in splits if split is not train and not is_training(split.name)]
        beside = pairs[train.path]
        val = next((split for split in others if beside in (None, split.path)), train)
    for split in (train, val):
        check_images(split)
    if val is train:
        warnings.warn(
            f"{train.path} is the only split found, so it stands for validation too; numbers on it prove nothing. "
            f"`pose split {shell_word(train.path)} --val 0.2` makes two of it",
            stacklevel=2,
        )
    return train, val


def _common_root(folders: list[Path]) -> Path:
    """The folder that all are in; relative where they are."""
    if len({folder.is_absolute() for folder in folders}) > 1:
        folders = [folder.absolute() for folder in folders]
    if folders[0].is_absolute():
        return Path(os.path.commonpath(folders))
    relative = os.path.commonpath([os.path.abspath(folder) for folder in folders])
    return Path(os.path.relpath(relative))


def _below(root: Path, path: Path) -> str:
    return Path(os.path.relpath(path, root)).as_posix()


def _set(text: str, key: str, values: Sequence[Any]) -> str:
    """Put values at the places of a key, in their order; comments stay, in their column where there is room."""
    rest = iter(values)

    def replace(match: re.Match[str]) -> str:
        entry, comment = f"{match[1]}{key}: {_flow(next(rest))}", match[2]
        return entry if not comment else f"{entry:<{len(match[0]) - len(comment) - 2}}  {comment}"

    return re.sub(rf"^( +){key}: [^#\n]*?(?: +(#.*))?$", replace, text, count=len(values), flags=re.MULTILINE)


def _scalar(value: Any) -> str:
    """YAML on one line; text in quotes only where it needs them."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z_./][\w./-]*", value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)


_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")  # what YAML does not read as text


def _resolve_skeleton(text: str) -> SkeletonConfig | None:
    """The skeleton of the training annotations, with what is guessed from its names; None where it needs a choice."""
    from pose.config.keypoints import Config, SkeletonConfig
    from pose.config.load import make_config
    from pose.config.skeleton import with_skeleton
    from pose.config.yaml_text import parse_yaml

    config = make_config(parse_yaml(text), source="the new config")
    assert isinstance(config, Config)
    try:
        skeleton = with_skeleton(config).data.skeleton
    except ValueError as error:  # such as several categories
        warnings.warn(f"the skeleton is left to you: {error}", stacklevel=2)
        return None
    assert isinstance(skeleton, SkeletonConfig)
    return skeleton


def _with_skeleton(text: str, skeleton: SkeletonConfig) -> str:
    """Write out a skeleton, or its name if it is a known one."""
    from pose.keypoints.known import SKELETONS

    known = [name for name, one in SKELETONS.items() if list(one.keypoint_names) == skeleton.keypoint_names]
    if known:
        lines = [f"  skeleton: {known[0]}\n"]
    else:
        fields = skeleton.model_dump(mode="json", exclude_none=True)
        lines = ["  skeleton:  # flip pairs, left first, and OKS sigmas are guesses from the names: look at them\n"]
        lines += [f"    {key}: {_flow(value)}\n" for key, value in fields.items()]
    # The entry, and the commented examples below it.
    entry = r"^  skeleton: .*\n(?:  # .*\n)*"
    return re.sub(entry, lambda _: "".join(lines), text, count=1, flags=re.MULTILINE)


def _flow(value: Any) -> str:
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, list) else _scalar(value)
