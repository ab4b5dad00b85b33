"""Read the YAML file of a run: overrides, environment variables, and errors that say what to write instead."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from pose.config.classification import ClassificationConfig
from pose.config.errors import explain_all
from pose.config.files import find_config
from pose.config.keypoints import Config
from pose.config.yaml_text import parse_yaml
from pose.data.foreign import refuse_foreign
from pose.runtime.errors import ConfigError, DataError
from pose.runtime.paths import expand_home
from pose.runtime.text import shell_word

_ANNOTATIONS = re.compile(r'"(annotations|images)"\s*:\s*\[')  # of COCO's JSON, which would take YAML minutes
MAX_ENTRIES, MAX_DEPTH = 100_000, 50
AnyConfig = Config | ClassificationConfig
SCHEMAS: dict[str, type[Config] | type[ClassificationConfig]] = {
    "keypoints": Config,
    "classification": ClassificationConfig,
}


def load_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> AnyConfig:
    """Read a YAML file, apply `a.b=c` overrides, expand `${VAR}` and `~`, and check the whole.

    Args:
        path: the file, or the name of one that comes with the package; see `find_config`.
    Raises:
        FileNotFoundError: no such file.
        DataError: it is the YAML of another tool, or annotations.
        ConfigError: not YAML, empty, an unset variable, or wrong keys or values: all of them in one message.
    """
    file = find_config(path)
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"config {file} is not UTF-8 (byte {error.object[error.start]:#x} at {error.start}); "
            "expected a YAML text file, saved in UTF-8"
        ) from None
    except OSError as error:
        raise ConfigError(f"cannot read config {file}: {error}; expected a YAML text file") from None
    if _ANNOTATIONS.search(text):
        raise DataError(
            f"{file} holds annotations, and a config is expected; write one for them: "
            f"pose new my.yaml --data {shell_word(file)}"
        )
    try:
        data = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"config {file} is not valid YAML: {error}") from None
    if not isinstance(data, dict):
        got = "an empty file" if data is None else f"a {type(data).__name__}"
        raise ConfigError(f"config {file} holds {got}; expected keys such as data:, model:, train:")
    refuse_foreign(file, data)
    return make_config(data, overrides, source=str(file), expand=True)


def make_config(
    data: dict[str, Any], overrides: Sequence[str] = (), *, source: str = "config", expand: bool = False
) -> AnyConfig:
    """`load_config` of data already read.

    Args:
        data: a config's content. Its values are taken as they stand: what a checkpoint of anybody says may not read
            the user's environment.
        overrides: the user's own; `${VAR}` and `~` in them are expanded.
        source: names the config in errors.
        expand: whether `data` is the user's own too.
    Raises:
        ConfigError: wrong keys or values, all of them in one message, or an unset variable.
    """
    for override in overrides:
        data = _override(data, override, expand=not expand)
    _check_size(data, source)
    if expand:  # after the overrides, which may replace what is not set
        data = _expand(data, source)
    task = data.get("task", "keypoints")
    schema = SCHEMAS.get(task, Config) if isinstance(task, str) else Config
    try:
        return schema.model_validate(data)
    except ValidationError as error:
        lines = explain_all(error, schema, tasks=SCHEMAS)
        raise ConfigError(
            f"{source} has {len(lines)} wrong entr{'y' if len(lines) == 1 else 'ies'}:\n  " + "\n  ".join(lines)
        ) from None


def _override(data: dict[str, Any], override: str, *, expand: bool) -> dict[str, Any]:
    """A copy of `data` with one `a.b=c` applied; the value is YAML, its variables expanded here if `expand`."""
    key, equals, text = override.partition("=")
    if not equals or not re.fullmatch(r"[\w]+(\.[\w]+)*", key):
        raise ConfigError(f"an override looks like train.lr=0.001, got '{override}'")
    try:
        value = parse_yaml(text)
    except ValueError as error:
        raise ConfigError(f"the value of override '{override}' is not valid YAML: {error}") from None
    if expand:
        _check_size({key: value}, f"override '{override:.80}'")
        value = _expand(value, f"override '{override}'")
    result = dict(data)
    section = result
    *parents, last = key.split(".")
    for parent in parents:
        child = section.get(parent)
        if isinstance(child, str) and parent == "activation":
            child = {"name": child}
        if child is not None and not isinstance(child, dict):
            raise ConfigError(f"override '{override}': {parent} is a value, not a section")
        section[parent] = dict(child or {})
        section = section[parent]
    section[last] = value
    return result


def _check_size(data: dict[str, Any], source: str) -> None:
    """Refuse YAML whose aliases (`*name`) multiply or contain themselves, before anything walks through it."""
    stack: list[tuple[Any, int]] = [(data, 0)]
    for _ in range(MAX_ENTRIES):
        if not stack:
            return
        item, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise ConfigError(
                f"{source} is nested deeper than {MAX_DEPTH} levels; write it without nested aliases (*name)"
            )
        inner = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        stack.extend((each, depth + 1) for each in inner)
    raise ConfigError(f"{source} has more than {MAX_ENTRIES} entries; write it without nested aliases (*name)")


def _expand(value: Any, source: str) -> Any:
    """Replace ${VAR} in all strings by the environment's value, and `~` at their beginning by the home folder.

    Not in names of skeletons, which come from annotations: those could ask for what is nobody's business.
    """
    if isinstance(value, dict):
        names = {key for key, item in value.items() if key == "skeleton" and isinstance(item, dict)}
        return {key: item if key in names else _expand(item, source) for key, item in value.items()}
    if isinstance(value, list):
        return [_expand(item, source) for item in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        found = os.environ.get(match[1])
        if not found:
            raise ConfigError(f"{source} uses ${{{match[1]}}}, which is not set; run: export {match[1]}=/the/folder")
        return found

    return expand_home(re.sub(r"\$\{(\w+)\}", variable, value))
