"""What is wrong with a config, in the words of this project: where, what was expected, and what was got."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pose.runtime.text import did_you_mean

# By pydantic's types of errors; in braces what it says of each.
EXPECTED = {
    "greater_than_equal": "{ge} or more",
    "greater_than": "more than {gt}",
    "less_than_equal": "{le} or less",
    "less_than": "less than {lt}",
    "finite_number": "a finite number",
    **dict.fromkeys(("int_type", "int_parsing", "int_from_float", "int_parsing_size"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("string_type", "string_unicode", "string_sub_type"), "text"),
    **dict.fromkeys(("list_type", "tuple_type"), "a list"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "keys with values"),
    "literal_error": "{expected}",
}


def explain_all(error: ValidationError, schema: type[BaseModel], *, tasks: Iterable[str]) -> list[str]:
    """A line for each thing that is wrong.

    Args:
        schema: what the config was read as.
        tasks: what its `task` can be.
    """
    return [_explain(one, schema, tasks) for one in error.errors() if not _is_of_other_member(one)]


def _is_of_other_member(error: Mapping[str, Any]) -> bool:
    """Of a skeleton, a name or a section, and a category, a name or a list, pydantic says what each member lacks."""
    is_list = isinstance(error["input"], list)
    return (
        error["loc"] == ("data", "skeleton", "str")
        or (error["loc"] == ("data", "category", "str") and is_list)
        or (error["loc"] == ("data", "category", "list[str]") and not is_list)
    )


def _explain(error: Mapping[str, Any], schema: type[BaseModel], tasks: Iterable[str]) -> str:
    loc, kind, given = list(error["loc"]), error["type"], error["input"]
    if loc[:2] in (["data", "skeleton"], ["data", "category"]):
        del loc[2:3]  # pydantic names the member of the union there ("str", "SkeletonConfig"), which is no key
    where = ".".join(f"{step!s:.80}" for step in loc)
    if where == "task":
        return f"task: expected {' or '.join(map(repr, tasks))}, got {_shown(given)}"
    if kind == "extra_forbidden":
        section = section_at(schema, loc[:-1])
        return f"{where}: no such key; {did_you_mean(str(loc[-1]), list(section.model_fields) if section else [])}"
    if kind == "missing":
        if loc and isinstance(loc[-1], int):
            return f"{'.'.join(map(str, loc[:-1]))}: entry {loc[-1] + 1} is missing, got {_shown(given)}"
        return f"{where}: missing"
    if kind == "invalid_key":
        return (
            f"{where}: expected text as a key, got {_shown(given)}; put it in quotes (YAML reads on and yes as true)"
        )
    if kind == "value_error":
        message = error["msg"].removeprefix("Value error, ")
        return f"{where}: {message}" if where else message
    if kind in ("too_short", "too_long"):
        many = error["ctx"]["min_length"] if kind == "too_short" else error["ctx"]["max_length"]
        most = "at least" if kind == "too_short" else "at most"
        return (
            f"{where}: expected {most} {many} entr{'y' if many == 1 else 'ies'}, got {error['ctx']['actual_length']}"
        )
    limits = {key: f"{v:.9g}" if isinstance(v, float) else v for key, v in error.get("ctx", {}).items()}
    expected = EXPECTED[kind].format(**limits) if kind in EXPECTED else error["msg"]
    section = section_at(schema, loc)
    if section is not None and kind in ("dict_type", "model_type", "model_attributes_type"):
        expected += f" such as {', '.join(list(section.model_fields)[:3])}"
        expected = f"a name such as coco17, or {expected}" if where == "data.skeleton" else expected
    return f"{where or 'the config'}: expected {expected}, got {_shown(given)}"


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.80}"
    except (ValueError, RecursionError):  # a number of thousands of digits, a list in itself
        return f"a huge {type(value).__name__}"


def section_at(schema: type[BaseModel], loc: Sequence[Any]) -> type[BaseModel] | None:
    """The section of a config at a place; None for a single value."""
    section: Any = schema
    for step in loc:
        field = section.model_fields.get(step) if isinstance(step, str) else None
        if field is None:
            return None
        options = get_args(field.annotation) if get_origin(field.annotation) else (field.annotation,)
        section = next((o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None)
        if section is None:
            return None
    return section
