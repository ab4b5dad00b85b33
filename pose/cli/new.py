"""`pose new`."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Optional

import typer

from pose.runtime.errors import ConfigError, DataError

if TYPE_CHECKING:
    from pose.check.folder import FoundSplit


def new(
    config: Annotated[Path, typer.Argument(metavar="FILE.yaml", help="The file to write.")],
    data: Annotated[
        Optional[Path],  # noqa: UP045 (typer reads it at run time)
        typer.Option(metavar="DIR|JSON", help="A dataset's folder, or its training annotations, to fill in."),
    ] = None,
) -> None:
    """Write a config for data of your own, with comments.

    With --data it names the files found there, and the skeleton of the training annotations.
    """
    from pose.config.files import configs_folder
    from pose.runtime.files import write_atomic

    if config.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"{config} is no config's name; give one that ends in .yaml")
    if config.exists():
        raise ConfigError(f"{config} exists already; give another name")
    text = (configs_folder() / "own/template.yaml").read_text(encoding="utf-8")
    # What the template says of itself is not true of the copy.
    text = "# What each entry means: docs/own_data.md and docs/config.md.\n" + re.sub(r"\A(#.*\n)+", "", text)
    if data is not None:
        text = _fill(text, data)
    write_atomic(config, text.encode())
    print(f"{config}: look through it, then: pose check {config}; pose train {config}")


def _fill(template: str, data: Path) -> str:
    """The template with the files of a dataset and their skeleton."""
    root, train, val = _find_data(data)
    text = _set(template, "root", [str(root)])
    text = _set(text, "images", [_below(root, split.images_dir) for split in (train, val)])
    text = _set(text, "annotations", [_below(root, split.path) for split in (train, val)])
    return _with_skeleton(text)


def _find_data(data: Path) -> tuple[Path, FoundSplit, FoundSplit]:
    """The root of a dataset, and its splits to train on and to evaluate."""
    from pose.check.folder import find_splits, is_training

    if not data.exists():
        raise FileNotFoundError(f"no folder or file {data}; give a dataset's folder or an annotation JSON as --data")
    root = data if data.is_dir() else data.parent.parent if data.parent.name == "annotations" else data.parent
    splits = find_splits(root)
    named = splits if data.is_dir() else [split for split in splits if split.path.resolve() == data.resolve()]
    if not named:
        raise DataError(f"{data} has no list of images with keypoints; give a COCO keypoint JSON as --data")
    train = named[0]
    val = next((split for split in splits if split is not train and not is_training(split.name)), train)
    if val is train:
        warnings.warn(
            f"{train.path} is the only split found, so it stands for validation too; numbers on it prove nothing",
            stacklevel=2,
        )
    return root, train, val


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _set(text: str, key: str, values: list[str]) -> str:
    """Put values at the places of a key, in their order; comments stay, in their column where there is room."""
    rest = iter(values)

    def replace(match: re.Match[str]) -> str:
        entry, comment = f"{match[1]}{key}: {_scalar(next(rest))}", match[2]
        return entry if not comment else f"{entry:<{len(match[0]) - len(comment)}}".rstrip() + f"  {comment}"

    return re.sub(rf"^( +){key}: [^#\n]*?(?: +(#.*))?$", replace, text, count=len(values), flags=re.MULTILINE)


def _scalar(value: Any) -> str:
    """YAML on one line; text in quotes only where it needs them."""
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z_./][\w./-]*", value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)


_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")  # what YAML does not read as text


def _with_skeleton(text: str) -> str:
    """Write out the skeleton of the training annotations, with what is guessed from its names."""
    from pose.config.keypoints import Config, SkeletonConfig
    from pose.config.load import make_config
    from pose.config.skeleton import with_skeleton
    from pose.config.yaml_text import parse_yaml
    from pose.keypoints.known import SKELETONS

    config = make_config(parse_yaml(text), source="the new config")
    assert isinstance(config, Config)
    try:
        skeleton = with_skeleton(config).data.skeleton
    except ValueError as error:  # several categories, such as need a choice
        warnings.warn(f"the skeleton is left to you: {error}", stacklevel=2)
        return text
    assert isinstance(skeleton, SkeletonConfig)
    known = [name for name, one in SKELETONS.items() if list(one.keypoint_names) == skeleton.keypoint_names]
    if known:
        lines = [f"  skeleton: {known[0]}\n"]
    else:
        fields = skeleton.model_dump(mode="json", exclude_none=True)
        lines = ["  skeleton:  # flip pairs, left first, and OKS sigmas are guesses from the names: look at them\n"]
        lines += [f"    {key}: {_flow(value)}\n" for key, value in fields.items()]
    # The entry, and the commented example below it.
    entry = r"^  skeleton: .*\n(?:  # skeleton:.*\n)?(?:  #  .*\n)*"
    return re.sub(entry, lambda _: "".join(lines), text, count=1, flags=re.MULTILINE)


def _flow(value: Any) -> str:
    return f"[{', '.join(map(_flow, value))}]" if isinstance(value, list) else _scalar(value)
