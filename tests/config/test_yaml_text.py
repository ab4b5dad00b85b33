"""Numbers and texts of config files: YAML 1.2's, whatever PyYAML takes them for."""

from __future__ import annotations

import math

import pytest
import yaml

from pose.config.yaml_text import format_yaml, parse_yaml
from pose.runtime.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("010", 10), ("08", 8), ("-012", -12), ("1_000", 1000), ("0x10", 16), ("0o17", 15), ("+3", 3), ("0", 0)],
        *[("1e-1", 0.1), ("1.0e-1", 0.1), (".5", 0.5), ("1.", 1.0), ("-.5e-3", -0.0005), ("-.inf", -math.inf)],
        *[("1:30", "1:30"), ("1:30.5", "1:30.5"), ("true", True), ("~", None), ("1.2.3", "1.2.3"), ("-", "-")],
    ],
)
def test_scalars(text: str, value: object) -> None:
    found = parse_yaml(f"[{text}]")[0] if text != "-" else parse_yaml('["-"]')[0]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("value", ["010", "08", "1:30", "1e3", "0o17", "12", ".5", "no", 1e-5, 1e22, 3.0, -4, "a"])
def test_what_is_written_is_read_back_by_others_too(value: object) -> None:
    """Python's YAML is of version 1.1."""
    text = format_yaml({"key": value})
    assert parse_yaml(text) == {"key": value}
    assert yaml.safe_load(text)["key"] in (value, str(value))


def test_a_tag_does_not_make_a_number() -> None:
    with pytest.raises(ConfigError, match="'abc' is no whole number"):
        parse_yaml("key: !!int abc")
