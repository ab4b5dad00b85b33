"""The configs that come with the package, by name."""

from __future__ import annotations

import os
from pathlib import Path

import pose
from pose.runtime.paths import user_path
from pose.runtime.text import did_you_mean

DEFAULT_FOLDER = "coco"  # of a name without one


def configs_folder() -> Path:
    """Where they lie: in the package once it is built into a wheel, beside it in a checkout."""
    package = Path(pose.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def list_configs() -> list[str]:
    """Their names: `mobilenet_v2_x1.0_dyrelu` of the folder coco, `figures/demo_model` of others."""
    folder = configs_folder()
    names = [path.relative_to(folder).with_suffix("").as_posix() for path in sorted(folder.glob("*/*.yaml"))]
    return [name.removeprefix(f"{DEFAULT_FOLDER}/") for name in names]


def find_config(name: str | os.PathLike[str]) -> Path:
    """The file that a path or a name stands for; whatever is there at the path comes first.

    Args:
        name: a path; `FOLDER/NAME` of a file in configs/, also as `configs/FOLDER/NAME.yaml` where the working folder
            is another one; or `NAME` of one in configs/coco.
    Raises:
        FileNotFoundError: neither; with all names.
    """
    given = user_path(name)
    if given.exists():
        return given
    names = list_configs()
    wanted = given.as_posix().removesuffix(".yaml").removeprefix("configs/").removeprefix(f"{DEFAULT_FOLDER}/")
    if wanted in names:
        return configs_folder() / (f"{wanted}.yaml" if "/" in wanted else f"{DEFAULT_FOLDER}/{wanted}.yaml")
    if given.suffix in (".yaml", ".yml"):
        raise FileNotFoundError(
            f"no config file {given}; the ones that come with the project are in {configs_folder()}, and `pose new "
            f"{given}` writes one"
        )
    hint = did_you_mean(wanted, names)
    folders = dict.fromkeys(name.rpartition("/")[0] for name in names)
    listed = [", ".join(name for name in names if name.rpartition("/")[0] == folder) for folder in folders]
    raise FileNotFoundError(
        f"no config file {given}, and no config of that name comes with the project"
        + (f"; {hint}" if hint.startswith("did you mean") else "")
        + "; there are\n  "
        + "\n  ".join(listed)
    )
