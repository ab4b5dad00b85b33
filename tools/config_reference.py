"""Write docs/config.md from the schema of the config: python tools/config_reference.py"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import textwrap
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pose.config.classification import ClassificationConfig
from pose.config.keypoints import Config
from pose.runtime.files import write_atomic

PAGE = Path(__file__).parents[1] / "docs" / "config.md"
HEAD = """# Every key of a config

Written from `pose/config` by `python tools/config_reference.py`. A config is a YAML file, as in `configs/`; any key
can be given on the command line too, such as `train.lr=5e-4`. `${VAR}` stands for a variable of the environment.
Wrong keys and values are refused, all of them at once.
"""
WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text", dict: "keys and values"}


def render() -> str:
    """The page."""
    parts = [HEAD]
    for task, schema in (("keypoints", Config), ("classification", ClassificationConfig)):
        parts += [f"## `task: {task}`\n", *_section(schema, "")]
    return "\n".join(parts)


def _section(schema: type[BaseModel], path: str) -> list[str]:
    """A table of the schema's keys, then those of the sections in it."""
    meanings = _meanings(schema)
    lines = [f"### `{path}`\n"] if path else []
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for name, field in schema.model_fields.items():
        cells = (f"`{name}`", _kind(field), _default(field), meanings[name])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    lines.append("")
    for name, field in schema.model_fields.items():
        inner = _inner(field.annotation)
        below = f"{path}.{name}" if path else name
        if inner is not None and below != "model.head.activation":
            lines += _section(inner, below)
    return lines


def _meanings(schema: type[BaseModel]) -> dict[str, str]:
    """The text below each field, also of the classes it is derived from."""
    found: dict[str, str] = {}
    for kind in reversed(schema.__mro__):
        if not issubclass(kind, BaseModel) or kind is BaseModel:
            continue
        (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
        assert isinstance(definition, ast.ClassDef)
        for field, text in zip(definition.body, definition.body[1:], strict=False):
            if (
                isinstance(field, ast.AnnAssign)
                and isinstance(text, ast.Expr)
                and isinstance(text.value, ast.Constant)
            ):
                assert isinstance(field.target, ast.Name)
                found[field.target.id] = " ".join(str(text.value.value).split())
    return found


def _inner(annotation: Any) -> type[BaseModel] | None:
    options = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)


def _kind(field: FieldInfo) -> str:
    limits = {
        key: getattr(item, key) for item in field.metadata for key in ("ge", "gt", "le", "lt") if hasattr(item, key)
    }
    return _words(field.annotation) + _limits(limits)


def _words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return ", ".join("null" if a is NoneType else _words(a) for a in arguments)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"[{', '.join(_words(a) for a in arguments)}]"
    if origin is list:
        return f"list of {_words(arguments[0])}"
    if hasattr(annotation, "__metadata__"):
        return _words(annotation.__origin__)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return WORDS[origin or annotation]


def _limits(limits: dict[str, Any]) -> str:
    """Those that say something: very large ones only keep numbers from overflowing."""
    words = {"ge": "{} or more", "gt": "above {}", "le": "{} or less", "lt": "below {}"}
    said = [words[key].format(value) for key, value in limits.items() if abs(value) < 1e6]
    return f", {', '.join(said)}" if said else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    assert value is not PydanticUndefined
    if isinstance(value, BaseModel):
        return ""
    text = {None: "null", True: "true", False: "false"}.get(value) if isinstance(value, bool | NoneType) else None
    if text is None:
        text = f"{value:.6g}" if isinstance(value, float) else re.sub(r"[()']", "", str(value))
        text = f"[{text}]" if isinstance(value, tuple) else text
    return f"`{text}`"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    write_atomic(PAGE, render().encode())
    print(PAGE)
